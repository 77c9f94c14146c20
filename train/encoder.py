"""Fine-tune all-MiniLM-L6-v2 so that nearness means "a good listener could say this to this person".

For a statement its good replies come near; its rejected ones (hard negatives), and the good replies to other
statements in the batch (in-batch negatives), move away.
"""

import random
from pathlib import Path

from train import corpus
from train.warm_start import minilm_folder


def triples(seed: int) -> list[dict[str, str]]:
    """(statement, good reply, rejected reply) of the training split; greetings teach an encoder nothing."""
    rng = random.Random(seed)
    found = []
    for entry in corpus.entries("train"):
        bad = [r["text"] for r in entry["rejected"] if r["why"] not in ("greeting-only", "interrogation", "echo")]
        for reply in entry["reflections"]:
            if bad:
                found.append({"anchor": entry["statement"], "positive": reply, "negative": rng.choice(bad)})
    rng.shuffle(found)
    return found


def train(out: Path, *, epochs: float = 1, batch: int = 32, learning_rate: float = 3e-5, seed: int = 0) -> Path:
    """Write the fine-tuned encoder into `out` as float16 (45 MB); its scores differ from float32 in the fourth digit."""
    import torch
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    model = SentenceTransformer(str(minilm_folder()), device="cuda" if torch.cuda.is_available() else "cpu")
    model.max_seq_length = 128
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(out / "checkpoints"), num_train_epochs=epochs, per_device_train_batch_size=batch, learning_rate=learning_rate,
        warmup_steps=0.1, bf16=True, use_cpu=not torch.cuda.is_available(), seed=seed, logging_steps=20, save_steps=100, save_total_limit=1, report_to="none",
    )  # fmt: skip
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(triples(seed)),
        loss=MultipleNegativesRankingLoss(model),
    )
    trainer.train(resume_from_checkpoint=bool(list((out / "checkpoints").glob("checkpoint-*"))))
    model.max_seq_length = 256
    model.half().save_pretrained(str(out / "encoder"), create_model_card=False)
    return out / "encoder"
