"""The road from raw data to a trained model, stage after stage; each one resumes where it was killed.

`accelerate launch -m train RECIPE` walks it in several processes.
"""

from pathlib import Path

import torch
from accelerate import PartialState

from train import fit, prepare, recipe


def walk(path: Path, data: Path, out: Path, *, until: str | None = None, max_steps: int = -1) -> Path:
    """Prepare and train every stage of a recipe; returns the folder of the last one."""
    plan = recipe.load(path)
    prepared, previous = out / "prepared", None
    for stage in plan.stages:
        with PartialState(cpu=not torch.cuda.is_available()).main_process_first():
            prepare.prepare(plan, data, prepared, stage)
        previous = fit.run(plan, stage, prepared, out / stage.name, previous, max_steps=max_steps)
        if stage.name == until:
            break
    if previous is None:
        raise recipe.RecipeError(f"{path} has no [[stages]].")
    return previous
