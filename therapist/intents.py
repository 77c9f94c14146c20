"""What a message asks of the program itself, where its words said back miss the point: "what does a therapist cost?"

A head over the reranker's vectors tells the intent. The patterns of `protocol` run first and know every language; this
reads meaning and knows English, as the embedded generator does. The answers are written.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from therapist.errors import ArtefactError
from therapist.heads import Head
from therapist.reranker import Encoder

DATA = Path(__file__).parent / "data"
FILE = DATA / "intents.safetensors"
NONE, EXERCISE = "none", "exercise"
"The intent of who tells something and asks for nothing, and the one that an exercise answers."
MOST_WORDS = 30
"In a longer message a question is part of the story."


class Intents:
    """The head, the encoder that it reads, and the probability that an intent must have."""

    def __init__(self, encoder: Encoder, head: Head, threshold: float) -> None:
        self._encoder, self._head, self._threshold = encoder, head, threshold

    @classmethod
    def load(cls, encoder: Any, file: Path = FILE) -> "Intents":
        """The intents of a file.

        Raises:
            ArtefactError: it is missing or was trained on another encoder.
        """
        from safetensors import safe_open

        if not file.exists():
            raise ArtefactError(f"No {file.name} at {file.parent}. Build it with: python -m train intents")
        with safe_open(file, "numpy") as opened:
            about = json.loads(opened.metadata()["about"])
            tensors = {name: opened.get_tensor(name) for name in ("intent", "intent_bias")}
        if about["encoder"] != encoder.sha256:
            raise ArtefactError(
                f"{file.name} was made for encoder {about['encoder'][:12]}, found {encoder.sha256[:12]}. "
                "Build it with: python -m train intents"
            )
        return cls(encoder, Head.named(tensors, "intent", about["names"]), about["threshold"])

    def probabilities(self, statements: list[str]) -> Any:
        """Of each intent in the head's order, float32 [statements, intents]."""
        return self._head.probabilities(self._encoder.encode(statements))

    def of(self, statement: str) -> str:
        """What a statement asks for; `NONE` where that is not sure."""
        if len(statement.split()) > MOST_WORDS:
            return NONE
        likely = self.probabilities([statement])[0]
        best = int(likely.argmax())
        return self._head.names[best] if likely[best] >= self._threshold else NONE


@cache
def answers() -> dict[str, list[str]]:
    """Written answers by intent."""
    return json.loads((DATA / "en" / "intents.json").read_text(encoding="utf-8"))["answers"]
