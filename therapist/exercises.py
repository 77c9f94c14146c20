"""Short exercises for a hard moment, and the engine that walks them. Their words are data, one file per language."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Step:
    """One thing to do, and for how long."""

    say: str
    seconds: int
    move: Literal["in", "out", "stay"] = "stay"
    "What the pacer's circle does meanwhile: grow, shrink or rest."


@dataclass(frozen=True)
class Exercise:
    """Steps that are walked in order, `rounds` times."""

    id: str
    kind: Literal["breathing", "grounding"]
    name: str
    about: str
    steps: tuple[Step, ...]
    rounds: int = 1

    @property
    def seconds(self) -> int:
        return self.rounds * sum(step.seconds for step in self.steps)


def walk(exercise: Exercise) -> Iterator[tuple[int, Step]]:
    """Every step in order with the second at which it begins."""
    second = 0
    for _ in range(exercise.rounds):
        for step in exercise.steps:
            yield second, step
            second += step.seconds


@cache
def _table(language: str) -> dict:
    return json.loads((DATA / language / "exercises.json").read_text(encoding="utf-8"))


@cache
def exercises(language: str = "en") -> tuple[Exercise, ...]:
    """All exercises; the first is the one to offer when none is named."""
    return tuple(
        Exercise(e["id"], e["kind"], e["name"], e["about"], tuple(Step(**s) for s in e["steps"]), e["rounds"])
        for e in _table(language)["exercises"]
    )


def asked_for(statement: str, language: str = "en") -> Exercise | None:
    """The exercise that a statement asks for, or None: "no more breathing exercises" asks for none."""
    table, text = _table(language), statement[:500].replace("\u2019", "'").lower()
    asks = re.search(table["asks"], text)
    if not asks or re.search(table["refuses"], text[: asks.start()]):
        return None
    named = (e["id"] for e in table["exercises"] if re.search(e["asks"], text))
    wanted = next(named, None)
    return next((e for e in exercises(language) if e.id == wanted), exercises(language)[0])


def script(exercise: Exercise, language: str = "en") -> str:
    """The exercise in words, for wherever there is no pacer."""
    first_round = [f"{s.say}: {s.seconds} seconds." if exercise.kind == "breathing" else s.say for s in exercise.steps]
    lines = [_table(language)["intro"][exercise.kind], "", *first_round]
    return "\n".join([*lines, *([_table(language)["again"].format(exercise.rounds)] if exercise.rounds > 1 else [])])
