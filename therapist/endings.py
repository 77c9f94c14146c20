"""Second sentences that were written and read, for drafts that begin with a clause of the person's own.

Left alone, a model this small garbles the second half of what it says: most drafts that careful readers refused failed
there. So after a clause of the person's own it chooses among some nine hundred written sentences ("You miss him." "What
hurts most about it?"): token by token, it may only go on as one of them goes on. It decides what fits, and cannot
invent a fact. The sentences are data (`data/en/endings.json`). Many fit nearly anywhere; one that speaks of "him" is
left out of the choice where the person has spoken of nobody who could be meant, and one that names shame where nothing
that they said shows any.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "en" / "endings.json"
WIDE = "wide"
"The group of sentences that need no sign of what they name."


@dataclass(eq=False)
class Choice:
    """Where a sentence stands: the tokens that may follow, and where each leads."""

    after: dict[int, "Choice"] = field(default_factory=dict)

    @cached_property
    def allowed(self) -> Any:
        """The tokens that may follow, int64 [tokens]."""
        import torch

        return torch.tensor(list(self.after))


class Endings:
    """The written sentences as tokens, for a tokenizer and its end."""

    def __init__(self, encode: Callable[[str], list[int]], end: int) -> None:
        self._end, head = end, len(encode("a"))
        # Behind a letter, as they will stand: the full stop of the clause is the first token.
        self._sentences = [
            ((encode(text), encode(f"a. {text}")[head:]), needed(text), purpose, asks(text))
            for text, purpose in written().items()
        ]
        # People show their troubles in countless mixtures: only the latest trees are kept.
        self._tree = lru_cache(maxsize=64)(self._built)

    def fitting(self, told: str, said: str, begun: Sequence[str], may_ask: bool = True) -> list[Choice]:
        """What each candidate may go on with after its beginning, or be where it has none.

        Only sentences that name nobody and nothing but what shows in `told`, and that fit the news in `said`. Every
        other time that a clause is said back no question follows it: left to itself the model would mostly ask, and to
        be understood comes before; and none at all where `may_ask` is false. Where no trouble is named there may be
        some, and a statement may take it so; a question need not.
        """
        known, news = spoken_of(told), tidings(said)
        earlier = (begun[:i].count(words) for i, words in enumerate(begun))
        found = []
        for words, times in zip(begun, earlier, strict=True):
            questions = may_ask and (bool(times % 2) or not words)
            maybe = frozenset() if questions or "good" in news else frozenset({"trouble"})
            found.append(self._tree(known, news | maybe, questions, behind=bool(words)))
        return found

    def _built(self, known: frozenset[str], news: frozenset[str], questions: bool, behind: bool) -> Choice:
        return _tree(
            [*tokens[behind], self._end]
            for tokens, names, purpose, question in self._sentences
            if names <= known and purpose in news and (questions or not question)
        )


def _tree(sequences: Iterable[list[int]]) -> Choice:
    root = Choice()
    for tokens in sequences:
        at = root
        for token in tokens:
            at = at.after.setdefault(token, Choice())
    return root


@cache
def written() -> dict[str, str]:
    """The sentences as they are said, each with what it is for: `trouble`, `good` or `either`."""
    return {text: purpose for purpose, _, text in _rows()}


@cache
def _signs() -> dict[str, str]:
    """The sign that a sentence needs, by the sentence; what fits anywhere is not in it."""
    return {text: sign for _, sign, text in _rows() if sign != WIDE}


def _rows() -> Iterator[tuple[str, str, str]]:
    for purpose, signs in _table()["sentences"].items():
        for sign, texts in signs.items():
            yield from ((purpose, sign, text) for text in texts)


def tidings(said: str) -> frozenset[str]:
    """What sentences for a message may be for. Good news comes in few words or with a cheer."""
    said = said.replace("\u2019", "'")
    if re.search(_table()["news"]["surely_good"], said, re.I):
        return frozenset(["good"])
    good, trouble = (bool(re.search(_table()["news"][name], said, re.I)) for name in ("good", "trouble"))
    return frozenset(["either", *["trouble"] * trouble, *["good"] * (good and not trouble)])


@cache
def needed(sentence: str) -> frozenset[str]:
    """Who a sentence speaks of and what it names: names of `people` and of `signs` in the table."""
    sign = _signs().get(sentence)
    return frozenset(
        [*(name for name, (meant, _) in _people().items() if meant.search(sentence)), *([sign] if sign else [])]
    )


def asks(sentence: str) -> bool:
    """Whether a sentence is a question or begins as one ("What a relief!"): who wants to ask would end there."""
    return bool(re.search(_table()["asks"], sentence, re.I))


def spoken_of(told: str) -> frozenset[str]:
    """Whom a person has spoken of and what shows in their words, by the same names."""
    told = told.replace("\u2019", "'")
    known = {name: pattern for name, (_, pattern) in _people().items()} | _shown()
    return frozenset(name for name, pattern in known.items() if pattern.search(told))


@cache
def _shown() -> dict[str, re.Pattern[str]]:
    return {name: re.compile(pattern, re.I) for name, pattern in _table()["signs"].items()}


@cache
def _people() -> dict[str, tuple[re.Pattern[str], re.Pattern[str]]]:
    return {
        name: (re.compile(meant, re.I), re.compile(known, re.I)) for name, (meant, known) in _table()["people"].items()
    }


@cache
def _table() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))
