"""One stage of training, by transformers' Trainer: checkpoints, progress with time left, and resuming are its own."""

import json
import math
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from torch.utils.data import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from train.prepare import rows
from train.recipe import Lora, Recipe, RecipeError, Stage
from train.warm_start import decoder

IGNORED = -100
"The label that torch's cross-entropy leaves out."


class Rows(Dataset):
    """Token rows with their labels: `input_ids[length]`, `labels[length]`, padding and the person's words ignored."""

    def __init__(self, ids: np.ndarray, loss: np.ndarray, starts: np.ndarray) -> None:
        self.ids, self.loss, self.starts = ids, loss, starts

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, i: int) -> dict:
        a, b = self.starts[i], self.starts[i + 1]
        ids = self.ids[a:b].astype(np.int64)
        return {"input_ids": ids, "labels": np.where(self.loss[a:b], ids, IGNORED)}


def collate(pad: int, multiple: int):
    """Pad a batch on the right to a multiple of tokens, so that few shapes occur."""

    def pad_batch(items: list[dict]) -> dict[str, torch.Tensor]:
        longest = max(len(i["input_ids"]) for i in items)
        length = math.ceil(longest / multiple) * multiple
        batch = {
            "input_ids": torch.full((len(items), length), pad),
            "labels": torch.full((len(items), length), IGNORED),
            "attention_mask": torch.zeros((len(items), length), dtype=torch.long),
        }
        for row, item in enumerate(items):
            n = len(item["input_ids"])
            batch["input_ids"][row, :n] = torch.from_numpy(item["input_ids"])
            batch["labels"][row, :n] = torch.from_numpy(item["labels"])
            batch["attention_mask"][row, :n] = 1
        if bool(batch["attention_mask"].all()):
            del batch["attention_mask"]  # Packed rows: plain causal attention is the faster path.
        return batch

    return pad_batch


def start_model(recipe: Recipe, previous: Path | None, tokenizer):
    """The weights a stage begins with: the stage before, or what the recipe names."""
    if previous is None and recipe.model.own:
        return decoder(tokenizer, layers=recipe.model.layers, warm=recipe.model.start == "minilm")
    dtype = getattr(torch, recipe.model.weights)
    return AutoModelForCausalLM.from_pretrained(previous or recipe.model.start, dtype=dtype)


def adapted(model, lora: Lora):
    """The model with its weights frozen and a low-rank adapter, in float32, on each of the chosen layers."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=lora.targets, task_type="CAUSAL_LM"
    )
    return get_peft_model(model, config)


def part(stage: Stage, processes: int) -> int:
    """Rows that a process computes at once.

    Raises:
        RecipeError: the batch cannot be divided evenly.
    """
    if stage.batch % (processes * stage.accumulate):
        raise RecipeError(
            f"Stage {stage.name}: a batch of {stage.batch} rows cannot be shared by {processes} processes in "
            f"{stage.accumulate} parts each. Choose a batch that {processes * stage.accumulate} divides."
        )
    return stage.batch // (processes * stage.accumulate)


class StageTrainer(Trainer):
    """Trainer whose order of rows depends on the whole batch, not on how many processes and parts share it."""

    def _get_train_sampler(self, train_dataset=None):
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        whole = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return LengthGroupedSampler(whole, dataset=train_dataset or self.train_dataset)


def multiplies_halves() -> bool:
    """Whether this machine multiplies bfloat16 faster than float32; where it cannot, bfloat16 is the slower one."""
    return torch.cuda.is_available() or torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def arguments(recipe: Recipe, stage: Stage, out: Path, steps: int) -> TrainingArguments:
    """The Trainer's settings for a stage; the warm-up is counted in this stage's own steps, so that the rate peaks."""
    rows_at_once = part(stage, PartialState(cpu=not torch.cuda.is_available()).num_processes)
    return TrainingArguments(
        output_dir=str(out / "checkpoints"),
        use_cpu=not torch.cuda.is_available(),
        bf16=stage.bf16,
        torch_compile=stage.compile,
        per_device_train_batch_size=rows_at_once,
        per_device_eval_batch_size=rows_at_once,
        gradient_accumulation_steps=stage.accumulate,
        gradient_checkpointing=stage.checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if stage.checkpointing else None,
        ddp_find_unused_parameters=False,
        max_steps=steps,
        learning_rate=stage.learning_rate,
        lr_scheduler_type=stage.schedule,
        warmup_steps=max(1, int(stage.warmup * steps)),
        weight_decay=stage.weight_decay,
        adam_beta2=0.98,
        seed=recipe.seed,
        train_sampling_strategy="random" if stage.packed else "group_by_length",
        logging_steps=25,
        save_steps=250,
        save_total_limit=1,
        eval_strategy="no",
        report_to="none",
        remove_unused_columns=False,
        disable_tqdm=bool(os.environ.get("TRAIN_QUIET")),
    )


def validation(prepared: Path, tokenizer, length: int, own: bool, most: int = 150) -> dict[str, Rows]:
    """The held-out conversations of every stage so far, so that forgetting shows; the loss is taken on the replies."""
    plain = Stage(name="validation", mix={}, epochs=0, learning_rate=0, length=length)
    found = {}
    for path in sorted(prepared.glob("valid-*.json")):
        held = json.loads(path.read_text(encoding="utf-8"))[:most]
        found[path.stem.removeprefix("valid-")] = Rows(*rows(held, tokenizer, plain, own=own))
    return found


def set_dropout(model, share: float) -> None:
    """Dropout of a stage, in the weights' modules and in their configuration."""
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        if hasattr(model.config, name):
            setattr(model.config, name, share)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = share


