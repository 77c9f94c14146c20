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

from therapist.conversation import Message, assistant, user
from therapist.text import words
from train import corpus
from train.sources import clean, rows, tidy

FRAMES = json.loads((Path(__file__).parent / "turned.json").read_text(encoding="utf-8"))
LENGTH = (3, 18)
"Words of a clause that is said back; shorter says nothing, longer is an echo."
_FIRST = re.compile(r"\b(?:i|i'm|i've|i'd|i'll|my|me|myself|mine)\b", re.I)
_NOT = re.compile(
    r"\b(?:you|your|yours|we|us|our|ours|we're|lol|haha|lmao|edit|reddit|sub|op|hi|hello|thanks|thank)\b|[\"?():;*…]|\.\.",
    re.I,
)
_BEGINS = re.compile(
    r"(?:i|i'm|i've|i'd|i'll|my|he|she|they|it|it's|he's|she's|the|this|that|there|now|even|every|nobody|everyone|sometimes|people|no|one|some|all|a|when|[A-Z][a-z]+)\b",
    re.I,
)
_COMMAND = re.compile(
    r"(?:don'?t|let|give|tell|get|go|come|stop|please|yes|yeah|no|ok|okay|well|oh|wow|and|but|or|about|to|of|just)\b",
    re.I,
)
_TURNS = (
    (r"\bam i\b", "are you"), (r"\bwas i\b", "were you"), (r"\bi am\b", "you are"), (r"\bi was\b", "you were"),
    (r"\bi( (?:\w+ly|still|also|just|never|always)) am\b", r"you\1 are"), (r"\bi( (?:\w+ly|still|also|just|never|always)) was\b", r"you\1 were"),
    (r"\bi wasn'?t\b", "you weren't"), (r"\bi ?'?m\b", "you're"), (r"\bi'?ve\b", "you've"), (r"\bi'd\b", "you'd"), (r"\bi'll\b", "you'll"),
    (r"\bi\b", "you"), (r"\bmyself\b", "yourself"), (r"\bmy\b", "your"), (r"\bmine\b", "yours"), (r"\bme\b", "you"),
)  # fmt: skip


def turn(clause: str) -> str:
    """A clause in the first person, said to the person: "I was late with my essay" -> "you were late with your essay"."""
    for pattern, said in _TURNS:
        clause = re.sub(pattern, said, clause, flags=re.I)
    return clause


def clauses(text: str) -> list[str]:
    """The clauses of a text that can be said back: first person, no question, nobody addressed."""
    found = []
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        if _NOT.search(sentence):
            continue
        whole = sentence.strip(" .!,-")
        parts = [
            whole,
            *re.split(r",? (?:but|because|so|and) (?=(?:i|my|it|he|she|they|now)\b)|, (?=i\b)", whole, flags=re.I),
        ]
        found += [
            p.strip(" ,")
            for p in dict.fromkeys(parts)
            if _FIRST.search(p)
            and _BEGINS.match(p)
            and not _COMMAND.match(p)
            and LENGTH[0] <= len(words(p)) <= LENGTH[1]
        ]
    return found


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
