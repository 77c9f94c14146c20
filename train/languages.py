"""`python -m train languages`: learn to tell languages apart by their letter runs, from the risk sentences and the corpus."""

import random

import numpy as np

from therapist.heads import Head
from therapist.language import LANGUAGES_FILE, written_in
from train import corpus
from train.risk import run_matrix
from train.safety import share


def examples(split: corpus.Split) -> tuple[list[str], list[str]]:
    """Texts and their languages: risk sentences of every level, and as many English statements as all others together."""
    rows = [(row["message"], row["language"]) for row in corpus.risk(split)]
    rows += [(e["statement"], "en") for e in corpus.entries(split)]
    random.Random(0).shuffle(rows)
    texts, languages = zip(*rows, strict=True)
    return list(texts), list(languages)


def fit() -> dict:
    """Write the file; returns the shares of the test split that are told right, wrong, or left open."""
    from safetensors.numpy import save_file
    from sklearn.linear_model import LogisticRegression

    texts, languages = examples("train")
    model = LogisticRegression(C=30, max_iter=200, class_weight="balanced").fit(
        run_matrix([t[:1000].lower() for t in texts]), languages
    )
    head = Head.fitted(model)
    LANGUAGES_FILE.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: w.astype(np.float16) for name, w in head.tensors("language").items()}
    save_file(weights, LANGUAGES_FILE, {"names": " ".join(head.names)})
    written_in.cache_clear()
    texts, languages = examples("test")
    found = [written_in(text) for text in texts]
    return {
        name: {
            "told": share(sum(f == name for f, y in zip(found, languages, strict=True) if y == name), languages.count(name)),
            "wrong": sum(f not in (None, name) for f, y in zip(found, languages, strict=True) if y == name),
        }
        for name in sorted(set(languages))
    }  # fmt: skip
