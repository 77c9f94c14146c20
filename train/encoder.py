"""Fine-tune all-MiniLM-L6-v2 for everything the product asks of an encoder, in one training with three aims.

near   a statement's good replies come near it; its rejected ones, and the replies to other statements, move away
pair   "statement [SEP] reply", read together, tells whether a careful person would say that reply, or why not
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
from train.warm_start import minilm_folder

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

    def forward(self, sentence_features, labels):
        vectors = self.model(next(iter(sentence_features)))["sentence_embedding"]
        # Unit vectors give timid scores: scaled to the length that a 384-wide layer expects.
        return nn.functional.cross_entropy(self.head(vectors * vectors.shape[1] ** 0.5), labels)


def _labelled(texts: list[str], labels: list[str], seed: int, most: int | None):
    from datasets import Dataset

    names = sorted(set(labels))
    rows = [{"text": t, "label": names.index(y)} for t, y in zip(texts, labels, strict=True)]
    random.Random(seed).shuffle(rows)
    return Dataset.from_list(rows[:most]), len(names)


def train(
    out: Path, *, start: Path | None = None, epochs: float = 1, batch: int = 32, learning_rate: float = 5e-5, seed: int = 0,
    near: int | None = None, together: int | None = None,
) -> Path:  # fmt: skip
    """Write the fine-tuned encoder into `out` as float16 (45 MB); its scores differ from float32 in the fourth digit.

    `start` goes on from an encoder instead of all-MiniLM-L6-v2; `near` and `together` cap the authors' rows of those aims.
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
    # Every judged draft, since what will be ranked is drafts, beside a sample of what authors wrote.
    written = written_pairs()
    random.Random(seed).shuffle(written)
    texts, whys = zip(*written[:together], *judged_pairs(), *ended_pairs(), strict=True)
    pair_rows, reasons = _labelled(list(texts), list(whys), seed, None)
    said, levels = zip(*messages(), strict=True)
    risk_rows, kinds = _labelled(list(said), list(levels), seed, None)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(out / "checkpoints"), num_train_epochs=epochs, per_device_train_batch_size=batch, learning_rate=learning_rate,
        warmup_steps=0.1, bf16=True, use_cpu=not gpu, seed=seed, logging_steps=20, save_steps=100, save_total_limit=1, report_to="none",
    )  # fmt: skip
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset={"near": Dataset.from_list(triples(seed, near)), "pair": pair_rows, "risk": risk_rows},
        loss={
            "near": MultipleNegativesRankingLoss(model),
            "pair": ClassLoss(model, reasons),
            "risk": ClassLoss(model, kinds),
        },
    )
    trainer.train(resume_from_checkpoint=bool(list((out / "checkpoints").glob("checkpoint-*"))))
    model.max_seq_length = 256
    model.half().save_pretrained(str(out / "encoder"), create_model_card=False)
    return out / "encoder"
