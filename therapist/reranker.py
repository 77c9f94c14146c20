"""Ranking candidates by likeness to empathetic reference reflections.

A reranker is a bank of reference reflections and anti-references, an encoder, and a calibration, loaded as one
artefact: a calibration made for another bank or encoder is refused. For a statement, the entries of the bank whose
statements lie nearest say what a good listener answered there, and what a bad one did. A candidate's score is the
calibrated probability that a careful person would say "this may be said", from parts that each have a name.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from therapist import bert
from therapist.conversation import Message
from therapist.errors import ArtefactError
from therapist.heads import Head
from therapist.text import words
from therapist.vetting import vet

FOLDER = Path(__file__).parent / "data" / "reranker"
REBUILD = "Build it with: python -m train reranker"
AT_ONCE = 64
"Texts encoded together, at most."
THREADS = 2
"Threads that encode, each computing alone: see `decoder`."
NEIGHBOURS = 48
"Entries of the bank that a statement is compared with: about a third of one concern."
TOP = 3
"References averaged for a similarity: one alone is noise, many blur what is near."
AGREEMENT = 0.35
"Share of the nearest statements' votes that a concern must have; below it, naming a specialist would be a guess."
PARTS = ("sayable", "reference", "anti", "fit", "detail", "novelty", "brevity")
GOOD, ACCEPTABLE = "good", "acceptable"
"Classes of the sayable head that are no reason against a reply: what a listener would say, and what does no harm."


class Encoder(Protocol):
    """Text to unit vectors."""

    def encode(self, texts: Sequence[str]) -> Any:
        """Embeddings, float32 [len(texts), dimensions], each of length 1."""
        ...


@dataclass(frozen=True)
class Candidate:
    """One drafted reply with everything that was found about it."""

    text: str
    score: float
    "Probability that a careful person would say this may be said, 0 to 1; 0 for what the vetting refused."
    qualifies: bool
    reasons: tuple[str, ...] = ()
    "Why it does not qualify, as codes of `data/en/reasons.json`; empty when it does."
    parts: dict[str, float] = field(default_factory=dict)
    nearest: str = ""
    "The reference reflection it is most like."


@dataclass(frozen=True)
class Calibration:
    """Weights that turn parts into a probability, and the threshold above which a candidate qualifies."""

    weights: dict[str, float]
    bias: float
    threshold: float
    encoder: str
    "sha256 of the encoder's weights."
    bank: str
    "sha256 of the bank's text."
    reasons: tuple[str, ...] = ()
    "Classes of the sayable head: `good`, `acceptable`, and why a reply must not be said."

    def probability(self, parts: dict[str, float]) -> float:
        total = self.bias + sum(self.weights[name] * parts[name] for name in PARTS)
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def read_together(history: Sequence[Message], statement: str, reply: str) -> str:
    """A reply behind what it answers, as the encoder reads both at once; the turn before helps with "the second"."""
    before = [m["content"] for m in history][-1:]
    return f"{' '.join([*before, statement]).replace('[', '(')} [SEP] {reply.replace('[', '(')}"


class SentenceEncoder:
    """A sentence-transformers model (BERT, mean of the tokens) in a folder, identified by the hash of its weights."""

    def __init__(self, folder: Path) -> None:
        import torch
        from safetensors.torch import load
        from tokenizers import Tokenizer

        weights = folder / "model.safetensors"
        if not weights.exists():
            raise ArtefactError(f"No encoder at {folder}.")
        stored = weights.read_bytes()
        self.sha256 = hashlib.sha256(stored).hexdigest()
        shape = bert.config(folder)
        if shape.get("model_type") != "bert" or shape.get("hidden_act") != "gelu":
            raise ArtefactError(f"The encoder at {folder} is no BERT with GELU. {REBUILD}")
        self._bert, self._torch = bert.Bert(load(stored), shape, "", bert.int8), torch
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        longest = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))["model_max_length"]
        self._tokenizer.enable_truncation(min(longest, shape["max_position_embeddings"]))
        self._tokenizer.no_padding()
        torch.set_num_threads(1)
        self._pool = ThreadPoolExecutor(THREADS, "encode")

    def encode(self, texts: Sequence[str]) -> Any:
        import numpy as np

        if len(texts) == 1:  # a message that is read for danger does not queue behind candidates
            return self._encoded(texts)
        vectors = np.empty((len(texts), self._bert.width), np.float32)
        groups = min(len(texts), max(THREADS, -(-len(texts) // AT_ONCE)))
        # Every so-many-th text: long and short ones are shared out alike.
        for i, found in enumerate(self._pool.map(self._encoded, (texts[i::groups] for i in range(groups)))):
            vectors[i::groups] = found
        return vectors

    def _encoded(self, texts: Sequence[str]) -> Any:
        torch = self._torch
        ids = [e.ids for e in self._tokenizer.encode_batch(list(texts))]
        sizes = [len(i) for i in ids]

        def attend(_: int, qkv: Any) -> Any:
            each = bert.by_heads(qkv, 3 * self._bert.heads).split(sizes, 1)
            return torch.cat([bert.attention(*text.chunk(3)) for text in each])

        with torch.inference_mode():
            positions = torch.cat([torch.arange(size) for size in sizes])
            hidden = self._bert.hidden(torch.tensor([i for row in ids for i in row]), positions, attend)
            means = torch.stack([text.mean(0) for text in hidden.split(sizes)])
            return torch.nn.functional.normalize(means).numpy()


class Bank:
    """Reference reflections and anti-references, by the statement that they answer.

    `statements` float32 [entries, dimensions]; `references` and `antis` likewise, one row a reply, `*_entry` saying
    which entry each belongs to.
    """

    def __init__(self, entries: Sequence[dict], vectors: dict[str, Any]) -> None:
        self.entries = list(entries)
        self.references = [r for e in entries for r in e["reflections"]]
        self.antis = [(r["text"], r["why"]) for e in entries for r in e["rejected"]]
        self.vectors = vectors
        self._reference_entry = _owners([len(e["reflections"]) for e in entries])
        self._anti_entry = _owners([len(e["rejected"]) for e in entries])
        for name, rows in (("statements", entries), ("references", self.references), ("antis", self.antis)):
            if len(vectors[name]) != len(rows):
                raise ArtefactError(f"The bank has {len(rows)} {name} but {len(vectors[name])} vectors. {REBUILD}")

    def near(self, statement: Any) -> Any:
        """Indices of the entries nearest to a statement's embedding, nearest first."""
        import numpy as np

        likeness = self.vectors["statements"] @ statement
        k = min(NEIGHBOURS, len(likeness))
        best = np.argpartition(-likeness, k - 1)[:k]
        return best[np.argsort(-likeness[best])]

    def rows(self, entries: Any) -> tuple[Any, Any]:
        """Rows of the references and of the anti-references that belong to some entries."""
        import numpy as np

        return np.flatnonzero(np.isin(self._reference_entry, entries)), np.flatnonzero(
            np.isin(self._anti_entry, entries)
        )


