"""`python -m train refine --data DIR`: does a small model answer better with the nearest reference reflections before it?

Retrieve-and-refine: statement and reply of the nearest training entries stand before the person's own talk, as if they
were earlier turns, so that the one renderer serves. Base, steps and measures are those of `seeds`, so its tables compare.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from therapist.conversation import Message, assistant, user
from therapist.text import words
from train import corpus, evaluate, fit, recipe, seeds

OUT = Path(__file__).parent / "bench" / "refine.md"


@dataclass(frozen=True)
class Variant:
    """How many neighbours stand before a training row, how often they are strangers, how often there are none."""

    near: int = 0
    strangers: float = 0.0
    "Share of neighbours drawn at random, so that copying does not pay."
    none: float = 0.0
    "Share of rows without any, so that the person's words alone are enough."


VARIANTS = {
    "statement alone": Variant(),
    "the nearest before it": Variant(1),
    "the two nearest": Variant(2),
    "two, half of them strangers, every sixth row without": Variant(2, 0.5, 1 / 6),
}


@cache
def _known() -> tuple[Any, list[dict], Any]:
    """Encoder, training entries with a plain reply, and the vectors of their statements."""
    from therapist.reranker import Reranker

    encoder = Reranker.load().encoder
    found = [e for e in corpus.entries("train") if e["plain"]]
    return encoder, found, encoder.encode([e["statement"] for e in found])


@cache
def nearest(statement: str, count: int = 4) -> tuple[int, ...]:
    """Places of the training entries nearest to a statement, nearest first; an entry is no neighbour of its own."""
    encoder, known, vectors = _known()
    likeness = vectors @ encoder.encode([statement])[0]
    order = np.argsort(-likeness)[: count + 8]
    return tuple(int(i) for i in order if known[i]["statement"] != statement)[:count]


def before(statement: str, variant: Variant, rng: random.Random | None = None) -> list[Message]:
    """The neighbours as turns, the nearest last; `rng` regularises as the variant says and is left out when drafting."""
    known = _known()[1]
    if rng and rng.random() < variant.none:
        return []
    places = [
        rng.randrange(len(known)) if rng and rng.random() < variant.strangers else place
        for place in nearest(statement)[: variant.near]
    ]
    pairs = ((user(known[i]["statement"]), assistant(known[i]["plain"][0])) for i in reversed(places))
    return [turn for pair in pairs for turn in pair]


def pairs(split: corpus.Split, variant: Variant, *, regularised: bool) -> seeds.Rows:
    """Every plain reply of a split behind its statement's neighbours."""
    rng = random.Random(0) if regularised else None
    return [
        [*before(e["statement"], variant, rng), *e["history"], user(e["statement"]), assistant(reply)]
        for e in corpus.entries(split)
        for reply in e["plain"]
    ]


def copied(entries: Sequence[dict], drafts: Sequence[Sequence[str]]) -> float:
    """Share of drafts that are mostly made of runs of five words out of the two nearest reflections."""
    known, found = _known()[1], 0
    for entry, texts in zip(entries, drafts, strict=True):
        near = [words(known[i]["plain"][0].lower()) for i in nearest(entry["statement"])[:2]]
        runs = {tuple(w[i : i + 5]) for w in near for i in range(len(w) - 4)}
        found += sum(evaluate.copies(text, runs, size=5) for text in texts)
    return found / sum(len(texts) for texts in drafts)


def table(data: Path, out: Path, n: int = 4) -> dict[str, dict[str, float]]:
    """The figures of every variant on the corpus's test statements."""
    plan = recipe.load(seeds.RECIPE)
    begun, prepared = seeds.trained_base(plan, data, out), out / "prepared"
    asked = random.Random(0).sample(corpus.entries("test"), 100)
    figures = {}
    for i, (name, variant) in enumerate(VARIANTS.items()):
        folder = out / f"refine-{i}"
        if not (folder / "manifest.json").exists():
            part = seeds.Part(lambda _, variant=variant: pairs("train", variant, regularised=True))
            stage = seeds.written(part, data, prepared, folder.name, plan, seeds.STEPS)
            fit.run(plan, stage, prepared, folder, begun, max_steps=seeds.STEPS)
        told = [[*before(e["statement"], variant), *e["history"], user(e["statement"])] for e in asked]
        drafts = seeds.drafted(folder, told, n, seed=0)
        figures[name] = (
            seeds.spelled(folder, pairs("test", variant, regularised=False))
            | seeds.measured(asked, drafts)
            | {"copies a neighbour": copied(asked, drafts)}
        )
        print(name, json.dumps(figures[name]), flush=True)
    return figures


def write(data: Path, out: Path) -> Path:
    """Train what is not trained, measure, write the table."""
    rows = seeds.markdown(table(data, out))
    head = ["# Retrieve and refine", "", "`python -m train refine --data DIR`", ""]
    OUT.write_text("\n".join([*head, *rows, ""]), encoding="utf-8")
    return OUT
