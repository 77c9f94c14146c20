"""Words of a language that the library itself needs: stop words, and what counts as too vague to reflect."""

import json
from functools import cache
from pathlib import Path

from therapist.text import words

DATA = Path(__file__).parent / "data"


@cache
def _table(language: str) -> dict:
    return json.loads((DATA / language / "language.json").read_text(encoding="utf-8"))


@cache
def stop_words(language: str = "en") -> frozenset[str]:
    """Words that say nothing about a person's matter."""
    return frozenset(_table(language)["stop_words"])


def too_vague(statement: str, language: str = "en") -> bool:
    """Whether there is nothing yet that could be reflected, as in "hey" or "idk"."""
    table = _table(language)
    empty = stop_words(language) | set(table["empty_words"])
    return not any(w not in empty and not w.isdigit() for w in words(statement.lower()))


def open_questions(language: str = "en") -> list[str]:
    """Ways to invite somebody who has said little."""
    return list(_table(language)["open_questions"])
