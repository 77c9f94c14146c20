"""`python -m train shapes --data DIR`: what start, depth, vocabulary and replay are worth to a small generator.

Each shape learns everyday dialogue for a few steps and the corpus's plain replies for as many, and is asked how many
bits a byte of held-out replies costs it, which vocabularies of any size share. Replay is compared on the base of `seeds`.
"""

import json
from dataclasses import replace
from pathlib import Path

from therapist.conversation import assistant, user
from train import corpus, fit, prepare, recipe, seeds

OUT = Path(__file__).parent / "bench" / "shapes.md"
STEPS = 80
"Optimiser steps of each of the two trainings: the differences count, not what they reach."
MIX = {"films": 1.0, "personas": 1.0}
SHAPES = {
    "six layers, 12,288 tokens, from MiniLM": recipe.Model(),
    "the same, from random weights": recipe.Model(start="scratch"),
    "three layers": recipe.Model(layers=3),
    "twelve layers": recipe.Model(layers=12),
    "6,144 tokens": recipe.Model(vocabulary=6144),
    "24,576 tokens": recipe.Model(vocabulary=24576),
}
REPLAYED = (0.0, 0.1, 0.5)
"Shares of counsel-chat's answers, learned before, that are seen again while the corpus is learned."


def held(count: int = 400) -> seeds.Rows:
    """Statements of the corpus's test split with their first plain reply."""
    rows = [e for e in corpus.entries("test") if e["plain"]]
    return [[*e["history"], user(e["statement"]), assistant(e["plain"][0])] for e in rows][:count]


def shape(model: recipe.Model, data: Path, out: Path) -> dict[str, float]:
    """Figures of one shape after its two trainings."""
    plan = replace(recipe.load(seeds.RECIPE), model=model)
    first = replace(plan.stages[0], name="everyday", mix=MIX, compile=False, bf16=fit.multiplies_halves())
    prepared = out.parent / f"prepared-{model.vocabulary}"
    prepare.prepare(plan, data, prepared, first)
    everyday = fit.run(plan, first, prepared, out / "everyday", None, max_steps=STEPS)
    log = json.loads((everyday / "log.json").read_text(encoding="utf-8"))
    minutes = next(row["train_runtime"] for row in log if "train_runtime" in row) / 60
    second = seeds.written(seeds.Part(seeds.plain_pairs(10**6)), data, prepared, "plain", plan, STEPS)
    plain = fit.run(plan, second, prepared, out / "plain", everyday, max_steps=STEPS)
    size = (plain / "model.safetensors").stat().st_size / 4e6
    return {"million parameters": size, "minutes of everyday talk": minutes, **seeds.spelled(plain, held())}


def replay(share: float, data: Path, out: Path) -> dict[str, float]:
    """What is kept of counselling answers, and what is learned of the corpus, where a share of the former is replayed."""
    plan, prepared = recipe.load(seeds.RECIPE), out / "prepared"
    begun = seeds.trained_base(plan, data, out)
    answers = seeds.Part(seeds.opening_answers)
    plain = seeds.Part(seeds.mixed((seeds.plain_pairs(10**6), 1.0), (seeds.opening_answers, share)))
    for name, part in (("answers", answers), (f"replay-{share}", plain)):
        folder = out / name
        if not (folder / "manifest.json").exists():
            stage = seeds.written(part, data, prepared, name, plan, STEPS)
            fit.run(plan, stage, prepared, folder, begun, max_steps=STEPS)
        begun = folder
    answered = seeds.test_pairs(data)
    return {
        "bits per byte, plain replies": seeds.spelled(begun, held())["bits per byte"],
        "bits per byte, counselling": seeds.spelled(begun, answered)["bits per byte"],
    }


def write(data: Path, out: Path) -> Path:
    """Train what is not trained (`out` is where `seeds` keeps its base), measure, write both tables."""
    figures = {}
    for i, (name, model) in enumerate(SHAPES.items()):
        figures[name] = shape(model, data, out / "shapes" / str(i))
        print(name, json.dumps(figures[name]), flush=True)
    kept = {}
    for share in REPLAYED:
        kept[f"{share:.0%} of the answers again"] = replay(share, data, out)
        print(share, json.dumps(list(kept.values())[-1]), flush=True)
    head = ["# Shapes of a small generator", "", "`python -m train shapes --data DIR`", ""]
    OUT.write_text("\n".join([*head, *seeds.markdown(figures), "", *seeds.markdown(kept), ""]), encoding="utf-8")
    return OUT
