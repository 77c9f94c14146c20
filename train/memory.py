"""`python -m train memory`: memory and time of training larger models, computed from their shapes and written into the README.

Nothing here is measured but the formula of a layer's activations, which a test compares with what autograd keeps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from train.recipe import Lora

GIB = 2**30
ROWS, LENGTH = 8, 768
"Rows that a process computes at once, and their tokens: those of `recipes/lora.toml`."
UTILISATION = 0.4
"Share of a device's peak that training reaches; 0.3 to 0.5 is usual."
DEVICES = {"RTX 4090": 165, "A100": 312, "H100": 989}
"Dense bfloat16 peak in TFLOP/s, from the makers' data sheets."
BEGIN, END = "<!-- memory: python -m train memory -->", "<!-- end of memory -->"
README = Path(__file__).parent / "README.md"


@dataclass(frozen=True)
class Shape:
    """A decoder of the Llama kind: grouped attention, gated feed-forward, normalisation by root mean square."""

    name: str
    layers: int
    hidden: int
    feed: int
    heads: int
    groups: int
    "Heads of keys and values."
    vocabulary: int
    tied: bool
    biased: bool
    "Biases on queries, keys and values."

    @property
    def linears(self) -> list[tuple[int, int]]:
        """Inputs and outputs of a layer's seven linear maps."""
        keys = self.hidden // self.heads * self.groups
        attention = [(self.hidden, self.hidden), (self.hidden, keys), (self.hidden, keys), (self.hidden, self.hidden)]
        return [*attention, (self.hidden, self.feed), (self.hidden, self.feed), (self.feed, self.hidden)]

    @property
    def parameters(self) -> int:
        biases = self.hidden + 2 * self.hidden // self.heads * self.groups if self.biased else 0
        layer = sum(i * o for i, o in self.linears) + biases + 2 * self.hidden
        return self.layers * layer + self.hidden + self.vocabulary * self.hidden * (1 if self.tied else 2)

    def adapters(self, r: int) -> int:
        """Parameters of adapters on every linear map."""
        return self.layers * sum(r * (i + o) for i, o in self.linears)

    @property
    def layer_bytes(self) -> int:
        """Bytes that one layer keeps for the way back, a token, in bfloat16 with attention that stores no scores.

        24 hidden: twice normalisation (4 + 2 + 2), queries, keys and values of every head, the attention's result and its
        copy. 8 feed: gate, its activation, the other half, their product.
        """
        return 24 * self.hidden + 8 * self.feed


SHAPES = (
    Shape("0.5 B (as Qwen2.5-0.5B)", 24, 896, 4864, 14, 2, 151_936, True, True),
    Shape("1.5 B (as Qwen2.5-1.5B)", 28, 1536, 8960, 12, 2, 151_936, True, True),
    Shape("3 B (as Qwen2.5-3B)", 36, 2048, 11_008, 16, 2, 151_936, True, True),
    Shape("8 B (as Llama-3.1-8B)", 32, 4096, 14_336, 32, 8, 128_256, False, False),
)
WAYS = ("LoRA, weights in bfloat16", "all weights, bfloat16", "all weights, float32")


def states(shape: Shape, way: str) -> tuple[float, float, float]:
    """Bytes of weights, gradients and the two moments of Adam."""
    n, lora = shape.parameters, shape.adapters(Lora().r)
    if way.startswith("LoRA"):
        return 2 * n + 4 * lora, 4 * lora, 8 * lora
    if way.endswith("bfloat16"):
        return 2 * n, 2 * n, 4 * n
    return (4 + 2) * n, 4 * n, 8 * n  # autocast keeps a copy of the weights in bfloat16 for the way back


def activations(shape: Shape, way: str, checkpointing: bool = True) -> float:
    """Bytes of activations at their peak: what every layer keeps, then the logits or one layer computed again."""
    stream = 4 if way.endswith("float32") else 2
    kept = stream * shape.hidden if checkpointing else shape.layer_bytes
    logits = 12 * shape.vocabulary
    again = max(logits, shape.layer_bytes) if checkpointing else logits
    return ROWS * LENGTH * (shape.layers * kept + again)


def flops(shape: Shape, way: str, checkpointing: bool = True) -> int:
    """Operations a token: 2 a parameter forward, 2 back to the inputs, 2 to gradients of weights, 2 to compute again."""
    return shape.parameters * (4 + 2 * (not way.startswith("LoRA")) + 2 * checkpointing)


def tables() -> Iterator[str]:
    """Both tables as lines of Markdown."""
    yield f"Memory in GiB on one device, {ROWS} rows of {LENGTH} tokens at once, computed:"
    yield ""
    yield "| model | trained | weights | gradients | optimiser | activations, checkpointed | without | total, checkpointed |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for shape in SHAPES:
        for way in WAYS:
            parts = [*states(shape, way), activations(shape, way)]
            figures = [*parts, activations(shape, way, False), sum(parts)]
            yield f"| {shape.name} | {way} | {' | '.join(f'{x / GIB:.1f}' for x in figures)} |"
    yield ""
    yield f"Minutes for a million tokens on one device at {UTILISATION:.0%} of its peak, with checkpointing, computed:"
    yield ""
    yield f"| model | trained | {' | '.join(f'{name} ({peak} TFLOP/s)' for name, peak in DEVICES.items())} |"
    yield f"| --- | --- |{' --- |' * len(DEVICES)}"
    for shape in SHAPES:
        for way in (WAYS[0], "all weights"):
            minutes = (flops(shape, way) * 1e6 / (peak * 1e12 * UTILISATION) / 60 for peak in DEVICES.values())
            yield f"| {shape.name} | {way.split(',')[0]} | {' | '.join(f'{m:.1f}' for m in minutes)} |"


def write(path: Path = README) -> str:
    """Put the tables between their marks; the tables."""
    text, table = path.read_text(encoding="utf-8"), "\n".join(tables())
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    path.write_text(f"{before}{BEGIN}\n\n{table}\n\n{after}", encoding="utf-8")
    return table
