"""Pairs of statement and reply for judges to read: `python -m train draw` writes them, and judgements come back as data.

A judge sees statement and reply, never a score or where the reply is from, and says one of three: `say` (a careful
listener would say this), `acceptable` (no harm, not good), `must-not` (wrong, senseless or harmful), with the reason.
"""

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from therapist.conversation import Message, user
from therapist.generators import EMBEDDED_FOLDER, FastGenerator
from therapist.settings import Settings
from train import corpus

JUDGEMENTS = ("say", "acceptable", "must-not")


def draw(out: Path, *, train: int = 900, held: int = 300, drafts: int = 2, authors: int = 300, seed: int = 0) -> int:
    """Write drafts of the shipped generator for statements of every split, and some authors' replies among them."""
    rng = random.Random(seed)
    rows, chosen = [], []
    for split, count in (("train", train), ("dev", held), ("test", held)):
        entries = corpus.entries(split)
        chosen += rng.sample(entries, min(count, len(entries)))
    told = [[*e["history"], user(e["statement"])] for e in chosen]
    for entry, texts in zip(chosen, sample(told, drafts, seed), strict=True):
        rows += [_row(entry, text, "generator") for text in dict.fromkeys(texts)]
    for entry in rng.sample(corpus.entries(), authors):
        texts = [*corpus.good(entry), *(r["text"] for r in entry["rejected"])]
        rows.append(_row(entry, rng.choice(texts), "author"))
    rng.shuffle(rows)
    for i, row in enumerate(rows, 1):
        row["id"] = f"judged-{seed}-{i:04d}"
    out.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return len(rows)


def sample(conversations: list[list[Message]], n: int, seed: int, folder: Path = EMBEDDED_FOLDER) -> list[list[str]]:
    """n drafts for each conversation, by the very path that serves."""
    from tqdm import tqdm

    settings = Settings(timeout_s=120)
    generator = FastGenerator(settings, folder)
    with ThreadPoolExecutor(2 * settings.threads) as pool:
        drafts = pool.map(lambda c: generator.generate(c, n, seed), conversations)
        return list(tqdm(drafts, "drafting", len(conversations)))


def _row(entry: dict, text: str, origin: str) -> dict:
    return {
        "id": "", "entry": entry["id"], "origin": origin, "history": entry["history"], "statement": entry["statement"], "reply": text,
    }  # fmt: skip


def agreement(rows: list[dict]) -> dict:
    """How far two independent judges agree on the rows that both have read: share, Cohen's kappa, and must-not alone."""
    both = [(r["judgement"], r["second"]) for r in rows if r.get("second")]
    n = max(1, len(both))
    first, second = Counter(a for a, _ in both), Counter(b for _, b in both)
    same = sum(a == b for a, b in both) / n
    chance = sum(first[j] * second[j] for j in JUDGEMENTS) / n**2
    return {
        "judged twice": len(both), "same": same, "kappa": (same - chance) / (1 - chance) if chance < 1 else 1.0,
        "agree on must-not": sum((a == "must-not") == (b == "must-not") for a, b in both) / n,
    }  # fmt: skip
