"""`python -m train risk-encoder`: fine-tune multilingual-e5-small to read danger in thirteen languages.

It learns the level and, where there is danger, its kind. What is kept is the body: its vectors are what `train.risk` fits
the heads on.
"""

import json
from itertools import chain
from pathlib import Path

import torch
from torch import nn
from transformers import BertConfig, BertModel, Trainer, TrainingArguments

from therapist.risk_classifier import LEVELS, reading
from train import corpus, e5
from train.fit import multiplies_halves
from train.risk import turns

LENGTH = 96
"Tokens that training reads; the finished encoder reads more."
NO_KIND = -100
SMOOTHING = 0.05
"Of the labels: authors draw the line between worry and danger in different places."
KIND = 0.3
"Weight of the kind in the loss; one layer over all 25 of both together learned far more slowly."
ORDINARY = 2
"Every so-many-th of the corpus's ordinary statements is shown as harmless: the commonest messages there are."


def examples() -> list[tuple[str, str, str]]:
    """(text, level, kind) of the training split; the kind is empty where there is no danger."""
    found = [
        (reading(row["message"], turns(row)), row["level"], row["kind"] if row["level"] != "none" else "")
        for row in corpus.risk("train")
    ]
    return found + [(reading(e["statement"], e["history"]), "none", "") for e in corpus.entries("train")[::ORDINARY]]


def own_texts() -> list[str]:
    """Every text of the corpus and every text that people read: their pieces stay."""
    data = Path(corpus.FOLDER).parents[1] / "therapist" / "data"
    files = chain(corpus.FOLDER.glob("*.jsonl"), (f for f in data.rglob("*.json") if "models" not in f.parts))
    return [
        json.dumps(json.loads(line), ensure_ascii=False)
        for f in sorted(files)
        for line in (
            f.read_text(encoding="utf-8").splitlines() if f.suffix == ".jsonl" else [f.read_text(encoding="utf-8")]
        )
        if line
    ]


class Reader(nn.Module):
    """BERT, the mean of its tokens, and two linear layers: over the levels and over the kinds."""

    def __init__(self, folder: Path, kinds: int) -> None:
        super().__init__()
        self.bert = BertModel.from_pretrained(folder, add_pooling_layer=False, dtype="float32")
        width = self.bert.config.hidden_size
        self.drop, self.level, self.kind = nn.Dropout(0.1), nn.Linear(width, len(LEVELS)), nn.Linear(width, kinds)

    def forward(self, input_ids, attention_mask, levels, kinds):
        """The loss. `levels` int64 [texts], `kinds` likewise with `NO_KIND` where there is no danger."""
        hidden = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state.float()
        there = attention_mask[..., None].float()
        vectors = nn.functional.normalize((hidden * there).sum(1) / there.sum(1))
        # Unit vectors, as they will be served, give timid scores: scaled to the length that such a layer expects.
        seen = self.drop(vectors * vectors.shape[1] ** 0.5)
        loss = nn.functional.cross_entropy(self.level(seen).float(), levels, label_smoothing=SMOOTHING)
        if (kinds != NO_KIND).any():
            loss = loss + KIND * nn.functional.cross_entropy(self.kind(seen).float(), kinds, ignore_index=NO_KIND)
        return {"loss": loss}


def padded(items: list[dict]) -> dict[str, torch.Tensor]:
    """A batch, padded on the right."""
    longest = max(len(i["input_ids"]) for i in items)
    ids, mask = torch.full((len(items), longest), 1), torch.zeros(len(items), longest, dtype=torch.long)
    for row, item in enumerate(items):
        ids[row, : len(item["input_ids"])] = torch.tensor(item["input_ids"])
        mask[row, : len(item["input_ids"])] = 1
    named = {name: torch.tensor([i[name] for i in items]) for name in ("levels", "kinds")}
    return {"input_ids": ids, "attention_mask": mask, **named}


def train(
    out: Path,
    *,
    start: Path | None = None,
    epochs: float = 3,
    batch: int = 32,
    learning_rate: float = 1.2e-4,
    seed: int = 0,
) -> Path:
    """Write the fine-tuned encoder in 8 bits into `out`; `start` goes on from a folder in float32 instead of from the package."""
    from tokenizers import Tokenizer

    torch.manual_seed(seed)
    start = start or e5.start(out / "start", own_texts())
    tokenizer = Tokenizer.from_file(str(start / "tokenizer.json"))
    tokenizer.enable_truncation(LENGTH)
    texts, levels, kinds = zip(*examples(), strict=True)
    known = sorted(set(kinds) - {""})
    rows = [
        {"input_ids": e.ids, "levels": LEVELS.index(level), "kinds": known.index(kind) if kind else NO_KIND}
        for e, level, kind in zip(tokenizer.encode_batch(list(texts)), levels, kinds, strict=True)
    ]
    arguments = TrainingArguments(
        output_dir=str(out / "checkpoints"), num_train_epochs=epochs, per_device_train_batch_size=batch, learning_rate=learning_rate,
        warmup_steps=0.06, weight_decay=0.01, bf16=multiplies_halves(), use_cpu=not torch.cuda.is_available(), seed=seed, logging_steps=50,
        save_steps=250, save_total_limit=1, report_to="none", train_sampling_strategy="group_by_length", remove_unused_columns=False,
    )  # fmt: skip
    model = Reader(start, len(known))
    trainer = Trainer(model=model, args=arguments, train_dataset=rows, data_collator=padded)
    trainer.train(resume_from_checkpoint=bool(list((out / "checkpoints").glob("checkpoint-*"))))
    return e5.save(model.bert.state_dict(), BertConfig.from_pretrained(start).to_dict(), start, out / "encoder")
