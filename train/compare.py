"""The reranker beside what is simpler, on the test split, in one run: `python -m train evaluate reranker`.

Every ranker scores the same replies (authors' good and rejected ones and judged drafts, those that pass the gate). The
ablation leaves one part out and fits the rest again on the dev split, so that nothing is tuned on what is reported.
"""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from therapist.reranker import NEIGHBOURS, PARTS, TOP, Reranker, SentenceEncoder
from train import corpus, pictures
from train.reranker import Examples, calibrate, equal, examples, pairwise, probabilities
from train.warm_start import minilm_folder

GOOD, REJECTED = 2, 6
"A shelf: so many good and rejected replies of one statement, rejected ones of near statements filling it up."
COUNTS = (1, 2, 4, 8)
GAMING = corpus.FOLDER.parents[1] / "tests" / "gaming.jsonl"
"Candidates made to fool the ranker, and honest ones to the same statements."


def reranker(seed: int = 0) -> dict:
    """Every figure of the shipped reranker, the baselines and the ablation."""
    from sklearn.metrics import roc_auc_score

    shipped = Reranker.load()
    dev, test = examples("dev", shipped), examples("test", shipped)
    written = ~test.drafted

    def figures(score: np.ndarray) -> dict:
        own = [o for o, w in zip(test.owner, written, strict=True) if w]
        found = {
            "AUC, authors": roc_auc_score(test.good[written], score[written]),
            "pairwise": pairwise(score[written], test.good[written], own),
            f"a good one first of {GOOD} + {REJECTED}": first_of_shelf(test, score, seed),
        }
        if len(set(test.good[test.drafted])) == 2:
            found["AUC, drafts"] = roc_auc_score(test.good[test.drafted], score[test.drafted])
        return {name: round(float(value), 3) for name, value in found.items()}

    def fitted(left_out: str | None = None) -> np.ndarray:
        kept = dev.parts.copy()
        if left_out:
            kept[:, PARTS.index(left_out)] = 0
        return probabilities(test.parts, *calibrate(kept, dev.good, equal(dev.drafted)))

    rng = np.random.default_rng(seed)
    table: dict[str, Callable[[], np.ndarray]] = {
        "shipped": lambda: fitted(),
        "plain MiniLM, mean of the top references": lambda: plain_likeness(test, shipped),
        "longest reply": lambda: np.array([len(text.split()) for text in test.texts], float),
        "random": lambda: rng.random(len(test.good)),
    }
    table |= {f"without {part}": lambda part=part: fitted(part) for part in PARTS}
    found: dict = {name: figures(score()) for name, score in table.items()}
    served = probabilities(test.parts, shipped.calibration.weights, shipped.calibration.bias)
    quality, taken = {n: best_of(test, served, n, seed) for n in COUNTS}, milliseconds()
    pictures.best_of(quality, taken)
    found["may be said, best of n drafts"] = {n: round(share, 3) for n, share in quality.items()}
    found["milliseconds of a reply at n"] = {n: round(ms) for n, ms in taken.items()}
    return found | {"gaming suite, kept from qualifying": gamed(shipped)}


def milliseconds(statements: int = 20) -> dict[int, float]:
    """Median time of a whole reply by n, over statements that are answered with a draft."""
    from therapist import Therapist

    therapist = Therapist()
    therapist.load()
    entries = corpus.entries("dev")
    asked = [e["statement"] for e in entries[:: max(1, len(entries) // statements)]]
    drafted = [s for s in asked if therapist.respond(s, n=1).candidates]
    taken = {n: [therapist.respond(s, n=n).seconds for s in drafted] for n in (*COUNTS, 16)}
    return {n: 1000 * float(np.median(seconds)) for n, seconds in taken.items()}


def best_of(test: Examples, score: np.ndarray, n: int, seed: int, rounds: int = 50) -> float:
    """How often the best of n of a statement's judged drafts may be said, over those statements with eight or more."""
    rng = random.Random(seed)
    drafts: dict[str, list[int]] = {}
    for i in np.flatnonzero(test.drafted):
        drafts.setdefault(test.owner[i], []).append(int(i))
    groups = [rows for rows in drafts.values() if len(rows) >= max(8, n)]
    won = [test.good[max(rng.sample(rows, n), key=lambda i: score[i])] for rows in groups for _ in range(rounds)]
    return float(np.mean(won))


def gamed(shipped: Reranker) -> dict[str, str]:
    """Of each kind of candidate made to fool the ranker, how many do not qualify; of the honest ones, how many do."""
    counts: dict[str, list[int]] = {}
    for row in corpus.lines(GAMING):
        qualifies = shipped.rank(row["statement"], [row["reply"]], row["history"])[0].qualifies
        counts.setdefault(row["kind"], []).append(qualifies == (row["kind"] == "good"))
    counts["all but good"] = [kept for kind, found in counts.items() if kind != "good" for kept in found]
    return {kind: f"{sum(found)} of {len(found)}" for kind, found in counts.items()}


def first_of_shelf(test: Examples, score: np.ndarray, seed: int, rounds: int = 400) -> float:
    """How often a good reply comes first among two good and six rejected ones of authors."""
    rng = random.Random(seed)
    rows: dict[str, tuple[list[int], list[int]]] = {}
    for i in np.flatnonzero(~test.drafted):
        rows.setdefault(test.owner[i], ([], []))[0 if test.good[i] else 1].append(int(i))
    full = [(good, bad) for good, bad in rows.values() if len(good) >= GOOD and bad]
    others = [i for _, bad in full for i in bad]
    won = 0
    for _ in range(rounds):
        good, bad = rng.choice(full)
        shelf = [*rng.sample(good, GOOD), *bad[:REJECTED]]
        # A reply to somebody else is a rejected one as well; only this shelf's own score of it would be fair to rank.
        shelf += rng.sample([i for i in others if i not in shelf], max(0, GOOD + REJECTED - len(shelf)))
        won += bool(test.good[max(shelf, key=lambda i: score[i])])
    return won / rounds


def plain_likeness(test: Examples, shipped: Reranker) -> np.ndarray:
    """What the first seed's idea comes to: likeness to the nearest statements' references, by the encoder as published."""
    encoder = SentenceEncoder(Path(minilm_folder()))
    bank = encoder.encode([e["statement"] for e in shipped.bank.entries])
    references = encoder.encode(shipped.bank.references)
    owner = np.repeat(np.arange(len(shipped.bank.entries)), [len(e["reflections"]) for e in shipped.bank.entries])
    # Drafts outlive the entries that readers took out of the corpus.
    said = {row["entry"]: row["statement"] for row in corpus.judged("test")}
    said |= {e["id"]: e["statement"] for e in corpus.entries("test")}
    vectors = encoder.encode(test.texts)
    found = np.zeros(len(test.texts))
    for entry in set(test.owner):
        rows = [i for i, o in enumerate(test.owner) if o == entry]
        near = np.argsort(-(bank @ encoder.encode([said[entry]])[0]))[:NEIGHBOURS]
        likeness = vectors[rows] @ references[np.isin(owner, near)].T
        found[rows] = np.sort(likeness, axis=1)[:, -TOP:].mean(1)
    return found
