"""Short exercises for a hard moment, and the engine that walks them. Their words are data, one file per language.

A language other than English gives its words only; seconds, moves and order come from the English file. No model ever
writes a step.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from therapist.errors import InputError
from therapist.language import written_in

DATA = Path(__file__).parent / "data"
OWN = ("name", "about", "note", "asks", "says")
SAID = ("say", "label", "choices")
"What a language gives of an exercise, and of its steps a list for each kind of words."
READ = 500
"Characters of a statement in which a request is looked for."


@dataclass(frozen=True)
class Step:
    """One thing to do, and for how long."""

    say: str
    seconds: int
    "0 where the person goes on when they like."
    move: Literal["in", "out", "stay"] = "stay"
    "What the pacer's circle does meanwhile: grow, shrink or rest."
    label: str = ""
    "A short name of what the person writes here; empty where nothing is asked."
    choices: tuple[str, ...] = ()
    'What to choose from, each as "name: explanation" or as a name alone.'


@dataclass(frozen=True)
class Exercise:
    """Steps that are walked in order, `rounds` times."""

    id: str
    kind: Literal["panic", "breathing", "grounding", "relaxation", "writing", "sleep"]
    name: str
    about: str
    steps: tuple[Step, ...]
    rounds: int = 1
    note: str = ""
    "For whom it does not fit, and when to stop."
    instead: str = ""
    "The id of what to offer when it made things worse."
    language: str = "en"
    "BCP 47 code of its words."

    @property
    def seconds(self) -> int:
        """Time of all timed steps; those that wait for the person count as 0."""
        return self.rounds * sum(step.seconds for step in self.steps)

    @property
    def asks(self) -> bool:
        """Whether the person is invited to write."""
        return any(step.label for step in self.steps)


def walk(exercise: Exercise) -> Iterator[tuple[int, Step]]:
    """Every step in order with the second at which it begins."""
    second = 0
    for _ in range(exercise.rounds):
        for step in exercise.steps:
            yield second, step
            second += step.seconds


@cache
def exercises(language: str = "en") -> tuple[Exercise, ...]:
    """All exercises that a language has; the first is the one to offer when none is named."""
    return tuple(
        Exercise(e["id"], e["kind"], e["name"], e["about"], tuple(map(_step, e["steps"])), e["rounds"], e["note"],
                 e["instead"], _code(language))
        for e in _table(language)["exercises"]
    )  # fmt: skip


def spoken(language: str) -> bool:
    """Whether a language has exercises; one that has none gets the English ones."""
    return _code(language) == language.split("-")[0].lower()


def find(name: str, language: str = "en") -> Exercise:
    """The exercise with an id.

    Raises:
        InputError: there is none; the message names those that exist.
    """
    for exercise in exercises(language):
        if exercise.id == name:
            return exercise
    known = ", ".join(e.id for e in exercises(language))
    raise InputError(f"There is no exercise {name[:40]!r}. Choose one of: {known}.")


def words(language: str = "en") -> dict[str, Any]:
    """The words around an exercise, for a page: buttons, ratings, what is said at the end."""
    table = _table(language)
    return {**table["words"], "outcome": table["outcome"], "done": table["done"]}


def asked_for(statement: str) -> Exercise | None:
    """The exercise that a statement asks for, in its language, or None: "no more breathing exercises" asks for none."""
    # One short request is too little to be sure of its language, so the others are tried after the likeliest.
    languages = dict.fromkeys([written_in(statement) or "en", "en", *_languages()])
    return next((found for language in languages if (found := _asked_for(statement, language))), None)


def _asked_for(statement: str, language: str) -> Exercise | None:
    table, text, known = _table(language), _plain(statement), exercises(language)
    # The first answers "an exercise" too, and a later one may be a special case of an earlier one.
    for number in reversed(range(len(known))):
        for request in _requests(language)[number]:
            if (found := request.search(text)) and not _refused(table, text[: found.start()], text[found.end() :]):
                return known[number]
    return None


def fitting(concern: str | None, statement: str, earlier: Sequence[str] = (), language: str = "en") -> Exercise | None:
    """An exercise that could be offered beside a reply, or None.

    Args:
        concern: a concern of the corpus, as the reranker's `topic` names it.
        statement: what the person just said.
        earlier: what the person said before; who declined an exercise once is offered none.
        language: of the exercise.
    """
    table, text = _table(language), _plain(statement)
    if any(re.search(table["ends"], _plain(said)) for said in [*earlier, statement]):
        return None
    for rule in table["fits"]:
        if concern in rule["concerns"] and re.search(rule.get("words", ""), text):
            return next((e for e in exercises(language) if e.id == rule["exercise"]), None)
    return None


def script(exercise: Exercise) -> str:
    """The exercise in words, for wherever there is no pacer."""
    table = _table(exercise.language)
    timed = exercise.kind == "breathing"
    steps = [table["timed"].format(s.say, s.seconds) if timed else s.say + _listed(s) for s in exercise.steps]
    again = [table["again"].format(exercise.rounds)] if exercise.rounds > 1 else []
    return "\n".join([f"{table['intro'][exercise.kind]} {exercise.note}".strip(), "", *steps, *again])


def told(text: str) -> Exercise | None:
    """The exercise whose script stands in a text, in whatever language; None where there is none."""
    return next((exercise for words, exercise in _scripts().items() if words in text), None)


@cache
def _scripts() -> dict[str, Exercise]:
    return {script(e): e for language in ("en", *_languages()) for e in exercises(language)}


def closing(before: int | None = None, after: int | None = None, language: str = "en") -> str:
    """The last word: on the difference between two ratings from 0 (calm) to 10, where both were given."""
    table = _table(language)
    if before is None or after is None:
        return table["done"]
    outcome = "better" if after < before else "worse" if after > before else "same"
    return table["outcome"][outcome].format(before=before, after=after)


def unreflected(language: str = "en") -> str:
    """What is said about a person's words when no reflection was good enough."""
    return _table(language)["unreflected"]