def run(recipe: Recipe, stage: Stage, prepared: Path, out: Path, previous: Path | None, *, max_steps: int = -1) -> Path:
    """Train one stage into `out` and write its manifest last; a stage that has a manifest is done.

    A run that was killed goes on from its last checkpoint.
    """
    manifest = out / "manifest.json"
    if manifest.exists():
        return out
    torch.manual_seed(recipe.seed)
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    model = start_model(recipe, previous, tokenizer)
    set_dropout(model, stage.dropout)
    data = np.load(prepared / f"{stage.name}.npz")
    train = Rows(data["ids"], data["loss"], data["starts"])
    steps = max_steps if max_steps > 0 else math.ceil(len(train) / stage.batch * stage.epochs)
    trainer = StageTrainer(
        model=adapted(model, recipe.lora) if recipe.lora else model,
        args=arguments(recipe, stage, out, steps),
        train_dataset=train,
        data_collator=collate(tokenizer.pad_token_id, stage.length if stage.packed else 32),
    )
    trainer.train(resume_from_checkpoint=any((out / "checkpoints").glob("checkpoint-*")))
    held = validation(prepared, tokenizer, stage.length, recipe.model.own)
    losses = {name: trainer.evaluate(rows_, metric_key_prefix=name)[f"{name}_loss"] for name, rows_ in held.items()}
    set_dropout(model, 0.0)
    model.config.use_cache = True
    trainer.save_model(str(out / "adapter" if recipe.lora else out))  # every process has a part of it under FSDP
    if trainer.is_world_process_zero():
        if recipe.lora:
            merge(recipe, previous, out)
        tokenizer.save_pretrained(out)
        (out / "log.json").write_text(json.dumps(trainer.state.log_history))
        record = {
            "stage": stage.name, "steps": trainer.state.global_step, "tokens": int(data["starts"][-1]),
            "validation_loss": losses, **origin(recipe),
        }  # fmt: skip
        manifest.write_text(json.dumps(record, indent=1))
        print(json.dumps(record), flush=True)
    trainer.accelerator.wait_for_everyone()
    return out


def merge(recipe: Recipe, previous: Path | None, out: Path) -> None:
    """Add the trained adapter to the weights under it, so that what is served is an ordinary model."""
    from peft import PeftModel

    weights = AutoModelForCausalLM.from_pretrained(
        previous or recipe.model.start, dtype=getattr(torch, recipe.model.weights)
    )
    PeftModel.from_pretrained(weights, str(out / "adapter")).merge_and_unload().save_pretrained(out)


def origin(recipe: Recipe) -> dict:
    """What a card must tell of a model that began as somebody else's: the base and the texts, with their licences."""
    if recipe.model.own:
        return {}
    sources = [{"name": s.name, "repository": s.repository, "licence": s.licence} for s in recipe.sources]
    lora = asdict(recipe.lora) if recipe.lora else None
    return {"base": recipe.model.start, "licence": recipe.model.licence, "lora": lora, "sources": sources}
