"""Danger that no pattern knows, found by two readers: one of meaning, one of spelling.

Meaning is read from the sentence vectors of an encoder of its own, which knows all the languages that the risk
sentences are written in; the reranker's knows English. Spelling is read from runs of two to five letters, which needs
neither torch nor an encoder.
The patterns of `risk` run first, need no model and decide alone when they see a crisis. This adds what they miss; it
can raise a level and never lower one.
"""

import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from therapist.conversation import Message
from therapist.errors import ArtefactError
from therapist.heads import Head
from therapist.language import written_in
from therapist.reranker import Encoder
from therapist.risk import NO_RISK, RANK, Level, Risk, plain
from therapist.text import letter_runs

FOLDER = Path(__file__).parent / "data" / "risk"
FILE, ENCODER = FOLDER / "classifier.safetensors", FOLDER / "encoder"
LEVELS: tuple[Level, ...] = ("none", "concern", "crisis")
HEARD: tuple[Level, ...] = ("crisis", "concern")
SPELLINGS = 1 << 18
"Places that words and runs of letters are hashed to: with fewer, languages get into each other's way."
CALM = 0.2
"How far towards a concern a message and the turns before it may go and still be calm, as a share of the way."
TURNS = 2
"Earlier turns of the person that are read with a message: more would thin it out in the vector of the whole."

REPEATED, PACKED = re.compile(r"(.{2,60}?)\1{3,}", re.S), 8
"What is said four times or more running, looked for in texts that pack to less than an eighth."


def reading(statement: str, history: Sequence[Message]) -> str:
    """What is given to the readers: the message behind the person's turns just before it."""
    before = [m["content"] for m in history if m["role"] == "user"][-TURNS:]
    text = " . ".join(text for text in (*before, statement) if text)
    # A thousand times the same is no sentence, and readers of sentences see anything in it: once says as much.
    return REPEATED.sub(r"\1", text) if len(zlib.compress(text.encode())) * PACKED < len(text) else text


def reader(text: str, meaning: bool) -> str:
    """What weighs the evidence on a text: `english` or `foreign` for both readers, `spelling` where there is only one.

    English, of which the encoder has read most, is weighed apart from the other languages.
    """
    letters = [c for c in text if c.isalpha()]
    foreign = written_in(text) not in (None, "en") or sum(c < "\u0250" for c in letters) < len(letters) / 2
    return "spelling" if not meaning else "foreign" if foreign else "english"


