"""Make a trained stage the model that ships: float16 weights, tokenizer, chat template, settings and licence in one folder."""

import json
import shutil
from pathlib import Path

from therapist.conversation import CHAT_TEMPLATE
from therapist.generators import EMBEDDED_FOLDER
from therapist.settings import Settings

LARGEST_MB = 100


def publish(stage: Path, folder: Path = EMBEDDED_FOLDER) -> dict:
    """Copy a finished stage into the library.

    Raises:
        SystemExit: the stage has no manifest (its training did not end), or its weights are over the limit.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    if not (stage / "manifest.json").exists():
        raise SystemExit(
            f"{stage} has no manifest.json: its training has not ended. Run it again, it goes on where it was."
        )
    model = AutoModelForCausalLM.from_pretrained(stage, dtype=torch.float16)
    tokenizer = AutoTokenizer.from_pretrained(stage)
    tokenizer.chat_template = CHAT_TEMPLATE  # the app's renderer may have learned since this stage was prepared
    defaults = Settings()
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=defaults.temperature, top_p=defaults.top_p, max_new_tokens=defaults.max_new_tokens,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    card = (folder / "README.md").read_text(encoding="utf-8") if (folder / "README.md").exists() else None
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")
    history = [
        json.loads(p.read_text()) for p in sorted(stage.parent.glob("*/manifest.json"), key=lambda p: p.stat().st_mtime)
    ]
    (folder / "training.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
    size = sum(p.stat().st_size for p in folder.iterdir()) / 1e6
    if size > LARGEST_MB:
        raise SystemExit(f"{folder} holds {size:.0f} MB, the repository takes {LARGEST_MB}. Train a smaller model.")
    return {"folder": str(folder), "MB": round(size, 1), "parameters": model.num_parameters()}
