"""`python -m train intents`: learn what a message asks of the program itself, and say how well it is told on the test split."""

import json
from collections import Counter

import numpy as np

from therapist.heads import Head
from therapist.intents import EXERCISE, FILE, NONE, RUNS, Intents, answers
from therapist.reranker import FOLDER, SentenceEncoder
from train import corpus
from train.risk import run_matrix
from train.safety import share

FALSE = (0.005, 0.04)
"Shares of ordinary statements, and of look-alikes, of the dev split that may be answered as if they asked for something."
ASTRAY = 0.03
"Share of the dev split's requests that may be answered as another one."
STRENGTH = 20.0
SURE = 0.6
"The least threshold: whoever tells of a trouble and hears that it cannot be done here is worse off than who is not answered."


def rows(split: corpus.Split) -> list[tuple[str, str, bool]]:
    """(statement, intent, whether it was written to be told apart): the labelled rows, then all other entries of the corpus."""
    entries = {e["id"]: e["statement"] for e in corpus.entries(split)}
    labelled = {row["id"]: row for row in corpus.lines(corpus.FOLDER / "intents.jsonl")}
    return [(row["statement"], row["intent"], True) for row in corpus.intents(split)] + [
        (text, labelled.get(entry, {}).get("intent", NONE), False) for entry, text in entries.items()
    ]


def fit() -> dict:
    """Write the file; returns what was measured on the test split."""
    from safetensors.numpy import save_file
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    encoder = SentenceEncoder(FOLDER / "encoder")
    texts, intents, _ = zip(*rows("train"), strict=True)
    known = sorted({NONE, EXERCISE, *answers()})
    seen = hstack([csr_matrix(encoder.encode(texts)), run_matrix([text.lower() for text in texts], RUNS)]).tocsr()
    model = LogisticRegression(C=STRENGTH, max_iter=600).fit(seen, intents)
    head = Head.fitted(model)
    if list(head.names) != known:
        raise ValueError(f"The corpus has the intents {list(head.names)}, the written answers {known}.")
    threshold = chosen(Intents(encoder, head, 0.0), rows("dev"))
    about = {"encoder": encoder.sha256, "names": head.names, "threshold": threshold}
    weights = {name: w.astype("float16") for name, w in head.tensors("intent").items()}
    save_file(weights, FILE, {"about": json.dumps(about)})
    return {"threshold": threshold} | measured(Intents.load(encoder), rows("test"))


def chosen(intents: Intents, dev: list[tuple[str, str, bool]]) -> float:
    """The lowest threshold that keeps to the allowed mistakes on the dev split."""
    texts, said, written = zip(*dev, strict=True)
    likely = intents.probabilities(list(texts))
    heard = [intents.names[i] for i in likely.argmax(1)]
    likely[:, intents.names.index(NONE)] = 0
    asks, apart = np.array([i != NONE for i in said]), np.array(written)
    limits = [
        np.quantile(likely.max(1)[~asks & kind], 1 - most) for kind, most in zip((~apart, apart), FALSE, strict=True)
    ]
    pairs = zip(said, heard, likely.max(1), strict=True)
    wrong = sorted((p for i, found, p in pairs if NONE not in (i, found) and i != found), reverse=True)
    limits += wrong[int(ASTRAY * asks.sum()) :][:1]
    return float(max(SURE, *limits)) + 1e-6


def measured(intents: Intents, test: list[tuple[str, str, bool]]) -> dict:
    """How many of each intent are told, and how often something is heard where nothing is asked."""
    found = [(intents.of(text), intent, apart) for text, intent, apart in test]
    asked = Counter(intent for _, intent, _ in found if intent != NONE)
    told = {i: share(sum(f == y == i for f, y, _ in found), n) for i, n in sorted(asked.items())}
    calm = {kind: [f for f, y, apart in found if y == NONE and apart == kind] for kind in (True, False)}
    return {
        "told right": told,
        "all": share(sum(f == y != NONE for f, y, _ in found), asked.total()),
        "told as another": share(sum(NONE not in (f, y) and f != y for f, y, _ in found), asked.total()),
        "look-alikes taken for one": share(sum(f != NONE for f in calm[True]), len(calm[True])),
        "ordinary statements taken for one": share(sum(f != NONE for f in calm[False]), len(calm[False])),
    }
