"""`python -m train risk`: fit the risk classifier on the corpus's risk sentences, set its thresholds; `safety` says how well it works."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from therapist.conversation import Message, user
from therapist.heads import Head
from therapist.reranker import SentenceEncoder
from therapist.risk import RANK, plain
from therapist.risk_classifier import ENCODER, FILE, LEVELS, SPELLINGS, RiskClassifier, reader, reading
from therapist.text import BUCKETS, letter_runs
from train import corpus

FALSE = {
    "english": {"crisis": (0.04, 0.01), "concern": (0.08, 0.03)},
    "foreign": {"crisis": (0.03, 0.01), "concern": (0.08, 0.03)},
    "spelling": {"crisis": (0.08, 0.03), "concern": (0.20, 0.10)},
}
"""Shares of harmless dev messages that each reader alone may call a crisis, or at least a concern: of look-alikes, and of ordinary
troubles and questions, which nearly all messages are. The patterns call some 2 % of look-alikes a crisis of themselves. English
messages are told apart so well (AUC 0.994) that a little more room finds many more. Where only spelling is read, because
the encoder did not load, a danger that nobody hears counts more than twice as many false alarms."""


def turns(row: dict) -> list[Message]:
    return [user(text) for text in row["history"]]


def run_matrix(texts: list[str], buckets: int = BUCKETS) -> Any:
    """Letter runs as a sparse matrix [texts, buckets], each row of length 1."""
    from scipy.sparse import csr_matrix

    found = [letter_runs(text, buckets) for text in texts]
    places = np.concatenate([[0], np.cumsum([len(f) for f in found])])
    values = np.concatenate([np.full(len(f), len(f) ** -0.5) for f in found])
    return csr_matrix((values, np.concatenate(found), places), shape=(len(texts), buckets))


def spelling(texts: list[str], levels: np.ndarray) -> dict[str, np.ndarray]:
    """The reader of spelling: two linear support-vector machines, danger and any worry, over rare and common runs."""
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.svm import LinearSVC

    counted = run_matrix(texts, SPELLINGS)
    counted.data[:] = 1
    rarity = TfidfTransformer().fit(counted)
    seen = rarity.transform(counted)
    fitted = [LinearSVC(C=1, class_weight="balanced", random_state=0).fit(seen, levels >= least) for least in (2, 1)]
    return {
        "spelling": np.concatenate([m.coef_ for m in fitted]).astype("float16"),
        "spelling_bias": np.concatenate([m.intercept_ for m in fitted]).astype("float32"),
        "rarity": rarity.idf_.astype("float16"),
    }


def _softmax_model(features: Any, labels: Any, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=400, class_weight="balanced").fit(features, labels)


def fit(new: Path | None = None) -> dict:
    """Write the classifier, for a new encoder if one is given; returns what each reader is worth."""
    from safetensors.numpy import save_file

    if new is not None:
        shutil.rmtree(ENCODER, ignore_errors=True)
        shutil.copytree(new, ENCODER)
    encoder = SentenceEncoder(ENCODER)
    rows = corpus.risk("train")
    # Ordinary troubles, and what is asked of the program, are the commonest harmless messages there are.
    texts = [reading(row["message"], turns(row)) for row in rows]
    texts += [e["statement"] for e in corpus.entries("train")] + corpus.asked("train")
    levels = np.array([LEVELS.index(row["level"]) for row in rows] + [0] * (len(texts) - len(rows)))
    plainly = [plain(text) for text in texts]
    vectors, runs = encoder.encode(texts), run_matrix(plainly)
    risky = [i for i, row in enumerate(rows) if row["level"] != "none" and row["kind"] != "none"]
    kinds = [rows[i]["kind"] for i in risky]
    level, kind = _softmax_model(vectors, levels, 4), _softmax_model(vectors[risky], kinds, 4)
    spelled_kind = _softmax_model(runs[risky], kinds, 30)
    weights = Head.fitted(level).tensors("level") | Head.fitted(kind).tensors("kind")
    weights |= spelling(plainly, levels)
    weights |= {name: w.astype("float16") for name, w in Head.fitted(spelled_kind).tensors("run_kinds").items()}
    about: dict[str, Any] = {"encoder": encoder.sha256, "kinds": Head.fitted(kind).names}
    about |= _weighed(RiskClassifier(encoder, weights, about), encoder)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, FILE, {"about": json.dumps(about)})
    return {name: about[name] for name in ("english", "foreign", "spelling")}


def _weighed(classifier: RiskClassifier, encoder: SentenceEncoder) -> dict[str, Any]:
    """What each reader is worth, and the thresholds that keep to the allowed false alarms, on the dev split."""
    from sklearn.linear_model import LogisticRegression

    rows = corpus.risk("dev")
    calm = [reading(e["statement"], e["history"]) for e in corpus.entries("dev")] + corpus.asked("dev")
    texts = [reading(row["message"], turns(row)) for row in rows] + calm
    levels = np.array([RANK[row["level"]] for row in rows] + [0] * len(calm))
    seen = classifier.evidence(texts, encoder.encode(texts))
    harmless = np.array([levels[i] == 0 and i < len(rows) for i in range(len(texts))])
    ordinary = np.arange(len(texts)) >= len(rows)
    english = np.array([reader(text, True) == "english" for text in texts])
    all_of_them = np.ones(len(texts), bool)
    found: dict[str, Any] = {}
    for name, read, columns in (
        ("english", english, seen),
        ("foreign", ~english, seen),
        ("spelling", all_of_them, seen[:, :2]),
    ):
        found[name] = {}
        for level, least in (("crisis", 2), ("concern", 1)):
            model = LogisticRegression(C=1.0).fit(columns[read], levels[read] >= least)
            p = model.predict_proba(columns)[:, 1]
            # Two kinds of harmless message, each within the limit: look-alikes, and ordinary troubles.
            limits = [
                np.quantile(p[read & kind], 1 - share)
                for kind, share in zip((harmless, ordinary), FALSE[name][level], strict=True)
                if (read & kind).sum() > 20
            ]
            found[name][level] = {
                "weights": model.coef_[0].tolist(), "bias": float(model.intercept_[0]), "threshold": float(max(limits)) + 1e-6,
            }  # fmt: skip
    return found
