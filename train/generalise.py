"""`python -m train generalise`: what an encoder loses on concerns, and on authors, that it has never seen.

Trainings of equal length read statement and reply together and learn whether the reply may be said: one on the training
split, one without five whole concerns, one without three whole authors, all with equally many rows. Each is asked about
the held-out splits' entries of those concerns and authors. The shipped encoder learned more, for longer: only the
differences are meant.
"""

import json
import random
from pathlib import Path

import numpy as np
import torch

from train import corpus
from train.encoder import GOOD, LENGTH, ClassLoss, by_length, pairs_of
from train.fit import multiplies_halves
from train.reranker import pairwise
from train.warm_start import minilm_folder

CONCERNS = ("grief", "job-loss", "phobia", "ageing", "good-news")
AUTHORS = ("g4a", "g6b", "g2d")
STEPS = 300
"Optimiser steps of 32 rows."
OUT = Path(__file__).parent / "bench" / "generalise.md"


def unseen(entry: dict) -> dict[str, bool]:
    """Of which held-out group an entry is."""
    return {"five concerns": entry["concern"] in CONCERNS, "three authors": entry["author"] in AUTHORS}


def trained(entries: list[dict], rows: int, reasons: list[str], seed: int = 0) -> ClassLoss:
    """MiniLM and a layer over the classes of a reply, after `STEPS` steps on so many rows of these entries."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )

    torch.manual_seed(seed)
    pairs = random.Random(seed).sample(pairs_of(entries), rows)
    gpu = torch.cuda.is_available()
    model = SentenceTransformer(
        str(minilm_folder()), device="cuda" if gpu else "cpu", model_kwargs={"dtype": "float32"}
    )
    model.max_seq_length = LENGTH
    judge = ClassLoss(model, len(reasons))
    arguments = SentenceTransformerTrainingArguments(
        output_dir="runs/generalise", max_steps=STEPS, per_device_train_batch_size=32, learning_rate=1e-4, warmup_steps=0.1, bf16=multiplies_halves(),
        use_cpu=not gpu, seed=seed, logging_steps=50, save_strategy="no", report_to="none", batch_sampler=by_length,
    )  # fmt: skip
    rows_of = Dataset.from_list([{"text": t, "label": reasons.index(why)} for t, why in pairs])
    SentenceTransformerTrainer(model=model, args=arguments, train_dataset=rows_of, loss=judge).train()
    return judge.eval()


def measured(judge: ClassLoss, entries: list[dict], reasons: list[str]) -> dict[str, float]:
    """How well good replies stand over rejected ones: over all of them, and within an entry."""
    from sklearn.metrics import roc_auc_score

    texts, whys = zip(*pairs_of(entries), strict=True)
    owner = [e["id"] for e in entries for _ in pairs_of([e])]
    chance = []
    with torch.inference_mode():
        for i in range(0, len(texts), 64):
            features = judge.model.preprocess(list(texts[i : i + 64]))
            chance.append(judge.logits(features).float().softmax(1)[:, reasons.index(GOOD)].numpy())
    score, good = np.concatenate(chance), np.array([why == GOOD for why in whys])
    return {"AUC": float(roc_auc_score(good, score)), "pairwise": pairwise(score, good, owner)}


def table() -> dict[str, dict[str, dict[str, float]]]:
    """Group to what was trained (with it, without it) to figures on the group's held-out entries."""
    known, asked = corpus.entries("train"), [*corpus.entries("dev"), *corpus.entries("test")]
    reasons = sorted({why for _, why in pairs_of(known)})
    groups = list(unseen(known[0]))
    without = {group: [e for e in known if not unseen(e)[group]] for group in groups}
    rows = min(len(pairs_of(entries)) for entries in without.values())
    whole = trained(known, rows, reasons)
    found = {}
    for group in groups:
        held = [e for e in asked if unseen(e)[group]]
        blind = trained(without[group], rows, reasons)
        found[group] = {
            "entries": {"asked": len(held)},
            "seen": measured(whole, held, reasons),
            "never seen": measured(blind, held, reasons),
        }
        print(group, json.dumps(found[group]), flush=True)
    return found


def write() -> Path:
    """Train, measure, write the table."""
    lines = [
        f"| {group} ({row['entries']['asked']} entries) | {name} | {row['seen'][name]:.3f} | {row['never seen'][name]:.3f} |"
        for group, row in table().items()
        for name in ("AUC", "pairwise")
    ]
    head = ["# Concerns and authors never seen", "", "`python -m train generalise`", "", "| held out | figure | seen in training | never seen |", "| --- | --- | --- | --- |"]  # fmt: skip
    OUT.write_text("\n".join([*head, *lines, ""]), encoding="utf-8")
    return OUT