class RiskClassifier:
    """Both readers, what each is worth, thresholds for concern and crisis, and the encoder of the first."""

    def __init__(self, encoder: Encoder | None, weights: dict[str, Any], about: dict[str, Any]) -> None:
        self._encoder, self._about = encoder, about
        self._level = Head.named(weights, "level", LEVELS)
        self._kind = Head.named(weights, "kind", about["kinds"])
        self._spelling, self._spelling_bias = weights["spelling"].astype("float32"), weights["spelling_bias"]
        self._rarity = weights["rarity"].astype("float32")
        self._run_kinds, self._run_kinds_bias = weights["run_kinds"].astype("float32"), weights["run_kinds_bias"]

    @classmethod
    def load(cls, encoder: Any, file: Path = FILE) -> "RiskClassifier":
        """The classifier of a file; without an encoder it reads spelling only.

        Raises:
            ArtefactError: it is missing or was trained on another encoder.
        """
        from safetensors import safe_open

        if not file.exists():
            raise ArtefactError(f"No {file.name} at {file.parent}. Build it with: python -m train risk")
        with safe_open(file, "numpy") as opened:
            about = json.loads(opened.metadata()["about"])
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if encoder is not None and about["encoder"] != encoder.sha256:
            raise ArtefactError(f"{file.name} was trained on another encoder. Build it with: python -m train risk")
        if missing := [name for name in ("english", "foreign", "spelling") if name not in about]:
            raise ArtefactError(
                f"{file.name} weighs nothing for {', '.join(missing)}. Build it with: python -m train risk"
            )
        return cls(encoder, weights, about)

    def evidence(self, texts: Sequence[str], vectors: Any) -> Any:
        """What both readers see of danger and any worry, float32 [texts, 4]: margins by spelling, odds by meaning."""
        import numpy as np

        columns = [np.stack([self._spelled(text) for text in texts])]
        if vectors is not None:
            columns.append(_log_odds(self._level.probabilities(vectors)))
        return np.concatenate(columns, axis=1)

    def probability(self, level: str, text: str, seen: Any) -> float:
        """Probability that a text holds a level or more; the evidence `seen` is float32 [4], or [2] without meaning."""
        import math

        weighed = self._about[reader(text, len(seen) > 2)][level]
        used = zip(weighed["weights"], seen, strict=True)
        return 1 / (1 + math.exp(-sum(w * float(x) for w, x in used) - weighed["bias"]))

    def assess(self, statement: str, history: Sequence[Message] = ()) -> Risk:
        """The level and kind that a message points to, read with the person's turns just before it.

        A crisis that those turns hold by themselves is not forgotten over a message that calms it: a concern is left.
        """
        text = reading(statement, history)
        vectors = self._encoder.encode([text]) if self._encoder else None
        heard = self._heard(text, vectors)
        level: Level = next((level for level in HEARD if heard[level] >= 1), "none")
        before = reading("", history)
        if level == "none" and statement and before and heard["concern"] >= CALM and self._alone(before)["crisis"] >= 1:
            level = "concern"
        if level == "none":
            return NO_RISK
        return Risk(level, self._kind_of(text, vectors), (statement,) if statement else ())

    def _alone(self, text: str) -> dict[str, float]:
        return self._heard(text, self._encoder.encode([text]) if self._encoder else None)

    def _heard(self, text: str, vectors: Any) -> dict[str, float]:
        """How far a text goes towards each level, 1 where it reaches it; its vector is [1, dimensions] or None."""
        seen, known = self.evidence([text], vectors)[0], self._about[reader(text, vectors is not None)]
        return {level: self.probability(level, text, seen) / known[level]["threshold"] for level in HEARD}

    def _spelled(self, text: str) -> Any:
        """How far a text lies on the side of danger and of any worry, float32 [2]; a rare run counts more."""
        import numpy as np

        runs = letter_runs(plain(text), SPELLINGS)
        counted = self._rarity[runs]
        length = max(1e-6, float(np.linalg.norm(counted)))
        return self._spelling[:, runs] @ counted / length + self._spelling_bias

    def _kind_of(self, text: str, vectors: Any) -> str:
        """The likeliest kind, both readers counting alike."""
        import numpy as np

        seen = np.log(_softmax(_summed(self._run_kinds, letter_runs(plain(text))) + self._run_kinds_bias) + 1e-9)
        if vectors is not None:
            seen = seen + np.log(self._kind.probabilities(vectors)[0] + 1e-9)
        return self._kind.names[int(seen.argmax())]


def _summed(weights: Any, runs: Any) -> Any:
    """Scores [classes] of a text: the sum over its runs, as if each text were a vector of length 1."""
    return weights[:, runs].sum(1) / max(1, len(runs)) ** 0.5


def _softmax(scores: Any) -> Any:
    import numpy as np

    exp = np.exp(scores - scores.max())
    return exp / exp.sum()


def _log_odds(levels: Any) -> Any:
    """[texts, 2]: danger against the rest, and danger or worry against none."""
    import numpy as np

    danger, worry = levels[:, 2], levels[:, 1] + levels[:, 2]
    return np.stack([np.log((p + 1e-6) / (1 - p + 1e-6)) for p in (danger, worry)], axis=1)


def higher(a: Risk, b: Risk) -> Risk:
    """The one of two findings with the higher level; the first when they are equal."""
    return b if RANK[b.level] > RANK[a.level] else a
