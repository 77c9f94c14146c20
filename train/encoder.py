"""Fine-tune all-MiniLM-L6-v2 for ranking, in one training with three aims.

near   a statement's good replies come near it; its rejected ones, and the replies to other statements, move away
pair   "statement [SEP] reply", read together, tells whether a careful person would say that reply, or why not
order  of two drafts to one statement, the one that judges would sooner say stands higher

The head that reads `pair` is fitted again afterwards on the finished vectors (`train.reranker`): here it only shapes the space.
"""

import random
from pathlib import Path

import torch
from torch import nn

from therapist.endings import needed, spoken_of
from therapist.reranker import ACCEPTABLE, GOOD, content_words, read_together
from therapist.text import sentences
from train import corpus
from train.fit import multiplies_halves
from train.judging import JUDGEMENTS
from train.warm_start import minilm_folder

WORTH = {GOOD: 1.0, ACCEPTABLE: 0.5}
"What a class counts when drafts are put in order; the reasons against a reply count nothing."
LENGTH = 128
"Tokens that training reads; the finished encoder reads 256."


def triples(seed: int, most: int | None = None) -> list[dict[str, str]]:
    """(statement, good reply, rejected reply) of the training split; greetings teach an encoder nothing."""
    rng = random.Random(seed)
    found = []
    for entry in corpus.entries("train"):
        bad = [r["text"] for r in entry["rejected"] if r["why"] not in ("greeting-only", "interrogation", "echo")]
        for reply in corpus.good(entry):
            if bad:
                found.append({"anchor": entry["statement"], "positive": reply, "negative": rng.choice(bad)})
    rng.shuffle(found)
    return found[:most]


def written_pairs(split: corpus.Split = "train") -> list[tuple[str, str]]:
    """(statement and reply read together, "good" or the reason against it): the replies of the corpus's authors."""
    return pairs_of(corpus.entries(split))


def pairs_of(entries: list[dict]) -> list[tuple[str, str]]:
    """The same of some entries."""
    found = []
    for entry in entries:
        told = entry["history"], entry["statement"]
        found += [(read_together(*told, reply), GOOD) for reply in corpus.good(entry)]
        found += [(read_together(*told, r["text"]), r["why"]) for r in entry["rejected"]]
    return found


def judged_pairs(split: corpus.Split = "train") -> list[tuple[str, str]]:
    """The same of the judged drafts, what does no harm and no good apart."""
    kinds = {"say": GOOD, "acceptable": ACCEPTABLE}
    return [
        (read_together(r["history"], r["statement"], r["reply"]), kinds.get(r["judgement"], r["why"]))
        for r in corpus.judged(split)
    ]


def ended_pairs(split: corpus.Split = "train", seed: int = 0) -> list[tuple[str, str]]:
    """Clauses of the person's own with the written sentence that an author said to them, and with somebody else's.

    What was said to somebody else counts as a wrong feeling. Some of it would fit: the judged drafts weigh against that.
    """
    rng = random.Random(seed)
    said = [(c[:-2], c[-2]["content"], *c[-1]["content"].split(". ", 1)) for c in corpus.ended(split, clauses=1)]
    endings = [ending for *_, ending in said]
    found = []
    for history, statement, clause, ending in said:
        other = rng.choice(endings)
        found.append((read_together(history, statement, f"{clause}. {ending}"), GOOD))
        if other != ending and needed(other) <= spoken_of(statement):
            found.append((read_together(history, statement, f"{clause}. {other}"), "wrong-feeling"))
    return found


def ordered_pairs(split: corpus.Split = "train") -> list[dict[str, str]]:
    """Drafts to one statement that judges held for unequally good: (better, worse), both read together with it."""
    groups: dict[str, list[dict]] = {}
    for row in corpus.judged(split):
        groups.setdefault(row["entry"], []).append(row)
    rank = JUDGEMENTS.index
    return [
        {name: read_together(r["history"], r["statement"], r["reply"]) for name, r in (("better", a), ("worse", b))}
        for rows in groups.values()
        for a in rows
        for b in rows
        if rank(a["judgement"]) < rank(b["judgement"])
    ]


def made_pairs(split: corpus.Split = "train", seed: int = 0) -> list[tuple[str, str]]:
    """Replies made to look good, one an entry in turn: somebody else's trouble, an echo, words astray, a sting after comfort."""
    rng, entries = random.Random(seed), corpus.entries(split)
    by_concern: dict[str, list[dict]] = {}
    for entry in entries:
        by_concern.setdefault(entry["concern"], []).append(entry)
    found = []
    for turn, entry in enumerate(entries):
        told, reply = (entry["history"], entry["statement"]), rng.choice(corpus.good(entry))
        stings = [
            r for r in entry["rejected"] if r["why"] in ("dismissive", "blaming", "collusion", "toxic-positivity")
        ]
        if turn % 4 == 0:
            other = rng.choice(corpus.good(rng.choice(by_concern[entry["concern"]])))
            if len(content_words(other) - content_words(" ".join([reply, entry["statement"]]))) >= 2:
                found.append((read_together(*told, other), "off-topic"))
        elif turn % 4 == 1:
            said = sentences(entry["statement"])
            found.append((read_together(*told, " ".join(said[: rng.randint(1, len(said))])), "echo"))
        elif turn % 4 == 2:
            found.append((read_together(*told, astray(reply, rng)), "nonsense"))
        elif stings:
            sting = rng.choice(stings)
            found.append((read_together(*told, f"{sentences(reply)[0]} {sting['text']}"), sting["why"]))
    return found


