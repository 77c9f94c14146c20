"""Plain reflections made by rule from first-person lines: "I miss my dog." becomes "You miss your dog, and that is sad."

Saying a person's own words back, turned to "you", is the simplest reflection there is, and a small model learns to copy
and to turn pronouns from many thousand examples, not from a few. These lines teach that one skill before the project's own
corpus teaches the rest. They are made from openly licensed text while a training is prepared, and are committed nowhere.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from therapist.clauses import clauses, turn
from therapist.conversation import Message, assistant, user
from train import corpus
from train.sources import clean, rows, tidy

FRAMES = json.loads((Path(__file__).parent / "turned.json").read_text(encoding="utf-8"))


def _lower_first(clause: str) -> str:
    return clause if re.match(r"[A-Z][a-z]+ [A-Z]|[A-Z]{2}", clause) else clause[:1].lower() + clause[1:]


def reflection(text: str, emotion: str, rng: random.Random) -> str | None:
    """A plain reflection of a text, or None when no clause of it can be said back."""
    usable = clauses(text)
    if not usable:
        return None
    said = _lower_first(turn(rng.choice(usable)))
    feeling = FRAMES["feelings"].get(emotion)
    kind = "felt" if feeling and rng.random() < 0.7 else "plain"
    filled = rng.choice(FRAMES[kind]).format(
        said=said, Said=said[:1].upper() + said[1:], question=rng.choice(FRAMES["questions"]),
        is_=rng.choice(feeling["is"]) if feeling else "", feel=rng.choice(feeling["feel"]) if feeling else "",
    )  # fmt: skip
    return filled


def _emotion(row: dict) -> str:
    """The first emotion that a row is labelled with and that the frames know."""
    named = [row.get("emotion", ""), *row.get("labels", [])]
    return next((e.lower() for e in named if e.lower() in FRAMES["feelings"]), "")


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    for row in rows(path):
        said = [row["text"]] if "text" in row else [text for _, text in row["turns"]]
        for text in said:
            yield tidy(text), _emotion(row)


def _passages(text: str, rng: random.Random) -> Iterator[str]:
    """Runs of one to four sentences, as a person would write them in one message."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    while sentences:
        n = rng.choice((1, 1, 2, 2, 3, 4))
        yield " ".join(sentences[:n])
        sentences = sentences[n:]


def turned(path: Path, *, most: int = 1_000_000, variants: int = 1, seed: int = 0) -> Iterator[list[Message]]:
    """Statements of a source with the plain reflections that the rules make of them."""
    rng = random.Random(seed)
    count = 0
    for text, emotion in _texts(path):
        for passage in _passages(text, rng):
            if not clean(passage):
                continue
            for _ in range(variants):
                reply = reflection(passage, emotion, rng)
                if reply and count < most:
                    count += 1
                    yield [user(passage), assistant(reply)]


def turned_corpus(*, variants: int = 2, seed: int = 0) -> Iterator[list[Message]]:
    """The same of the corpus's training statements."""
    rng = random.Random(seed)
    for entry in corpus.entries("train"):
        for _ in range(variants):
            if reply := reflection(entry["statement"], entry["emotion"], rng):
                yield [user(entry["statement"]), assistant(reply)]
