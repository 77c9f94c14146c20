"""Danger that no pattern knows, found by meaning: a logistic model over the reranker's sentence vectors.

The patterns of `risk` run first, need no model and decide alone when they see a crisis. This adds what they miss; it
can raise a level and never lower one.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from therapist.conversation import Message
from therapist.errors import ArtefactError
from therapist.reranker import Encoder
from therapist.risk import RANK, Level, Risk

FILE = Path(__file__).parent / "data" / "risk" / "classifier.safetensors"
LEVELS: tuple[Level, ...] = ("none", "concern", "crisis")
TURNS = 2
"Earlier turns of the person that are read with a message: more would thin it out in the vector of the whole."


def reading(statement: str, history: Sequence[Message]) -> str:
    """What is given to the encoder: the message behind the person's turns just before it."""
    before = [m["content"] for m in history if m["role"] == "user"][-TURNS:]
    return " . ".join([*before, statement])


class RiskClassifier:
    """Weights `[classes, dimensions]` for level and kind, thresholds for concern and crisis, and their encoder."""

    def __init__(
        self, encoder: Encoder, weights: dict[str, Any], kinds: Sequence[str], thresholds: dict[str, float]
    ) -> None:
        self._encoder, self._weights, self._kinds, self._thresholds = encoder, weights, tuple(kinds), thresholds

    @classmethod
    def load(cls, encoder: Any, file: Path = FILE) -> "RiskClassifier":
        """The classifier of a file.

        Raises:
            ArtefactError: it is missing or was trained on another encoder.
        """
        from safetensors import safe_open

        if not file.exists():
            raise ArtefactError(f"No {file.name} at {file.parent}. Build it with: python -m train risk")
        with safe_open(file, "numpy") as opened:
            about = json.loads(opened.metadata()["about"])
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if about["encoder"] != encoder.sha256:
            raise ArtefactError(f"{file.name} was trained on another encoder. Build it with: python -m train risk")
        return cls(encoder, weights, about["kinds"], about["thresholds"])

    def probabilities(self, vectors: Any) -> Any:
        """Probability of each of `LEVELS` for each vector, float32 [vectors, 3]."""
        import numpy as np

        scores = vectors @ self._weights["level"].T + self._weights["level_bias"]
        exp = np.exp(scores - scores.max(1, keepdims=True))
        return exp / exp.sum(1, keepdims=True)

    def assess(self, statement: str, history: Sequence[Message] = ()) -> Risk:
        """The level and kind that the meaning of a message points to."""
        vectors = self._encoder.encode([reading(statement, history)])
        _, worry, danger = self.probabilities(vectors)[0]
        if danger >= self._thresholds["crisis"]:
            return self._risk("crisis", statement, vectors[0])
        if worry + danger >= self._thresholds["concern"]:
            return self._risk("concern", statement, vectors[0])
        return Risk("none", None, ())

    def _risk(self, level: Level, statement: str, vector: Any) -> Risk:
        scores = self._weights["kind"] @ vector + self._weights["kind_bias"]
        return Risk(level, self._kinds[int(scores.argmax())], (statement,))


def higher(a: Risk, b: Risk) -> Risk:
    """The one of two findings with the higher level; the first when they are equal."""
    return b if RANK[b.level] > RANK[a.level] else a
