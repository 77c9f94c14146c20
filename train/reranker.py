"""Build the reranker's artefact: choose the bank, embed it, fit the calibration, set the threshold, report on the test split."""

import json
import random
import shutil
from pathlib import Path

import numpy as np

from therapist.conversation import Message
from therapist.reranker import FOLDER, PARTS, Bank, Calibration, Reranker, SentenceEncoder, bank_hash
from therapist.vetting import vet
from train import corpus
from train.warm_start import minilm_folder

PRECISION = 0.9
"""Of what qualifies on the dev split, so much must be good replies; the threshold is the lowest that keeps to it. The
split holds as many rejected replies as good ones, most of them near misses; drafts are seldom so hard to tell apart."""
SIGNS = {"reference": 1, "anti": -1, "fit": 1, "detail": 1, "novelty": 1, "brevity": 1}
"Which way each part must pull. A part that the data pulls the other way gets the weight 0: it would punish what it rewards."
FIELDS = ("id", "concern", "statement", "reflections", "rejected")


def choose_bank(most: int, seed: int) -> list[dict]:
    """At most so many entries of the training split, the same share of every concern."""
    rng = random.Random(seed)
    by_concern: dict[str, list[dict]] = {}
    for entry in corpus.entries("train"):
        by_concern.setdefault(entry["concern"], []).append({k: entry[k] for k in FIELDS})
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


def examples(entries: list[dict], reranker: Reranker, *, in_bank: bool) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Parts `[replies, parts]`, whether each is a good reply, and the entry it belongs to; vetoed replies are left out.

    An entry of the bank is judged without itself, or it would find its own replies.
    """
    rows, good, owner = [], [], []
    place = {e["id"]: i for i, e in enumerate(reranker.bank.entries)}
    for entry in entries:
        texts = [*entry["reflections"], *(r["text"] for r in entry["rejected"])]
        history: list[Message] = entry.get("history", [])
        said = [m["content"] for m in history if m["role"] == "assistant"]
        vectors = reranker.encoder.encode([entry["statement"], *texts, *said])
        told = " ".join([*(m["content"] for m in history if m["role"] == "user"), entry["statement"]])
        judged = reranker.judge(vectors[0], told, texts, vectors[1 : 1 + len(texts)], vectors[1 + len(texts) :],
                                without=place.get(entry["id"]) if in_bank else None)  # fmt: skip
        for i, candidate in enumerate(judged):
            if not vet(candidate.text, entry["statement"], history):
                rows.append([candidate.parts[p] for p in PARTS])
                good.append(i < len(entry["reflections"]))
                owner.append(entry["id"])
    return np.array(rows), np.array(good), owner


def threshold(probability: np.ndarray, good: np.ndarray, precision: float) -> float:
    """The lowest threshold above which at least `precision` of the replies are good."""
    order = np.argsort(-probability)
    kept = np.cumsum(good[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(kept >= precision)
    return float(probability[order[enough[-1]]]) if len(enough) else 1.0


def calibrate(parts: np.ndarray, good: np.ndarray) -> tuple[dict[str, float], float]:
    """Weights that pull the right way, and the bias: a logistic model, fitted again without the parts that do not."""
    from sklearn.linear_model import LogisticRegression

    used = list(PARTS)
    while True:
        columns = parts[:, [PARTS.index(p) for p in used]]
        model = LogisticRegression(max_iter=1000, class_weight="balanced").fit(columns, good)
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
    encoder_folder: Path | None = None, folder: Path = FOLDER, *, most: int = 2500, sampled: int = 1500, seed: int = 0
) -> dict:
    """Write the artefact into `folder`; returns what was measured on the test split."""
    from safetensors.numpy import save_file
    from sklearn.metrics import roc_auc_score

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "encoder"
    if encoder_folder is not None and encoder_folder.resolve() != target.resolve():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(encoder_folder, target)
    encoder = SentenceEncoder(target)
    entries = choose_bank(most, seed)
    vectors = embed(entries, encoder)
    bank = Bank(entries, {k: v.astype("float32") for k, v in vectors.items()})
    flat = Calibration(dict.fromkeys(PARTS, 0.0), 0.0, 0.0, encoder.sha256, bank_hash(entries))
    blank = Reranker(encoder, bank, flat)
    sample = random.Random(seed).sample(corpus.entries("train"), min(sampled, len(corpus.entries("train"))))
    parts, good, _ = examples(sample, blank, in_bank=True)
    weights, bias = calibrate(parts, good)
    dev_parts, dev_good, _ = examples(corpus.entries("dev"), blank, in_bank=False)
    cut = threshold(probabilities(dev_parts, weights, bias), dev_good, PRECISION)
    calibration = Calibration(weights, bias, cut, encoder.sha256, bank_hash(entries))
    (folder / "bank.jsonl").write_text(
        "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries), encoding="utf-8"
    )
    save_file(vectors, folder / "bank.safetensors")
    (folder / "calibration.json").write_text(json.dumps(calibration.__dict__, indent=1))
    test_parts, test_good, owner = examples(corpus.entries("test"), blank, in_bank=False)
    p = probabilities(test_parts, weights, bias)
    return {
        "bank entries": len(entries), "references": len(bank.references), "anti-references": len(bank.antis), "weights": weights, "threshold": cut,
        "test replies": len(p), "AUC": float(roc_auc_score(test_good, p)), "pairwise": pairwise(p, test_good, owner),
        "precision of what qualifies": float(test_good[p >= cut].mean()), "good replies that qualify": float((p[test_good] >= cut).mean()),
    }  # fmt: skip


def plain_minilm() -> Path:
    """The encoder to begin with."""
    return minilm_folder()
