"""Which of the person's words shaped a reply: each is left out once, and the likeness of the reply is taken again.

The way is "leave one out" (Zeiler and Fergus 2014; Li, Monroe and Jurafsky 2016), by the encoder that ranked the reply.
The likeness is taken and not the whole score, which is a calibrated probability: near its ends no single word moves it.
"""

import re

from therapist.language import stop_words
from therapist.reranker import Encoder

MOST = 60
"Words that are tried; those of a long message that come later count as nothing."
_WORD = re.compile(r"\S+\s*")


def explain(encoder: Encoder, statement: str, reply: str) -> list[tuple[str, float]]:
    """The statement in pieces, a word and the space after it each, with the change that the word made.

    A piece has the cosine of reply and whole statement less the one without the word: above 0 the reply hangs on
    the word. Stop words are not tried. Joined, the pieces are the statement again.
    """
    pieces = _WORD.findall(statement)
    tried = [i for i, p in enumerate(pieces) if _bare(p) and _bare(p) not in stop_words()][:MOST]
    without = ["".join(p for j, p in enumerate(pieces) if j != i).strip() or "…" for i in tried]
    vectors = encoder.encode([reply, statement, *without])
    likeness = vectors[1:] @ vectors[0]
    change = {i: float(likeness[0] - left) for i, left in zip(tried, likeness[1:], strict=True)}
    return [(piece, round(change.get(i, 0.0), 4)) for i, piece in enumerate(pieces)]


def _bare(piece: str) -> str:
    return re.sub(r"\W", "", piece.lower())
