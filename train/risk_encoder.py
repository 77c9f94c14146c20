"""`python -m train risk-encoder`: fine-tune multilingual-e5-small to read danger in thirteen languages.

It learns the level and, where there is danger, its kind. What is kept is the body: its vectors are what `train.risk` fits
the heads on.
"""

import json
import shutil
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
WORDS = "embeddings.word_embeddings.weight"
SMOOTHING = 0.05
"Of the labels: authors draw the line between worry and danger in different places."
KIND = 0.3
"Weight of the kind in the loss; one layer over all 25 of both together learned far more slowly."


def examples() -> list[tuple[str, str, str]]:
    """(text, level, kind) of the training split; the kind is empty where there is no danger."""
    found = [
        (reading(row["message"], turns(row)), row["level"], row["kind"] if row["level"] != "none" else "")
        for row in corpus.risk("train")
    ]
    # What people tell and ask on every other day is shown as harmless: the commonest messages there are.
    return (
        found
        + [(reading(e["statement"], e["history"]), "none", "") for e in corpus.entries("train")]
        + [(text, "none", "") for text in corpus.asked("train")]
    )


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


def _finished(folder: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The body of a training's last checkpoint, and its pieces in their order."""
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    last = max((folder / "checkpoints").glob("checkpoint-*"), key=lambda found: int(found.name.split("-")[1]))
    tensors = load_file(last / "model.safetensors")
    pieces = Tokenizer.from_file(str(folder / "start" / "tokenizer.json")).get_vocab()
    body = {name.removeprefix("bert."): t.float() for name, t in tensors.items() if name.startswith("bert.")}
    return body, sorted(pieces, key=lambda piece: pieces[piece])


def mean(
    one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], pieces: list[str], others: list[str]
) -> dict[str, torch.Tensor]:
    """Half of each; the vector of a piece that only the first has stays as it is."""
    places = {piece: i for i, piece in enumerate(others)}
    words = one[WORDS].clone()
    shared = [(i, places[piece]) for i, piece in enumerate(pieces) if piece in places]
    mine, theirs = (torch.tensor(column) for column in zip(*shared, strict=True))
    words[mine] = other[WORDS][theirs]
    return {name: (tensor + (words if name == WORDS else other[name])) / 2 for name, tensor in one.items()}


def average(folder: Path, other: Path) -> Path:
    """Write the mean of two finished trainings from one start: in 8 bits into `folder`/averaged, which is returned, and in
    float32 into `folder`/mean, for `train` to go on from.

    Both lie in one valley, and its middle finds more than either side: model soups, Wortsman et al. 2022.
    """
    from safetensors.torch import save_file

    (one, pieces), (two, others) = _finished(folder), _finished(other)
    shutil.copytree(folder / "start", folder / "mean", dirs_exist_ok=True)
    found = mean(one, two, pieces, others)
    save_file({name: t.contiguous() for name, t in found.items()}, folder / "mean" / "model.safetensors")
    return e5.save(found, BertConfig.from_pretrained(folder / "start").to_dict(), folder / "start", folder / "averaged")


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
