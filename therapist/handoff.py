"""The hand-off card: what somebody who can help should know, in sentences that the person wrote, chosen and not made.

A summary would be a model's words about a person, and could be wrong about them. So sentences are extracted: the ones
nearest to the middle of all that was told, each new one as unlike the chosen as it can be (maximal marginal relevance,
Carbonell and Goldstein 1998). When something began and what helped are read from patterns of the language.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from therapist.language import too_vague
from therapist.referral import advice
from therapist.reranker import Encoder, Reranker
from therapist.text import sentences, words

DATA = Path(__file__).parent / "data"
ABOUT, OTHERS = 5, 3
"Most sentences about the matter, and of each other kind: a page that a tired doctor reads."
WEIGHT = 0.7
"Share of nearness to the middle against newness; the usual range is 0.5 to 0.7."
POOL = 0.75
"Share of the sentences, nearest to the middle first, that newness may choose from: a late bus is new, and no matter."
LONGEST = 300


@dataclass(frozen=True)
class HandOff:
    """Sentences as the person wrote them, in the order in which they were written, and who could help."""

    about: tuple[str, ...]
    since: tuple[str, ...]
    helped: tuple[str, ...]
    specialist: str
    find: str
    afford: str


def hand_off(told: Sequence[str], reranker: Reranker | None, language: str = "en") -> HandOff:
    """A card from what the person said.

    Args:
        told: the person's messages, oldest first.
        reranker: chooses with its encoder and names the concern; without one the first sentences stand.
        language: BCP 47 code, for the patterns and for the specialist's words.
    """
    patterns = _patterns(language.split("-")[0])
    known = [s for s in _sentences(told) if not _matches(patterns, "to_the_program", s)]
    since, helped = ([s for s in known if _matches(patterns, name, s)][:OTHERS] for name in ("since", "helped"))
    matter = [s for s in known if s not in helped]
    about = [matter[i] for i in sorted(_central(matter, reranker.encoder))] if reranker and matter else matter[:ABOUT]
    concern = reranker.topic(" ".join(about)) if reranker and about else None
    return HandOff(tuple(about), tuple(since), tuple(helped), *advice(concern, language))


def _sentences(told: Sequence[str]) -> list[str]:
    """Sentences with something in them, each once; one that runs on without a stop is left out rather than cut."""
    found = dict.fromkeys(s for text in told for s in sentences(text))
    return [s for s in found if len(words(s)) >= 3 and len(s) <= LONGEST and not too_vague(s)]


def _central(texts: Sequence[str], encoder: Encoder) -> list[int]:
    """Indices of the sentences that say most between them, best first."""
    vectors: Any = encoder.encode(texts)
    middle = vectors.mean(0)
    near, between = vectors @ (middle / max(float((middle @ middle) ** 0.5), 1e-9)), vectors @ vectors.T
    pool = sorted(range(len(texts)), key=lambda i: -near[i])[: max(ABOUT, round(POOL * len(texts)))]
    chosen: list[int] = []
    while len(chosen) < min(ABOUT, len(texts)):
        left = [i for i in pool if i not in chosen]
        chosen.append(max(left, key=lambda i: WEIGHT * near[i] - (1 - WEIGHT) * max(between[i, chosen], default=0)))
    return chosen


def _matches(patterns: dict[str, str], name: str, sentence: str) -> bool:
    return bool(patterns.get(name) and re.search(patterns[name], sentence.replace("\u2019", "'"), re.IGNORECASE))


@cache
def _patterns(language: str) -> dict[str, str]:
    """The patterns of a language; none where there are none yet, and then those parts of the card stay empty."""
    path = DATA / language / "handoff.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
