"""Where a model of others drafts: the processor, a GPU of this machine, or one that ZeroGPU lends for a call.

Nothing else ever asks for a GPU: risk, ranking and referral stay on the processor, so a spent quota costs drafts only.
"""

from collections.abc import Callable
from typing import Any


def lent(task: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """The task on a GPU that ZeroGPU lends for at most so many seconds; elsewhere the task as it is.

    On ZeroGPU the task raises an error where the visitor's quota is spent or no GPU is free.
    """
    try:
        import spaces
    except ImportError:
        return task
    return spaces.GPU(task, duration=round(seconds))


def place() -> str:
    """`cuda` where there is a GPU, or one is lent, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
