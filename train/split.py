"""`python -m train split`: fix which entries are for training, dev and test, by scenario, no near-duplicate across."""

import hashlib
import json

import numpy as np

from therapist.reranker import SentenceEncoder
from train import corpus
from train.warm_start import minilm_folder

NEAR = 0.9
"Statements more alike than this may not lie on two sides of a split."


def draw(entry: str) -> float:
    """A number in [0, 1) that depends on the id alone, so that new entries do not move the old ones."""
    return int.from_bytes(hashlib.sha256(entry.encode()).digest()[:6]) / 2**48


def fix(share: float = 0.05) -> dict[str, list[str]]:
    """Write `splits.json`: dev and test ids. An entry with a near-duplicate in another split goes to training."""
    entries = corpus.entries()
    named = {
        e["id"]: "dev" if draw(e["id"]) < share else "test" if draw(e["id"]) < 2 * share else "train" for e in entries
    }
    vectors = SentenceEncoder(minilm_folder()).encode([e["statement"] for e in entries])
    for i, entry in enumerate(entries):
        if named[entry["id"]] != "train":
            alike = np.flatnonzero(vectors @ vectors[i] > NEAR)
            if any(named[entries[j]["id"]] != named[entry["id"]] for j in alike):
                named[entry["id"]] = "train"
    others = [
        row["id"]
        for part in ("dialogues", "feedback")
        if (corpus.FOLDER / f"{part}.jsonl").exists()
        for row in corpus.lines(corpus.FOLDER / f"{part}.jsonl")
    ]
    named |= {i: "dev" if draw(i) < share else "test" if draw(i) < 2 * share else "train" for i in others}
    # A test that moves measures nothing: risk sentences keep their split. New ones are for training, unless whoever
    # adds them names them in the file as dev or strangers.
    known = corpus.splits()
    named |= {row["id"]: known.get(row["id"], "train") for row in corpus.lines(corpus.FOLDER / "risk.jsonl")}
    table = {split: sorted(i for i, s in named.items() if s == split) for split in ("dev", "test", "strangers")}
    (corpus.FOLDER / "splits.json").write_text(json.dumps(table, indent=0) + "\n", encoding="utf-8")
    return table
