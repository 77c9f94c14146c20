"""Fine-tune all-MiniLM-L6-v2 for everything the product asks of an encoder, in one training with four aims.

near   a statement's good replies come near it; its rejected ones, and the replies to other statements, move away
pair   "statement [SEP] reply", read together, tells whether a careful person would say that reply, or why not
order  of two drafts to one statement, the one that judges would sooner say stands higher
risk   a message tells how much danger it holds

The heads that read `pair` and `risk` are fitted again afterwards on the finished vectors (`train.reranker`, `train.risk`):
here they only shape the space.
"""

import random
from pathlib import Path

import torch
from torch import nn

from therapist.endings import needed, spoken_of
from therapist.reranker import ACCEPTABLE, GOOD, read_together
from therapist.risk_classifier import reading
from train import corpus
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
    found = []
    for entry in corpus.entries(split):
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


def messages(split: corpus.Split = "train") -> list[tuple[str, str]]:
    """(text, risk level): the risk sentences, and every third statement of the corpus as what is harmless."""
    found = [
        (reading(row["message"], [{"role": "user", "content": t} for t in row["history"]]), row["level"])
        for row in corpus.risk(split)
    ]
    return found + [(e["statement"], "none") for e in corpus.entries(split)[::3]]


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


def _labelled(texts: list[str], labels: list[str], seed: int, most: int | None):
    from datasets import Dataset

    names = sorted(set(labels))
    rows = [{"text": t, "label": names.index(y)} for t, y in zip(texts, labels, strict=True)]
    random.Random(seed).shuffle(rows)
    return Dataset.from_list(rows[:most]), names


def train(
    out: Path, *, start: Path | None = None, epochs: float = 1, batch: int = 32, learning_rate: float = 5e-5, seed: int = 0,
    near: int | None = None, together: int | None = None, layers: int | None = None,
) -> Path:  # fmt: skip
    """Write the fine-tuned encoder into `out` as float16 (45 MB); its scores differ from float32 in the fourth digit.

    `start` goes on from an encoder instead of all-MiniLM-L6-v2; `near` and `together` cap the authors' rows of those aims, `together` the messages too; `layers`
    trains only so many of the last ones, which takes half the time for three of six.
    """
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    gpu = torch.cuda.is_available()
    half = gpu or torch.cpu._is_amx_tile_supported()  # on other processors bfloat16 is slower than float32
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
    texts, whys = zip(*written[:together], *judged_pairs(), *ended_pairs(), strict=True)
    pair_rows, reasons = _labelled(list(texts), list(whys), seed, None)
    said, dangers = zip(*messages(), strict=True)
    risk_rows, levels = _labelled(list(said), list(dangers), seed, together)
    ordered = ordered_pairs()
    random.Random(seed).shuffle(ordered)
    judge = ClassLoss(model, len(reasons))
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(out / "checkpoints"), num_train_epochs=epochs, per_device_train_batch_size=batch, learning_rate=learning_rate,
        warmup_steps=0.1, bf16=half, use_cpu=not gpu, seed=seed, logging_steps=20, save_steps=100, save_total_limit=1, report_to="none",
    )  # fmt: skip
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset={
            "near": Dataset.from_list(triples(seed, near)),
            "pair": pair_rows,
            "order": Dataset.from_list(ordered),
            "risk": risk_rows,
        },
        loss={
            "near": MultipleNegativesRankingLoss(model),
            "pair": judge,
            "order": OrderLoss(judge, reasons),
            "risk": ClassLoss(model, len(levels)),
        },
    )
    trainer.train(resume_from_checkpoint=bool(list((out / "checkpoints").glob("checkpoint-*"))))
    model.max_seq_length = 256
    model.half().save_pretrained(str(out / "encoder"), create_model_card=False)
    return out / "encoder"
