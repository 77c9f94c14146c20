"""What a person told earlier, found again when they ask for it ("do you remember my sister's name?").

A small model would make something up. So the sentence of theirs that lies nearest to the question is said back in
quotation marks, or it is admitted that none was found.
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
SHARED = 0.2
"What every content word that question and sentence share adds to their likeness: names are little to an encoder."
LIKE = 0.3
"Likeness from which a sentence is taken for what was asked for."
LONGEST = 200
"Characters of a sentence that is said back."


def recalled(statement: str, history: Sequence[Message], encoder: Encoder, language: str = "en") -> str | None:
    """The answer to a question for something told earlier; None when the statement asks for nothing of the kind.

    What sounds of danger is not said back: it was answered when it was told.
    """
    table = _table(language.split("-")[0])
    asked = statement.replace("\u2019", "'").strip()
    if not table or not history or not any(pattern.search(asked) for pattern in table["asks"]):
        return None
    told = [s for m in history if m["role"] == "user" for s in sentences(m["content"]) if len(s) <= LONGEST]
    told = [s for s in dict.fromkeys(told) if not s.endswith("?") and assess(s).level == "none"]
    if not told:
        return table["nothing"]
    question, *vectors = encoder.encode([asked, *told])
    likeness = [
        float(question @ vector) + SHARED * len(content_words(asked) & content_words(s)) + _fits(table, asked, s)
        for vector, s in zip(vectors, told, strict=True)
    ]
    best = max(range(len(told)), key=lambda i: likeness[i])
    return table["found"].format(told[best].rstrip(".")) if likeness[best] >= LIKE else table["nothing"]


def _fits(table: dict[str, Any], question: str, sentence: str) -> float:
    """What a sentence gains because it has what the question wants: a name where one is asked for, a time, a place."""
    wants = (kind for kind in table["kinds"] if kind["asks"].search(question))
    return sum(SHARED * bool(kind["has"].search(sentence)) for kind in wants)


@cache
def _table(language: str) -> dict[str, Any] | None:
    path = DATA / language / "recall.json"
    if not path.exists():
        return None
    table = json.loads(path.read_text(encoding="utf-8"))
    table["asks"] = [re.compile(pattern, re.I) for pattern in table["asks"]]
    table["kinds"] = [
        {"asks": re.compile(kind["asks"], re.I), "has": re.compile(kind["has"])} for kind in table["kinds"]
    ]
    return table