def astray(reply: str, rng: random.Random) -> str:
    """A reply whose words lost their places: some swapped, dropped or said again."""
    said = reply.split()
    for _ in range(max(2, len(said) // 5)):
        i, j = rng.randrange(len(said)), rng.randrange(len(said))
        way = rng.randrange(3)
        if way == 0:
            said[i], said[j] = said[j], said[i]
        elif way == 1 and len(said) > 4:
            del said[i]
        else:
            said.insert(j, said[i])
    return " ".join(said)


class ClassLoss(nn.Module):
    """Cross-entropy of a linear layer over the sentence vector; sums over texts with one label each."""

    def __init__(self, model, classes: int) -> None:
        super().__init__()
        self.model = model
        self.head = nn.Linear(model.get_embedding_dimension(), classes)

    def logits(self, features):
        """Scores of the classes `[texts, classes]`."""
        vectors = self.model(features)["sentence_embedding"]
        # Unit vectors give timid scores: scaled to the length that a 384-wide layer expects.
        return self.head(vectors * vectors.shape[1] ** 0.5)

    def forward(self, sentence_features, labels):
        return nn.functional.cross_entropy(self.logits(next(iter(sentence_features))), labels)


class OrderLoss(nn.Module):
    """Logistic loss over how much more a class loss's head thinks of the better of two texts than of the worse."""

    def __init__(self, judge: ClassLoss, names: list[str]) -> None:
        super().__init__()
        self.judge = judge
        self.register_buffer("worth", torch.tensor([WORTH.get(name, 0.0) for name in names]))

    def forward(self, sentence_features, labels=None):
        better, worse = (self._worth(features) for features in sentence_features)
        return -nn.functional.logsigmoid(better - worse).mean()

    def _worth(self, features):
        """Log-odds of the classes' mean worth."""
        p = self.judge.logits(features).softmax(1)
        return torch.log(p @ self.worth + 1e-6) - torch.log(p @ (1 - self.worth) + 1e-6)


def by_length(dataset, batch_size: int, drop_last: bool, **rest):
    """A batch sampler that puts texts of like length together: a third less padding to compute."""
    from sentence_transformers.base.sampler import DefaultBatchSampler

    names = [name for name in dataset.column_names if name != "label"]
    sizes = [sum(map(len, texts)) for texts in zip(*(dataset[name] for name in names), strict=True)]

    class ByLength(DefaultBatchSampler):
        def __iter__(self):
            rng = random.Random(self.seed + getattr(self, "epoch", 0))
            rows = rng.sample(range(len(sizes)), len(sizes))
            pools = (
                sorted(rows[i : i + 50 * batch_size], key=sizes.__getitem__)
                for i in range(0, len(rows), 50 * batch_size)
            )
            batches = [pool[i : i + batch_size] for pool in pools for i in range(0, len(pool), batch_size)]
            yield from rng.sample(batches, len(batches))

    return ByLength(dataset, batch_size, drop_last, **rest)


def _labelled(texts: list[str], labels: list[str], seed: int, most: int | None):
    from datasets import Dataset

    names = sorted(set(labels))
    rows = [{"text": t, "label": names.index(y)} for t, y in zip(texts, labels, strict=True)]
    random.Random(seed).shuffle(rows)
    return Dataset.from_list(rows[:most]), names


def train(
    out: Path, *, start: Path | None = None, epochs: float = 1, batch: int = 32, learning_rate: float = 5e-5, seed: int = 0,
    near: int | None = None, together: int | None = None, order: int | None = None, layers: int | None = None,
) -> Path:  # fmt: skip
    """Write the fine-tuned encoder into `out` as float16 (45 MB); its scores differ from float32 in the fourth digit.

    `start` goes on from an encoder instead of all-MiniLM-L6-v2; `near`, `together` and `order` cap the rows of those aims, `together` those of authors;
    `layers` trains only so many of the last ones, which takes half the time for three of six.
    """
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    gpu = torch.cuda.is_available()
    model = SentenceTransformer(
        str(start or minilm_folder()), device="cuda" if gpu else "cpu", model_kwargs={"dtype": "float32"}
    )
    model.max_seq_length = LENGTH
    if layers is not None:
        model[0].auto_model.requires_grad_(False)
        model[0].auto_model.encoder.layer[-layers:].requires_grad_(True)
    # Every judged draft, since what will be ranked is drafts, beside a sample of what authors wrote.
    written = written_pairs()
    random.Random(seed).shuffle(written)
    texts, whys = zip(*written[:together], *judged_pairs(), *ended_pairs(), *made_pairs(seed=seed), strict=True)
    pair_rows, reasons = _labelled(list(texts), list(whys), seed, None)
    ordered = ordered_pairs()
    random.Random(seed).shuffle(ordered)
    ordered = ordered[:order]
    judge = ClassLoss(model, len(reasons))
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(out / "checkpoints"), num_train_epochs=epochs, per_device_train_batch_size=batch, learning_rate=learning_rate,
        warmup_steps=0.1, bf16=multiplies_halves(), use_cpu=not gpu, seed=seed, logging_steps=50, save_steps=250, save_total_limit=1, report_to="none", batch_sampler=by_length,
    )  # fmt: skip
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset={
            "near": Dataset.from_list(triples(seed, near)),
            "pair": pair_rows,
            "order": Dataset.from_list(ordered),
        },
        loss={
            "near": MultipleNegativesRankingLoss(model),
            "pair": judge,
            "order": OrderLoss(judge, reasons),
        },
    )
    trainer.train(resume_from_checkpoint=bool(list((out / "checkpoints").glob("checkpoint-*"))))
    model.max_seq_length = 256
    model.half().save_pretrained(str(out / "encoder"), create_model_card=False)
    return out / "encoder"
