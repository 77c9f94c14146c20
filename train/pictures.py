"""`python -m train pictures`: perplexity after every stage of what ships, and what a reply attends to, as plots in `train/bench/`.

`python -m train seeds` draws its losses, step by step, with `losses`.
"""

import json
from pathlib import Path
from typing import Any

from therapist.conversation import assistant, user
from therapist.generators import EMBEDDED_FOLDER

OUT = Path(__file__).parent / "bench"
STATEMENT = "I lost my job on Friday and I have not told my wife. I keep leaving the house every morning as if nothing had happened."
REPLY = "You lost your job on Friday. You are carrying this alone."
SETS = ("corpus-plain", "corpus-voices", "counsel-chat", "self-dialogue", "films", "turned-corpus")


def _axes(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")


def stages(folder: Path = EMBEDDED_FOLDER, out: Path = OUT) -> Path:
    """Perplexity of the reply tokens of held-out conversations after every stage: what was learned, and what forgotten."""
    history = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    history = [stage for stage in history if stage.get("validation_loss")]
    figure, axis = _axes(7.5, 3.4)
    for name in SETS:
        seen = [
            (i, 2.718281828 ** s["validation_loss"][name])
            for i, s in enumerate(history)
            if name in s["validation_loss"]
        ]
        axis.semilogy(*zip(*seen, strict=True), "o-", label=name)
    axis.set_xticks(range(len(history)), [f"{s['stage']}\n{s['steps']} steps" for s in history])
    axis.set_ylabel("perplexity")
    axis.legend(fontsize=8, ncols=2)
    figure.savefig(out / "stages.png", dpi=90)
    return out / "stages.png"


def losses(runs: dict[str, list[Path]], file: Path) -> Path:
    """Training loss by step of several runs, each of one or more stages one after the other."""
    figure, axis = _axes(7.5, 3.4)
    for name, folders in runs.items():
        begin, steps, values = 0, [], []
        for folder in folders:
            log = [row for row in json.loads((folder / "log.json").read_text(encoding="utf-8")) if "loss" in row]
            steps += [begin + row["step"] for row in log]
            values += [float(row["loss"]) for row in log]
            begin = steps[-1] if steps else begin
        axis.plot(steps, values, label=name)
    axis.set_xlabel("step")
    axis.set_ylabel("training loss")
    axis.legend(fontsize=7)
    figure.savefig(file, dpi=90)
    return file


def best_of(quality: dict[int, float], milliseconds: dict[int, float], out: Path = OUT) -> Path:
    """How often the best of n drafts may be said, and how long a reply takes, by n."""
    figure, axis = _axes(5, 3)
    axis.plot(list(quality), list(quality.values()), "o-", color="#2b6")
    axis.set_ylabel("may be said", color="#2b6")
    axis.set_xlabel("n candidates")
    time = axis.twinx()
    time.plot(list(milliseconds), list(milliseconds.values()), "s--", color="#779")
    time.set_ylabel("ms of a reply", color="#779")
    axis.set_xticks(list(milliseconds))
    figure.savefig(out / "best_of_n.png", dpi=90)
    return out / "best_of_n.png"


def attention(statement: str = STATEMENT, reply: str = REPLY, folder: Path = EMBEDDED_FOLDER, out: Path = OUT) -> Path:
    """How much every word of a reply looks at every word of the person's while it is written: mean of heads and layers.

    The template's marks are left out and what is left is scaled to one a row, since most attention rests on marks.
    """
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from therapist.conversation import token_ids

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype="float32", attn_implementation="eager").eval()
    ids = token_ids(tokenizer, [user(statement), assistant(reply)], add_generation_prompt=False)
    tokens = tokenizer.convert_ids_to_tokens(ids)
    middle = tokens.index("<|assistant|>")
    with torch.inference_mode():
        layers = model(torch.tensor([ids]), output_attentions=True).attentions
    seen = torch.stack(layers).mean((0, 1, 2)).numpy()
    # A word is written by the place before its first token.
    theirs, ours = _words(tokens, 1, middle - 1), _words(tokens, middle + 1, len(ids) - 1)
    weights = np.array([[seen[[t - 1 for t in o]][:, w].sum(1).mean() for _, w in theirs] for _, o in ours])
    figure, axis = _axes(0.34 * len(theirs) + 2, 0.3 * len(ours) + 1.4)
    axis.imshow(weights / weights.sum(1, keepdims=True), cmap="Greens", aspect="auto")
    axis.set_xticks(range(len(theirs)), [word for word, _ in theirs], rotation=60, ha="right", fontsize=8)
    axis.set_yticks(range(len(ours)), [word for word, _ in ours], fontsize=8)
    figure.savefig(out / "attention.png", dpi=90)
    return out / "attention.png"


def _words(tokens: list[str], begin: int, end: int) -> list[tuple[str, list[int]]]:
    """Words with the places of their tokens; byte-level tokens begin a word with a marked space."""
    found: list[tuple[str, list[int]]] = []
    for place in range(begin, end):
        piece = tokens[place]
        if piece.startswith("\u0120") or not found:
            found.append((piece.lstrip("\u0120"), [place]))
        else:
            found[-1] = (found[-1][0] + piece, [*found[-1][1], place])
    return found
