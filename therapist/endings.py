"""Second sentences that were written and read, for drafts that begin with a clause of the person's own.

Left alone, a model this small garbles the second half of what it says: most drafts that careful readers refused failed
there. So after a clause of the person's own it chooses among some thousand written sentences ("You miss him." "What
hurts most about it?"): token by token, it may only go on as one of them goes on. It decides what fits, and cannot
invent a fact. The sentences are data (`data/en/endings.json`); a sentence that speaks of "him" is left out of the
choice where the person has spoken of nobody who could be meant.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "en" / "endings.json"


@dataclass(eq=False)
class Choice:
    """Where a sentence stands: the tokens that may follow, and where each leads."""

    after: dict[int, "Choice"] = field(default_factory=dict)
    allowed: Any = None
    "The tokens that may follow, int64 [tokens]."


class Endings:
    """The written sentences as tokens, for a tokenizer and its end."""

    def __init__(self, encode: Callable[[str], list[int]], end: int) -> None:
        head = len(encode("a"))
        # Behind a letter, as they will stand: the full stop of the clause is the first token.
        self._tokens = {text: [*encode(f"a. {text}")[head:], end] for text in written()}
        self._trees: dict[tuple[frozenset[str], frozenset[str], bool], Choice] = {}

    def fitting(self, told: str, said: str, begun: Sequence[str]) -> list[Choice | None]:
        """What each candidate may go on with after its beginning; None, anything, for one that begins freely.

        Only sentences that speak of nobody but those spoken of in `told`, and that fit the news in `said`. Every other
        time that a clause is said back no question follows it: left to itself the model would mostly ask, and to be
        understood comes before.
        """
        known, news = spoken_of(told), tidings(said)
        earlier = (begun[:i].count(words) for i, words in enumerate(begun))
        return [
            self._tree(known, news, questions=bool(times % 2)) if words else None
            for words, times in zip(begun, earlier, strict=True)
        ]

    def _tree(self, known: frozenset[str], news: frozenset[str], questions: bool) -> Choice:
        if (known, news, questions) not in self._trees:
            chosen = [
                tokens
                for text, tokens in self._tokens.items()
                if needed(text) <= known and written()[text] in news and (questions or not asks(text))
            ]
            self._trees[known, news, questions] = _tree(chosen)
        return self._trees[known, news, questions]


def _tree(sequences: Sequence[list[int]]) -> Choice:
    import torch

    root = Choice()
    nodes = [root]
    for tokens in sequences:
        at = root
        for token in tokens:
            if token not in at.after:
                at.after[token] = Choice()
                nodes.append(at.after[token])
            at = at.after[token]
    for node in nodes:
        node.allowed = torch.tensor(list(node.after))
    return root


@cache
def written() -> dict[str, str]:
    """The sentences as they are said, each with what it is for: `trouble`, `good` or `either`."""
    return {text: purpose for purpose, texts in _table()["sentences"].items() for text in texts}


def tidings(said: str) -> frozenset[str]:
    """What sentences for a message may be for: good news comes in few words, and where none is, trouble is likelier."""
    good, maybe_good, trouble = (
        bool(re.search(_table()["news"][name], said, re.I)) for name in ("good", "maybe_good", "trouble")
    )
    if good and not trouble:
        return frozenset({"good", "either"})
    return frozenset({"trouble", "either", "good"} if good or maybe_good else {"trouble", "either"})


@cache
def needed(sentence: str) -> frozenset[str]:
    """Who a sentence speaks of: names of `people` in the table."""
    return frozenset(name for name, (meant, _) in _people().items() if meant.search(sentence))


def asks(sentence: str) -> bool:
    """Whether a sentence is a question or begins as one ("What a relief!"): who wants to ask would end there."""
    return bool(re.search(_table()["asks"], sentence, re.I))


def spoken_of(told: str) -> frozenset[str]:
    """Whom a person has spoken of, by the same names."""
    return frozenset(name for name, (_, known) in _people().items() if known.search(told))


@cache
def _people() -> dict[str, tuple[re.Pattern[str], re.Pattern[str]]]:
    return {
        name: (re.compile(meant, re.I), re.compile(known, re.I)) for name, (meant, known) in _table()["people"].items()
    }


@cache
def _table() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))
