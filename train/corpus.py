"""The project's own corpus: reflections, dialogues, exercises, risk sentences and judged replies, as JSON lines."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from therapist.clauses import beginnings
from therapist.conversation import Message, assistant, user
from therapist.endings import written

FOLDER = Path(__file__).parent / "corpus"
Split = Literal["train", "dev", "test", "strangers"]
"""`strangers` are the risk sentences of an author of whom nothing else is in any split: beside `test`, whose authors also
wrote for training, they show how far what was learned reaches."""
HELD_OUT = ("d", "h")
"The authors of intents whose rows nobody trains on."

CONCERNS = (
    "anxiety", "panic", "low-mood", "loneliness", "grief", "breakup", "marriage", "family-conflict", "parenting",
    "friendship", "work-stress", "burnout", "job-loss", "money", "study", "self-esteem", "body-image",
    "shame-and-guilt", "anger", "trauma", "past-abuse", "illness", "chronic-pain", "caregiving", "sleep", "substances",
    "gambling-and-screens", "sexuality-and-gender", "faith", "migration", "discrimination", "ageing",
    "pregnancy-and-loss", "perfectionism", "decisions", "motivation", "social-anxiety", "performance-nerves", "phobia",
    "intrusive-thoughts", "attention", "bullying", "infidelity", "jealousy", "good-news", "small-talk",
    "about-the-bot", "out-of-scope", "seeking-help", "exercises", "several-at-once",
)  # fmt: skip


def lines(path: Path) -> list[dict]:
    """Rows of one JSON-lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


@cache
def splits() -> dict[str, Split]:
    """Entry id to its split, as fixed in `splits.json`; what is not named there is training."""
    path = FOLDER / "splits.json"
    named = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {entry: split for split, entries in named.items() for entry in entries}


def entries(split: Split | None = None, folder: Path = FOLDER) -> list[dict]:
    """Reflection entries of a split (all of them for None), concern by concern."""
    found = [
        row for concern in CONCERNS for path in [folder / f"{concern}.jsonl"] if path.exists() for row in lines(path)
    ]
    return [row for row in found if split is None or splits().get(row["id"], "train") == split]


def good(entry: dict) -> list[str]:
    """The good replies of an entry: the plain ones (literal, short, what a small model learns from), then the others."""
    return [*entry["plain"], *entry["reflections"]]


def conversations(
    split: Split = "train", parts: Sequence[str] = ("plain", "reflections", "dialogues", "feedback")
) -> Iterator[list[Message]]:
    """Conversations that end in a good reply: one for each reply of an entry, whole dialogues, and exercise feedback."""
    for entry in entries(split):
        for part in ("plain", "reflections"):
            for reply in entry[part] if part in parts else ():
                yield [*entry["history"], user(entry["statement"]), assistant(reply)]
    for part in ("dialogues", "feedback"):
        path = FOLDER / f"{part}.jsonl"
        if part in parts and path.exists():
            for row in lines(path):
                if splits().get(row["id"], "train") == split:
                    yield row["messages"]


def generated(path: Path) -> Iterator[list[Message]]:
    """Dialogues of a file that `python -m train generate-dialogues` wrote."""
    yield from (row["messages"] for row in lines(path))


def judged(split: Split | None = None) -> list[dict]:
    """Drafts of our own generator with a judgement: `say`, `acceptable` or `must-not`, and why not."""
    path = FOLDER / "judged.jsonl"
    found = lines(path) if path.exists() else []
    return [row for row in found if split is None or splits().get(row["entry"], "train") == split]


def said(split: Split = "train") -> Iterator[list[Message]]:
    """Conversations that end in a draft of our own that a judge would say."""
    for row in judged(split):
        if row["judgement"] == "say":
            yield [*row["history"], user(row["statement"]), assistant(row["reply"])]


def ended(split: Split = "train", *, clauses: int = 2, seed: int = 0) -> Iterator[list[Message]]:
    """Conversations that end in a clause of the person's own and a written sentence that an author said to that person."""
    rng, known = random.Random(seed), set(written())
    for entry in entries(split):
        begun = list(dict.fromkeys(words for words in beginnings(entry["statement"], 8) if words))
        said = {s for reply in good(entry) for s in re.split(r"(?<=[.!?])\s+", reply) if s in known}
        for sentence in sorted(said):
            for words in rng.sample(begun, min(clauses, len(begun))):
                yield [*entry["history"], user(entry["statement"]), assistant(f"{words}. {sentence}")]


def risk(split: Split | None = None) -> list[dict]:
    """Risk sentences of a split."""
    return [row for row in lines(FOLDER / "risk.jsonl") if split is None or splits().get(row["id"], "train") == split]


def intents(split: Split) -> list[dict]:
    """Statements written to tell what is asked of the program; those of two authors, by turns, are dev and test."""
    rows = [row for row in lines(FOLDER / "intents.jsonl") if "statement" in row]
    held = [row for row in rows if row["author"] in HELD_OUT]
    known = [row for row in rows if row["author"] not in HELD_OUT]
    return {"dev": held[::2], "test": held[1::2], "train": known}[split]


def asked(split: Split) -> list[str]:
    """The same as texts: none of them is of danger."""
    return [row["statement"] for row in intents(split)]
