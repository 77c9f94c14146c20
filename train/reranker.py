"""Build the reranker's artefact: choose the bank, embed it, fit the calibration, set the threshold, report on the test split."""

import json
import random
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from therapist.conversation import Message
from therapist.heads import Head
from therapist.reranker import (
    FOLDER,
    PARTS,
    Bank,
    Calibration,
    Candidate,
    Reranker,
    SentenceEncoder,
    bank_hash,
    read_together,
)
from therapist.vetting import vet
from train import corpus

QUALIFIES = 0.65
"""Probability from which a candidate may be said. With the best of four drafts or more, on the dev split: from 0.6 on 95 % of statements get a
reply and 73 % of those may be said by the judges; from 0.65 on 93 % and 75 %; from 0.7 on 89 % and 76 %; from 0.8 on 80 % and 80 %."""
SIGNS = {"sayable": 1, "reference": 1, "anti": -1, "fit": 1, "detail": 1, "novelty": 1, "brevity": 1}
"Which way each part must pull. A part that the data pulls the other way gets the weight 0: it would punish what it rewards."
FIELDS = ("id", "concern", "statement", "reflections", "rejected")
REFERENCES = 4
"Good replies kept of an entry in the bank, the plain ones first."


def choose_bank(most: int, seed: int) -> list[dict]:
    """At most so many entries of the training split, the same share of every concern."""
    rng = random.Random(seed)
    by_concern: dict[str, list[dict]] = {}
    for entry in corpus.entries("train"):
        row = {**entry, "reflections": corpus.good(entry)[:REFERENCES]}
        by_concern.setdefault(entry["concern"], []).append({k: row[k] for k in FIELDS})
    share = max(1, most // max(1, len(by_concern)))
    return [e for rows in by_concern.values() for e in rng.sample(rows, min(share, len(rows)))]


def embed(entries: list[dict], encoder: SentenceEncoder) -> dict[str, np.ndarray]:
    """Vectors of a bank, float16 on disk: half the size, and the ranking does not notice."""
    groups = {
        "statements": [e["statement"] for e in entries],
        "references": [r for e in entries for r in e["reflections"]],
        "antis": [r["text"] for e in entries for r in e["rejected"]],
    }
    return {name: encoder.encode(texts).astype("float16") for name, texts in groups.items()}


def sayable_head(encoder: SentenceEncoder, most: int, seed: int) -> Head:
    """Whether a reply may be said, and why not, from statement and reply read together; of the training split."""
    from sklearn.linear_model import LogisticRegression

    from train.encoder import judged_pairs, written_pairs

    written = written_pairs()
    texts, whys = zip(*judged_pairs(), *random.Random(seed).sample(written, min(most, len(written))), strict=True)
    return Head.fitted(LogisticRegression(C=1.0, max_iter=300).fit(encoder.encode(texts), whys))


@dataclass(frozen=True)
class Examples:
    """Replies that passed the gate: their parts `[replies, parts]`, and what is known of each."""

    parts: np.ndarray
    good: np.ndarray
    "Whether it may be said: written as good, or judged `say` or `acceptable`."
    owner: list[str]
    "The entry that it belongs to."
    drafted: np.ndarray
    "Whether our own generator wrote it."
    why: list[str]
    "The reason against it, or `good`."
    found: list[str]
    "The reason that the head finds likeliest."
    texts: list[str]


def examples(split: corpus.Split, reranker: Reranker) -> Examples:
    """The corpus's replies and the judged drafts of a split, as the reranker sees them."""
    cases = [
        (e["id"], e["history"], e["statement"],
         [*((r, True, False, "good") for r in corpus.good(e)), *((r["text"], False, False, r["why"]) for r in e["rejected"])])
        for e in corpus.entries(split)
    ]  # fmt: skip
    cases += [
        (row["entry"], row["history"], row["statement"],
         [(row["reply"], row["judgement"] != "must-not", True, row["why"] if row["judgement"] == "must-not" else "good")])
        for row in corpus.judged(split)
    ]  # fmt: skip
    kept: list[tuple] = []
    for owner, history, statement, replies in cases:
        replies = [r for r in replies if not vet(r[0], statement, history)]
        candidates = score(reranker, statement, history, [r[0] for r in replies])
        kept += [
            ([c.parts[p] for p in PARTS], good, owner, drafted, why, c.reasons[0] if c.reasons else "good", c.text)
            for c, (_, good, drafted, why) in zip(candidates, replies, strict=True)
        ]
    parts, good, owner, drafted, why, found, text = (list(column) for column in zip(*kept, strict=True))
    return Examples(np.array(parts), np.array(good), owner, np.array(drafted), why, found, text)


def score(reranker: Reranker, statement: str, history: list[Message], texts: list[str]) -> list[Candidate]:
    """Candidates in the order of `texts`, unvetted."""
    if not texts:
        return []
    said = [m["content"] for m in history if m["role"] == "assistant"]
    together = [read_together(history, statement, t) for t in texts]
    vectors = reranker.encoder.encode([statement, *texts, *together, *said])
    told = " ".join([*(m["content"] for m in history if m["role"] == "user"), statement])
    return reranker.judge(vectors[0], told, texts, *np.split(vectors[1:], [len(texts), 2 * len(texts)]))


def calibrate(parts: np.ndarray, good: np.ndarray, weight: np.ndarray) -> tuple[dict[str, float], float]:
    """Weights that pull the right way, and the bias: a logistic model, fitted again without the parts that do not."""
    from sklearn.linear_model import LogisticRegression

    used = list(PARTS)
    while True:
        columns = parts[:, [PARTS.index(p) for p in used]]
        model = LogisticRegression(max_iter=1000, C=10).fit(columns, good, sample_weight=weight)
        wrong = [p for p, w in zip(used, model.coef_[0], strict=True) if w * SIGNS[p] < 0]
        if not wrong:
            break
        used = [p for p in used if p not in wrong]
    fitted = dict(zip(used, map(float, model.coef_[0]), strict=True))
    return {p: fitted.get(p, 0.0) for p in PARTS}, float(model.intercept_[0])


def probabilities(parts: np.ndarray, weights: dict[str, float], bias: float) -> np.ndarray:
    """The calibrated probability of each row of parts."""
    return 1 / (1 + np.exp(-(parts @ np.array([weights[p] for p in PARTS]) + bias)))


def pairwise(probability: np.ndarray, good: np.ndarray, owner: list[str]) -> float:
    """Share of (good, rejected) pairs of one entry that the score puts in the right order."""
    groups: dict[str, list[int]] = {}
    for i, entry in enumerate(owner):
        groups.setdefault(entry, []).append(i)
    right = total = 0
    for rows in groups.values():
        for a in rows:
            for b in rows:
                if good[a] and not good[b]:
                    right += probability[a] > probability[b]
                    total += 1
    return right / max(1, total)


def build(
    encoder_folder: Path | None = None, folder: Path = FOLDER, *, most: int = 2500, pairs: int = 10000, seed: int = 0
) -> dict:
    """Write the artefact into `folder`; returns what was measured on the test split.

    The bank and the head come from the training split, calibration and threshold from the dev split: on the training
    split the encoder knows every answer, and would be trusted too much.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "encoder"
    if encoder_folder is not None and encoder_folder.resolve() != target.resolve():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(encoder_folder, target)
    encoder = SentenceEncoder(target)
    entries = choose_bank(most, seed)
    vectors = embed(entries, encoder)
    bank = Bank(entries, {k: v.astype("float32") for k, v in vectors.items()})
    head = sayable_head(encoder, pairs, seed)
    flat = Calibration(dict.fromkeys(PARTS, 0.0), 0.0, 1.0, encoder.sha256, bank_hash(entries), head.names)
    blank = Reranker(encoder, bank, head, flat)
    dev = examples("dev", blank)
    weights, bias = calibrate(dev.parts, dev.good, equal(dev.drafted))
    cut = QUALIFIES
    calibration = Calibration(weights, bias, cut, encoder.sha256, bank_hash(entries), head.names)
    (folder / "bank.jsonl").write_text(
        "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries), encoding="utf-8"
    )
    save_file(vectors | head.tensors("sayable"), folder / "bank.safetensors")
    (folder / "calibration.json").write_text(json.dumps(asdict(calibration), indent=1))
    return {"bank entries": len(entries), "references": len(bank.references), "anti-references": len(bank.antis), "weights": weights,
            "threshold": cut, **measure(examples("test", blank), weights, bias, cut)}  # fmt: skip


def measure(test: Examples, weights: dict[str, float], bias: float, cut: float) -> dict:
    """The figures of the test split."""
    from sklearn.metrics import roc_auc_score

    p = probabilities(test.parts, weights, bias)
    written, drafted = ~test.drafted, test.drafted
    bad = [(w, f) for w, f, good in zip(test.why, test.found, test.good, strict=True) if not good and f != "repeats"]
    figures = {
        "replies of authors": int(written.sum()), "AUC on them": float(roc_auc_score(test.good[written], p[written])),
        "pairwise": pairwise(p[written], test.good[written], [o for o, w in zip(test.owner, written, strict=True) if w]),
        "expected calibration error": calibration_error(p, test.good),
        "reason named as judged": sum(w == f for w, f in bad) / max(1, len(bad)),
        "good replies of authors that qualify": float((p[written & test.good] >= cut).mean()),
    }  # fmt: skip
    if drafted.any():
        kept = drafted & (p >= cut)
        figures |= {
            "judged drafts": int(drafted.sum()), "of them may be said": float(test.good[drafted].mean()),
            "AUC on drafts": float(roc_auc_score(test.good[drafted], p[drafted])),
            "drafts that qualify": float((p[drafted] >= cut).mean()), "of what qualifies may be said": float(test.good[kept].mean()) if kept.any() else None,
        }  # fmt: skip
    return figures


def equal(drafted: np.ndarray) -> np.ndarray:
    """Weights with which drafts and authors' replies count alike, however many of each there are."""
    return np.where(drafted, (~drafted).sum() / max(1, drafted.sum()), 1.0)


def calibration_error(probability: np.ndarray, good: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: mean distance of a bin's mean probability from its share of good replies."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    return float(
        sum(
            abs(probability[place == b].mean() - good[place == b].mean()) * (place == b).mean()
            for b in range(bins)
            if (place == b).any()
        )
    )
