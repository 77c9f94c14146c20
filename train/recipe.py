"""A recipe: everything that decides what a training makes, read from one TOML file and frozen."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class RecipeError(ValueError):
    """The recipe says something that cannot be done; the message names the place, what was found and what to do."""


@dataclass(frozen=True)
class Source:
    """One set of texts, with where it came from, so that a licence is never guessed."""

    name: str
    reader: str
    "A function of `train.sources`, or `corpus` for the project's own."
    licence: str
    repository: str
    commit: str = "as compiled 2026-11-20"
    path: str = ""
    "Below `--data`; empty for the project's own corpus."
    options: dict[str, Any] = field(default_factory=dict)
    "Passed to the reader."


@dataclass(frozen=True)
class Model:
    """What the weights start from."""

    start: str = "minilm"
    "`minilm` (all-MiniLM-L6-v2 as a decoder), `scratch` (the same shape, random), or a causal model's folder or Hub name."
    vocabulary: int = 12288
    "Tokens, the special ones included."
    layers: int = 6
    "MiniLM has six: more repeat them in place, fewer leave some out."
    weights: str = "float32"
    "Or `bfloat16`, half the memory: right for the frozen weights under a LoRA."
    licence: str = ""
    "The start's own licence as the Hub spells it; it stands in the card of what is published."

    @property
    def own(self) -> bool:
        """Whether tokenizer and chat template are the project's; a start by name keeps its own."""
        return self.start in ("minilm", "scratch")


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters that are trained in place of the weights (Hu et al. 2021), by peft; merged when a stage ends."""

    r: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: str | list[str] = "all-linear"
    "Which linear layers get one: names, or all but the output head."


@dataclass(frozen=True)
class Stage:
    """One training with its own optimiser and schedule, on top of the stage before."""

    name: str
    mix: dict[str, float]
    "Source name to how many times it is read in an epoch; a fraction reads a part."
    epochs: float
    learning_rate: float
    loss: str = "reply"
    "`reply` takes the loss on the assistant's tokens, END included; `all` on every token."
    packed: bool = False
    "Fill every row with conversation after conversation (fast, for `all`), or one conversation a row."
    length: int = 384
    "Tokens in a row. A longer conversation loses its oldest turns."
    batch: int = 16
    "Rows in one step of the optimiser, over all processes together, so that a recipe means the same on any machine."
    accumulate: int = 1
    "In how many parts a process computes its rows of a batch: more parts, less memory, the same result."
    checkpointing: bool = False
    "Compute activations again on the way back instead of keeping them: a third more time, a fraction of the memory."
    bf16: bool = True
    "Compute in bfloat16; the optimiser's own numbers keep the precision of the weights."
    warmup: float = 0.05
    "Share of the steps before the learning rate reaches its peak."
    schedule: str = "cosine"
    dropout: float = 0.0
    compile: bool = False
    weight_decay: float = 0.01


@dataclass(frozen=True)
class Recipe:
    name: str
    seed: int
    model: Model
    sources: tuple[Source, ...]
    stages: tuple[Stage, ...]
    lora: Lora | None = None

    def source(self, name: str) -> Source:
        for source in self.sources:
            if source.name == name:
                return source
        known = ", ".join(s.name for s in self.sources)
        raise RecipeError(f"No source is called {name!r}. The recipe has: {known}.")


def _build(cls: type, table: dict[str, Any], where: str) -> Any:
    known = {f.name for f in fields(cls)}
    if unknown := set(table) - known:
        raise RecipeError(
            f"{where} has {', '.join(sorted(unknown))}, which means nothing. It may have: {', '.join(sorted(known))}."
        )
    try:
        return cls(**table)
    except TypeError as error:
        raise RecipeError(f"{where}: {error}") from None


def load(path: str | Path) -> Recipe:
    """Read a recipe and check that its parts fit together.

    Raises:
        RecipeError: a field is unknown or missing, or a stage mixes a source that the recipe does not have.
    """
    table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    recipe = Recipe(
        name=table.get("name", Path(path).stem),
        seed=table.get("seed", 0),
        model=_build(Model, table.get("model", {}), "[model]"),
        sources=tuple(_build(Source, s, f"[[sources]] number {i}") for i, s in enumerate(table.get("sources", []), 1)),
        stages=tuple(_build(Stage, s, f"[[stages]] number {i}") for i, s in enumerate(table.get("stages", []), 1)),
        lora=_build(Lora, table["lora"], "[lora]") if "lora" in table else None,
    )
    if recipe.model.weights not in ("float32", "bfloat16"):
        raise RecipeError(f"[model] weights must be 'float32' or 'bfloat16', got {recipe.model.weights!r}.")
    for stage in recipe.stages:
        for name in stage.mix:
            recipe.source(name)
        if stage.loss not in ("reply", "all"):
            raise RecipeError(f"Stage {stage.name}: loss must be 'reply' or 'all', got {stage.loss!r}.")
    return recipe
