"""Which language a person writes, and the words of a language that the library itself needs."""

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from therapist.text import letter_runs, words

DATA = Path(__file__).parent / "data"
LANGUAGES_FILE = DATA / "languages.safetensors"
SURE = 0.8
"Probability from which a language is named; below it nobody's language is guessed."
LETTERS = 6
"Letters below which a text (ok, hm) belongs to every language."
OWN_LETTERS = {"zh": ("\u3400", "\u9fff"), "ru": ("\u0400", "\u04ff")}
"First and last letter of those that a language is seldom written without."
FEW = 3
"Words below which a text without such letters is not taken for that language: what none knows (zzz) is no Chinese."


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


def open_questions(*, begun: bool = False, language: str = "en") -> list[str]:
    """Ways to invite somebody who has said little, at the beginning or in a talk that has `begun`."""
    return list(_table(language)["going_on" if begun else "open_questions"])


@lru_cache(maxsize=64)
def written_in(text: str) -> str | None:
    """The language of a text as a BCP 47 code, or None when it is short, mixed or unknown."""
    if sum(c.isalpha() for c in text) < LETTERS or not LANGUAGES_FILE.exists():
        return None
    import numpy as np

    names, weights, bias = _spelling_of_languages()
    runs = letter_runs(text[:1000].lower())
    scores = weights[:, runs].sum(1) / len(runs) ** 0.5 + bias
    likely = np.exp(scores - scores.max())
    likely /= likely.sum()
    best = names[int(likely.argmax())]
    first, last = OWN_LETTERS.get(best, ("", "\U0010ffff"))
    written = any(first <= c <= last for c in text) or len(text.split()) >= FEW
    return best if likely.max() >= SURE and written else None


@cache
def _spelling_of_languages() -> tuple[list[str], Any, Any]:
    from safetensors import safe_open

    with safe_open(LANGUAGES_FILE, "numpy") as opened:
        names = opened.metadata()["names"].split()
        return (
            names,
            opened.get_tensor("language").astype("float32"),
            opened.get_tensor("language_bias").astype("float32"),
        )


def only_english(language: str) -> list[str]:
    """What to say to somebody who writes a language that the embedded model cannot; empty for English."""
    path = DATA / language / "language.json"
    return list(_table(language).get("only_english", [])) if path.exists() else []