def _owners(counts: list[int]) -> Any:
    import numpy as np

    return np.repeat(np.arange(len(counts)), counts)


def bank_hash(entries: Sequence[dict]) -> str:
    """sha256 over the text of a bank."""
    return hashlib.sha256(json.dumps(list(entries), ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def detail(text: str, statement: str) -> float:
    """How many content words of the statement a reply carries, 0 to 1; two are enough for 1."""
    return min(1.0, len(content_words(text) & content_words(statement)) / 2)


def content_words(text: str) -> set[str]:
    """Words that carry a person's matter: no stop words, none under three letters; one stem counts once."""
    from therapist.language import stop_words

    return {w[:6] for w in words(text.lower()) if len(w) > 2 and w not in stop_words()}


def brevity(text: str) -> float:
    """1 for 8 to 45 words, the length that the corpus asks of a reply, falling to 0 at 0 and at 75 words."""
    n = len(words(text))
    return max(0.0, min(1.0, n / 8, (75 - n) / 30))


def _log_odds(probability: float) -> float:
    """Log-odds between -6 and 6: beyond that nothing is surer."""
    p = min(1 - 1e-9, max(1e-9, probability))
    return max(-6.0, min(6.0, math.log(p / (1 - p))))


class Reranker:
    """Bank, encoder, head and calibration, which belong together."""

    def __init__(self, encoder: Encoder, bank: Bank, sayable: Head, calibration: Calibration) -> None:
        self.encoder, self.bank, self.sayable, self.calibration = encoder, bank, sayable, calibration

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Reranker":
        """The artefact of a folder.

        Raises:
            ArtefactError: a part is missing, or bank, encoder and calibration were not made together.
        """
        from safetensors.numpy import load_file

        needed = [folder / name for name in ("bank.jsonl", "bank.safetensors", "calibration.json")]
        if missing := [p.name for p in needed if not p.exists()]:
            raise ArtefactError(f"{folder} lacks {', '.join(missing)}. {REBUILD}")
        entries = [json.loads(line) for line in needed[0].read_text(encoding="utf-8").splitlines()]
        made = json.loads(needed[2].read_text(encoding="utf-8"))
        calibration = Calibration(**made | {"reasons": tuple(made.get("reasons", ()))})
        encoder = SentenceEncoder(folder / "encoder")
        for name, made_for, found in (
            ("encoder", calibration.encoder, encoder.sha256),
            ("bank", calibration.bank, bank_hash(entries)),
        ):
            if made_for != found:
                raise ArtefactError(
                    f"The calibration was made for {name} {made_for[:12]}, found {found[:12]}. {REBUILD}"
                )
        vectors = {name: rows.astype("float32") for name, rows in load_file(needed[1]).items()}
        sayable = Head.named(vectors, "sayable", calibration.reasons)
        return cls(encoder, Bank(entries, vectors), sayable, calibration)

    def topic(self, statement: str) -> str | None:
        """The concern of the nearest statements of the bank; None when they do not agree."""
        votes: dict[str, float] = {}
        for rank, i in enumerate(self.bank.near(self.encoder.encode([statement])[0])[:9]):
            concern = self.bank.entries[i]["concern"]
            votes[concern] = votes.get(concern, 0) + 1 / (rank + 2)
        best = max(votes, key=lambda c: votes[c])
        return best if votes[best] >= AGREEMENT * sum(votes.values()) else None

    def rank(self, statement: str, texts: Sequence[str], history: Sequence[Message] = ()) -> tuple[Candidate, ...]:
        """Candidates best first, rejected ones included with their reasons; equal texts are judged once."""
        texts = list(dict.fromkeys(t.strip() for t in texts))
        if not texts:
            return ()
        import numpy as np

        refused = {text: vet(text, statement, history) for text in texts}
        texts = [text for text in texts if not refused[text]]
        said = [m["content"] for m in history if m["role"] == "assistant"]
        together = [read_together(history, statement, t) for t in texts]
        vectors = self.encoder.encode([statement, *texts, *together, *said])
        told = " ".join([*(m["content"] for m in history if m["role"] == "user"), statement])
        judged = self.judge(vectors[0], told, texts, *np.split(vectors[1:], [len(texts), 2 * len(texts)]))
        ranked = sorted(judged, key=lambda c: c.score, reverse=True)
        return (*ranked, *(Candidate(text, 0.0, False, reasons) for text, reasons in refused.items() if reasons))

    def judge(
        self, statement: Any, told: str, texts: Sequence[str], vectors: Any, together: Any, said: Any
    ) -> list[Candidate]:
        """Parts and score of each text, before any vetting. `told` is all that the person said, for the details.

        `vectors` are of the texts alone, `together` of each text read behind the statement, `said` of earlier replies.
        """
        import numpy as np

        near = self.bank.near(statement)
        references, antis = self.bank.rows(near)
        to_references = vectors @ self.bank.vectors["references"][references].T
        to_antis = vectors @ self.bank.vectors["antis"][antis].T
        to_said = (vectors @ said.T).max(1) if len(said) else np.zeros(len(texts))
        classes = self.sayable.probabilities(together)
        good, acceptable = (classes[:, self.sayable.names.index(name)] for name in (GOOD, ACCEPTABLE))
        found = []
        for i, text in enumerate(texts):
            parts = {
                # Log-odds, as everything else in the calibration; beyond 6 they are no surer.
                "sayable": _log_odds(float(good[i] + acceptable[i])),
                "reference": float(np.sort(to_references[i])[-TOP:].mean()),
                "anti": float(np.sort(to_antis[i])[-TOP:].mean()),
                # Likeness to the statement beyond 0.7 is echo and earns nothing more.
                "fit": min(0.7, float(vectors[i] @ statement)),
                "detail": detail(text, told),
                "novelty": 1 - max(0.0, float(to_said[i])),
                "brevity": brevity(text),
            }
            score = self.calibration.probability(parts)
            nearest = self.bank.references[references[int(to_references[i].argmax())]]
            reasons = () if score >= self.calibration.threshold else (self._reason(parts, classes[i]),)
            found.append(Candidate(text, score, not reasons, reasons, parts, nearest))
        return found

    def _reason(self, parts: dict[str, float], classes: Any) -> str:
        """Why a score is too low, in one code: said before, or the likeliest reason against it."""
        if parts["novelty"] < 0.15:
            return "repeats"
        if parts["sayable"] > 0:
            return "unsure"
        against = [p for p in zip(classes, self.sayable.names, strict=True) if p[1] not in (GOOD, ACCEPTABLE)]
        return max(against)[1]
