"""What a person told earlier, found again when they ask for it ("do you remember my sister's name?").

A small model would make something up. So the sentences of theirs that lie nearest to the question are said back
in quotation marks, or it is admitted that nothing was found.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from therapist.conversation import Message
from therapist.reranker import Encoder, content_words
from therapist.risk import assess
from therapist.text import sentences

DATA = Path(__file__).parent / "data"
SHARED, FITS = 0.4, 0.15
"What a content word that both have adds to their likeness, and what is wanted being there: little to an encoder."
MOST = 3
"Runs of sentences that are said back."
LIKE = 0.3
"Likeness from which sentences are taken for what was asked for."
WORDS_ASKING = 16
LONGEST = 240
"Characters that are said back."


def recalled(statement: str, history: Sequence[Message], encoder: Encoder, language: str = "en") -> str | None:
    """The answer to a question for something told earlier; None when the statement asks for nothing of the kind.

    What sounds of danger is not said back: it was answered when it was told.
    """
    table = _table(language.split("-")[0])
    asked = statement.replace("\u2019", "'").strip()
    sure = table and _any(table["asks"], asked) and not table["asks_not"].search(asked)
    if not table or not history or not (sure or _may_ask(table, asked)):
        return None
    parts = [part for m in history if m["role"] == "user" for part in _parts(m["content"])]
    told = [p for p in dict.fromkeys(parts) if assess(p).level == "none"]
    nothing = table["nothing"] if sure else None
    if not told:
        return nothing
    question, *vectors = encoder.encode([asked, *told])
    likeness = [
        float(question @ vector) + SHARED * len(content_words(asked) & content_words(part)) + _fits(table, asked, part)
        for vector, part in zip(vectors, told, strict=True)
    ]
    likely = sorted((i for i in range(len(told)) if likeness[i] >= LIKE), key=lambda i: -likeness[i])[:MOST]
    said = [table["quote"].format(told[i].rstrip(".")) for i in sorted(likely)]
    return table["found"].format(table["and"].join(said)) if said else nothing


def _any(patterns: Sequence[re.Pattern], text: str) -> bool:
    return any(p.search(text) for p in patterns)


def _may_ask(table: dict[str, Any], asked: str) -> bool:
    """Whether a short question sounds as if it asked for a fact of their own: it does if the talk holds the answer."""
    short = len(asked.split()) <= WORDS_ASKING
    return short and _any(table["may_ask"], asked) and not table["may_ask_not"].search(asked)


def _parts(message: str) -> list[str]:
    """A message in runs of whole sentences: what is asked for often stands beside the words that the question has."""
    runs: list[str] = []
    for sentence in sentences(message):
        if runs and len(runs[-1]) + len(sentence) < LONGEST:
            runs[-1] += f" {sentence}"
        else:
            runs.append(sentence[:LONGEST])
    return runs


def _fits(table: dict[str, Any], question: str, sentence: str) -> float:
    """What a sentence gains because it has what the question wants: a name where one is asked for, a time, a place."""
    wants = (kind for kind in table["kinds"] if kind["asks"].search(question))
    return sum(FITS * bool(kind["has"].search(sentence)) for kind in wants)


@cache
def _table(language: str) -> dict[str, Any] | None:
    path = DATA / language / "recall.json"
    if not path.exists():
        return None
    table = json.loads(path.read_text(encoding="utf-8"))
    table["asks_not"] = re.compile(table["asks_not"], re.I)
    table["may_ask_not"] = re.compile(table["may_ask_not"], re.I)
    for name in ("asks", "may_ask"):
        table[name] = [re.compile(pattern, re.I) for pattern in table[name]]
    table["kinds"] = [
        {"asks": re.compile(kind["asks"], re.I), "has": re.compile(kind["has"])} for kind in table["kinds"]
    ]
    return table