def _listed(step: Step) -> str:
    return f" ({'; '.join(choice.split(':')[0].strip() for choice in step.choices)})" if step.choices else ""


def _step(entry: dict) -> Step:
    fields: dict[str, Any] = {**entry, "choices": tuple(entry.get("choices", ()))}
    return Step(**fields)


def _plain(text: str) -> str:
    return text[:READ].replace("\u2019", "'").lower()


def _refused(table: dict, before: str, after: str) -> bool:
    return bool(re.search(table["refuses"], before) or re.search(table["declines"], after))


@cache
def _requests(language: str) -> list[list[re.Pattern[str]]]:
    """For each exercise the ways to ask for it: a request with its name in it, or words that are a request alone."""
    table, found = _table(language), []
    for number, e in enumerate(table["exercises"]):
        name = f"{e['asks']}|{table['any']}" if number == 0 else e["asks"]
        asks = [ask.replace("{}", name) for ask in table["asks"]]
        found.append([re.compile(p) for p in [*asks, e["says"]] if p])
    return found


def _code(language: str) -> str:
    code = language.split("-")[0].lower()
    return code if (DATA / code / "exercises.json").exists() else "en"


@cache
def _languages() -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in DATA.glob("*/exercises.json")))


@cache
def _table(language: str) -> dict:
    """A language's words over the English ones, with those exercises that it has; English for one that has none."""
    english = json.loads((DATA / "en" / "exercises.json").read_text(encoding="utf-8"))
    if _code(language) == "en":
        return english
    own = json.loads((DATA / _code(language) / "exercises.json").read_text(encoding="utf-8"))
    known = [_translated(e, own["exercises"][e["id"]]) for e in english["exercises"] if e["id"] in own["exercises"]]
    merged = {key: {**english[key], **own[key]} for key in ("words", "intro")}
    return {**english, **own, **merged, "exercises": known}


def translatable() -> dict[str, Any]:
    """The English table in the shape in which another language gives its own; `fits` holds for all of them."""
    english = _table("en")
    told = {e["id"]: {**{key: e[key] for key in OWN}, **_said(e)} for e in english["exercises"]}
    return {**{key: value for key, value in english.items() if key != "fits"}, "exercises": told}


def _said(entry: dict) -> dict[str, list]:
    """By kind of words, those of the steps that have them, in order."""
    found = {key: [step[key] for step in entry["steps"] if key in step] for key in SAID}
    return {key: words for key, words in found.items() if words}


def _translated(entry: dict, own: dict) -> dict:
    given = {key: iter(own.get(key, ())) for key in SAID}
    steps = [{**step, **{key: next(given[key]) for key in SAID if key in step}} for step in entry["steps"]]
    return {**entry, **{key: value for key, value in own.items() if key not in SAID}, "steps": steps}
