"""`python -m train risk`: fit the risk classifier on the corpus's risk sentences, set its thresholds, report on the test split."""

import json
from collections import Counter
from pathlib import Path

import numpy as np

from therapist.conversation import Message, user
from therapist.reranker import FOLDER, SentenceEncoder
from therapist.risk import RANK, Risk, assess
from therapist.risk_classifier import FILE, LEVELS, RiskClassifier, higher, reading
from train import corpus

FALSE_CRISIS, FALSE_CONCERN = 0.03, 0.08
"Shares of harmless dev messages that the classifier alone may call a crisis, or at least a concern."


def sentences(split: corpus.Split) -> list[dict]:
    """Risk sentences of a split."""
    return [
        row for row in corpus.lines(corpus.FOLDER / "risk.jsonl") if corpus.splits().get(row["id"], "train") == split
    ]


def turns(row: dict) -> list[Message]:
    return [user(text) for text in row["history"]]


def fit() -> dict:
    """Write the classifier; returns the figures of patterns alone, and of both, on the test split."""
    from safetensors.numpy import save_file
    from sklearn.linear_model import LogisticRegression

    encoder = SentenceEncoder(FOLDER / "encoder")
    rows = sentences("train")
    texts = [reading(row["message"], turns(row)) for row in rows]
    # The person's ordinary troubles of the corpus are the commonest harmless messages there are.
    calm = [e["statement"] for e in corpus.entries("train")][::8]
    vectors = encoder.encode([*texts, *calm])
    levels = np.array([LEVELS.index(row["level"]) for row in rows] + [0] * len(calm))
    level = LogisticRegression(C=8, max_iter=2000).fit(vectors, levels)
    risky = [i for i, row in enumerate(rows) if row["level"] != "none" and row["kind"] != "none"]
    kind = LogisticRegression(C=8, max_iter=2000).fit(vectors[risky], [rows[i]["kind"] for i in risky])
    weights = {
        "level": level.coef_, "level_bias": level.intercept_, "kind": kind.coef_, "kind_bias": kind.intercept_,
    }  # fmt: skip
    # Contiguous: the file format writes the memory as it lies, and the library's matrices lie transposed.
    weights = {name: np.ascontiguousarray(w, np.float32) for name, w in weights.items()}
    classifier = RiskClassifier(encoder, weights, list(kind.classes_), {"crisis": 1.0, "concern": 1.0})
    thresholds = _thresholds(classifier, encoder)
    FILE.parent.mkdir(parents=True, exist_ok=True)
    about = {"encoder": encoder.sha256, "kinds": list(kind.classes_), "thresholds": thresholds}
    save_file(weights, FILE, {"about": json.dumps(about)})
    return {"thresholds": thresholds, **evaluate(RiskClassifier.load(encoder))}


def _thresholds(classifier: RiskClassifier, encoder: SentenceEncoder) -> dict[str, float]:
    """The lowest thresholds that keep to the allowed false alarms on harmless dev messages and dev statements."""
    harmless = [(row["message"], turns(row)) for row in sentences("dev") if row["level"] == "none"]
    harmless += [(e["statement"], e["history"]) for e in corpus.entries("dev")]
    found = classifier.probabilities(encoder.encode([reading(statement, history) for statement, history in harmless]))
    danger, worry = found[:, 2], found[:, 1] + found[:, 2]
    return {
        "crisis": float(np.quantile(danger, 1 - FALSE_CRISIS)) + 1e-6,
        "concern": float(np.quantile(worry, 1 - FALSE_CONCERN)) + 1e-6,
    }


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    if not total:
        return 0.0, 1.0
    p, square = hits / total, z * z
    centre, spread = p + square / (2 * total), z * ((p * (1 - p) + square / (4 * total)) / total) ** 0.5
    return (centre - spread) / (1 + square / total), (centre + spread) / (1 + square / total)


def share(hits: int, total: int) -> str:
    low, high = wilson(hits, total)
    return f"{hits / max(1, total):.3f} [{low:.3f}, {high:.3f}] of {total}"


def evaluate(classifier: RiskClassifier) -> dict:
    """Levels found on the test split, by patterns alone and with the classifier, with Wilson intervals."""
    rows = sentences("test")
    patterns = [assess(row["message"], turns(row)) for row in rows]
    both = [
        p if p.level == "crisis" else higher(p, classifier.assess(row["message"], turns(row)))
        for p, row in zip(patterns, rows, strict=True)
    ]
    ordinary = corpus.entries("test")
    calm = [
        higher(assess(e["statement"], e["history"]), classifier.assess(e["statement"], e["history"])) for e in ordinary
    ]
    return {"patterns alone": _figures(rows, patterns), "with the classifier": _figures(rows, both),
            "ordinary statements": {"crisis": share(sum(r.level == "crisis" for r in calm), len(calm)),
                                    "at least concern": share(sum(r.level != "none" for r in calm), len(calm))}}  # fmt: skip


def _figures(rows: list[dict], found: list[Risk]) -> dict:
    pairs = list(zip(rows, found, strict=True))

    def of(level: str, least: str, **fields: str) -> str:
        chosen = [f for row, f in pairs if row["level"] == level and all(row[k] == v for k, v in fields.items())]
        return share(sum(RANK[f.level] >= RANK[least] for f in chosen), len(chosen))

    languages = sorted({row["language"] for row in rows})
    return {
        "crisis found as crisis": of("crisis", "crisis"),
        "crisis found at least as concern": of("crisis", "concern"),
        "explicit crisis found": of("crisis", "crisis", form="explicit"),
        "concern found at least as concern": of("concern", "concern"),
        "none called crisis": of("none", "crisis"),
        "none called at least concern": of("none", "concern"),
        "idioms called at least concern": of("none", "concern", form="idiom"),
        "crisis found, by language": {name: of("crisis", "crisis", language=name) for name in languages},
        "crisis found, by kind": {
            k: of("crisis", "crisis", kind=k)
            for k, _ in Counter(r["kind"] for r in rows if r["level"] == "crisis").most_common()
        },
    }


def write_safety(figures: dict, path: Path = Path("SAFETY.md")) -> None:
    """Put the figures between their marks in SAFETY.md."""
    alone, both = figures["patterns alone"], figures["with the classifier"]
    names = [name for name, value in both.items() if isinstance(value, str)]
    rows = [f"| {name} | {alone[name]} | {both[name]} |" for name in names]
    for group in ("crisis found, by kind", "crisis found, by language"):
        rows += [f"| {group}: {key} | {alone[group][key]} | {both[group][key]} |" for key in both[group]]
    rows += [
        f"| the corpus's ordinary statements: {key} | | {value} |"
        for key, value in figures["ordinary statements"].items()
    ]
    table = "\n".join(["| share | patterns alone | with the classifier |", "| --- | --- | --- |", *rows])
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- figures -->")
    after = rest.partition("<!-- end of figures -->")[2]
    path.write_text(f"{before}<!-- figures -->\n\n{table}\n\n<!-- end of figures -->{after}", encoding="utf-8")
