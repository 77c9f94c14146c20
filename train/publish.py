"""Make a trained stage a model to serve: weights, tokenizer, chat template, settings and card in one folder."""

import json
import shutil
from pathlib import Path

from therapist.conversation import CHAT_TEMPLATE
from therapist.generators import EMBEDDED_FOLDER
from therapist.settings import Settings

LARGEST_MB = 100
CARD = Path(__file__).parent / "model_card.md"


def publish(stage: Path, folder: Path = EMBEDDED_FOLDER) -> dict:
    """Copy a finished stage into the library, or into a folder that `python app.py --model FOLDER` serves.

    Raises:
        SystemExit: the stage has no manifest (its training did not end), it does not belong into that folder, or its
            weights are over the library's limit.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    if not (stage / "manifest.json").exists():
        raise SystemExit(
            f"{stage} has no manifest.json: its training has not ended. Run it again, it goes on where it was."
        )
    last = json.loads((stage / "manifest.json").read_text(encoding="utf-8"))
    _check_place(folder, last.get("base", ""))
    dtype = AutoConfig.from_pretrained(stage).dtype if "base" in last else torch.float16
    model = AutoModelForCausalLM.from_pretrained(stage, dtype=dtype)
    tokenizer = AutoTokenizer.from_pretrained(stage)
    if "base" not in last:
        _make_ours(model, tokenizer)
    card = (folder / "README.md").read_text(encoding="utf-8") if (folder / "README.md").exists() else None
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _write_history(stage, folder)  # first, because it marks the folder as one that may be overwritten
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if card or "base" in last:
        (folder / "README.md").write_text(written_card(last) if "base" in last else str(card), encoding="utf-8")
    size = sum(p.stat().st_size for p in folder.iterdir()) / 1e6
    if folder == EMBEDDED_FOLDER and size > LARGEST_MB:
        raise SystemExit(f"{folder} holds {size:.0f} MB, the repository takes {LARGEST_MB}. Train a smaller model.")
    return {"folder": str(folder), "MB": round(size, 1), "parameters": model.num_parameters()}


def _write_history(stage: Path, folder: Path) -> None:
    """Steps, tokens and validation losses of every stage so far."""
    history = [
        json.loads(p.read_text()) for p in sorted(stage.parent.glob("*/manifest.json"), key=lambda p: p.stat().st_mtime)
    ]
    (folder / "training.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")


def _check_place(folder: Path, base: str) -> None:
    """Nothing but a published model is ever overwritten, and the embedded one only by one of our own shape."""
    if base and folder == EMBEDDED_FOLDER:
        raise SystemExit(f"This stage began as {base}, which cannot be the embedded model. Say where: --out FOLDER")
    if folder.exists() and any(folder.iterdir()) and not (folder / "training.json").exists():
        raise SystemExit(f"{folder} holds something else than a published model. Choose a new folder.")


def _make_ours(model, tokenizer) -> None:
    """The app's template, which may have learned since this stage was prepared, and the app's way to sample."""
    from transformers import GenerationConfig

    tokenizer.chat_template = CHAT_TEMPLATE
    defaults = Settings()
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=defaults.temperature, top_p=defaults.top_p, max_new_tokens=defaults.max_new_tokens,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip


def written_card(manifest: dict) -> str:
    """The model card of a base that was trained further; its words are in `model_card.md`."""
    base, lora = manifest["base"], manifest["lora"]
    on_the_hub = base.count("/") == 1 and not Path(base).exists()
    method = f"low-rank adapters (r {lora['r']}, alpha {lora['alpha']}), merged" if lora else "all weights"
    losses = "\n".join(f"| {name} | {loss:.3f} |" for name, loss in manifest["validation_loss"].items())
    sources = "\n".join(f"| {s['name']} | {s['repository']} | {s['licence']} |" for s in manifest["sources"])
    return CARD.read_text(encoding="utf-8").format(
        base_line=f"base_model: {base}\n" if on_the_hub else "", base=base if on_the_hub else Path(base).name,
        licence=manifest["licence"] or "other", method=method, steps=manifest["steps"], tokens=manifest["tokens"],
        losses=losses, sources=sources,
    )  # fmt: skip
