"""What a message asks of the program itself, where its words said back miss the point: "what does a therapist cost?"

Read from meaning (the reranker's vectors) and from spelling (runs of letters), since such messages have words of their
own. The patterns of `protocol` run first and know every language; this knows English, as the embedded generator does.
The answers are written.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from therapist.errors import ArtefactError
from therapist.heads import Head
from therapist.reranker import Encoder
from therapist.text import letter_runs

DATA = Path(__file__).parent / "data"
FILE = DATA / "intents.safetensors"
NONE, EXERCISE = "none", "exercise"
"The intent of who tells something and asks for nothing, and the one that an exercise answers."
LANGUAGES = "languages"
"The intent of who asks which languages are spoken: the answers are those of the embedded model."
OF_A_REPLY = ("correction",)
"Intents that need a reply before them."
MOST_WORDS = 30
"In a longer message a question is part of the story."
RUNS = 1 << 15
"Places that words and runs of letters are hashed to."


class Intents:
    """Encoder, head over its vectors and over runs of letters, and the probability that an intent must have."""

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

    @property
    def names(self) -> tuple[str, ...]:
        """The intents in the head's order."""
        return self._head.names

    def probabilities(self, statements: list[str]) -> Any:
        """Of each intent in the head's order, float32 [statements, intents]."""
        return self._head.probabilities(_features(self._encoder, statements))

    def of(self, statement: str, replied: bool = True) -> str:
        """What a statement asks for; `NONE` where that is not sure, or needs a reply that was not given yet."""
        if len(statement.split()) > MOST_WORDS:
            return NONE
        likely = self.probabilities([statement])[0]
        best = int(likely.argmax())
        name = self.names[best] if likely[best] >= self._threshold else NONE
        return NONE if name in OF_A_REPLY and not replied else name


def _features(encoder: Encoder, statements: list[str]) -> Any:
    """What the head reads, float32 [statements, dimensions + `RUNS`]: the vector, and the runs as another one."""
    import numpy as np

    spelled = np.zeros((len(statements), RUNS), np.float32)
    for row, statement in zip(spelled, statements, strict=True):
        runs = letter_runs(statement.lower(), RUNS)
        row[runs] = max(1, len(runs)) ** -0.5
    return np.concatenate([encoder.encode(statements), spelled], axis=1)


@cache
def answers() -> dict[str, list[str]]:
    """Written answers by intent."""
    return json.loads((DATA / "en" / "intents.json").read_text(encoding="utf-8"))["answers"]
