"""The embedded generator by several engines, for `bench`: each drafts n candidates of exactly so many tokens.

llama.cpp knows BERT as an encoder only, without a cache. CTranslate2's decoder ends in one linear layer, and this
model's head has a layer, a GELU and a norm before it, which cannot be folded. So neither converts.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from therapist.bert import attention, exact, int8
from therapist.decoder import Decoder, Draft
from therapist.generators import EMBEDDED_FOLDER

Engine = Callable[[list[int], int, int], Any]
"Prompt, n and tokens."
OURS = "decoder, 8 bits (ships)"
FAST = (OURS, "decoder, float32")
"Engines that are measured for every n; the others would take too long."
TEMPERATURE, TOP_P = 0.5, 0.85


@cache
def tensors() -> dict[str, Any]:
    """The state dict of the embedded model."""
    from safetensors.torch import load_file

    return load_file(EMBEDDED_FOLDER / "model.safetensors")


def available() -> dict[str, Engine]:
    """Every engine that is installed."""
    import torch

    found = {
        OURS: ours(int8),
        FAST[1]: ours(exact),
        "generate, float32, 1 thread": theirs(torch.float32, 1),
        "generate, float32, 2 threads": theirs(torch.float32, 2),
        "generate, bfloat16, 1 thread": theirs(torch.bfloat16, 1),
    }
    with suppress(ImportError):
        found |= {f"onnxruntime, {name}": onnx(name) for name in ("float32", "int8")}
    return found


def ours(linear: Any) -> Engine:
    """The fast path, by one thread, its candidates never ending."""
    import torch

    decoder = Decoder(EMBEDDED_FOLDER, TEMPERATURE, TOP_P, linear)
    decoder.end = -1

    @torch.inference_mode()
    def draft(prompt: list[int], n: int, tokens: int) -> list[list[int]]:
        torch.set_num_threads(1)
        drafted = Draft(prompt, [[]] * n, tokens, 0, float("inf"))
        decoder.begin(drafted)
        while drafted.live:
            decoder.step([drafted])
        return drafted.tokens

    return draft


def theirs(dtype: Any, threads: int) -> Engine:
    """`transformers.generate` with `num_return_sequences`, sampling alike."""
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(EMBEDDED_FOLDER, dtype=dtype).eval()

    @torch.inference_mode()
    def draft(prompt: list[int], n: int, tokens: int) -> Any:
        torch.set_num_threads(threads)
        ids = torch.tensor([prompt])
        return model.generate(
            ids, attention_mask=torch.ones_like(ids), num_return_sequences=n, do_sample=True, temperature=TEMPERATURE,
            top_p=TOP_P, top_k=0, max_new_tokens=tokens, min_new_tokens=tokens, pad_token_id=0,
        )  # fmt: skip

    return draft


def onnx(precision: str) -> Engine:
    """onnxruntime, by one thread, on the graph of one step as this project's decoder computes it.

    The rows, cache and mask are the decoder's own, so prompt and step are one graph: it takes the cache of each layer
    [places, 2 * width] and gives back what the rows add to it.
    """
    import onnxruntime
    import torch
    from onnxruntime.quantization import quantize_dynamic

    decoder = Decoder(EMBEDDED_FOLDER, TEMPERATURE, TOP_P, _product)
    path = Path(mkdtemp()) / "step.onnx"
    _export(decoder, path)
    if precision == "int8":
        quantize_dynamic(path, path := path.with_name("int8.onnx"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    shape = json.loads((EMBEDDED_FOLDER / "config.json").read_text(encoding="utf-8"))
    depth, width = shape["num_hidden_layers"], shape["hidden_size"]

    def draft(prompt: list[int], n: int, tokens: int) -> None:
        size, rng = len(prompt), np.random.default_rng(0)
        places = size + n * tokens
        caches = [np.zeros((places, 2 * width), np.float32) for _ in range(depth)]
        seen = np.full((n, places), -1e9, np.float32)
        seen[:, :size] = 0

        def run(ids: Any, positions: Any, mask: Any, filled: int) -> Any:
            past = {f"past{i}": c[:filled] for i, c in enumerate(caches)}
            logits, *added = session.run(None, {"ids": ids, "positions": positions, "mask": mask, **past})
            for c, new in zip(caches, added, strict=True):
                c[filled : filled + len(ids)] = new
            return decoder.sample(torch.from_numpy(logits), torch.from_numpy(rng.random(len(logits)))).numpy()

        torch.set_num_threads(1)
        causal = np.triu(np.full((size, size), -1e9, np.float32), 1)
        said = np.repeat(run(np.array(prompt), np.arange(size), causal, 0)[-1:], n)
        for step in range(tokens - 1):
            filled = size + n * step
            np.fill_diagonal(seen[:, filled : filled + n], 0)
            said = run(said, np.full(n, size + step), seen[:, : filled + n], filled)

    return draft


def _product(weight: Any, bias: Any) -> Any:
    """A linear layer as onnxruntime's quantiser looks for it: a product with a constant, then a sum."""
    turned = weight.T.contiguous()
    return lambda x: x @ turned + bias


def _export(decoder: Decoder, path: Path) -> None:
    """The graph of one step, rows and places free."""
    import torch
    from onnx import load, save

    bert = decoder._bert

    class Step(torch.nn.Module):
        def forward(self, ids: Any, positions: Any, mask: Any, *past: Any) -> Any:
            added = []

            def attend(layer: int, qkv: Any) -> Any:
                added.append(qkv[:, bert.width :])
                parts = qkv[:, : bert.width], *torch.cat([past[layer], added[-1]]).chunk(2, -1)
                return attention(*(part.unflatten(-1, (bert.heads, -1)).transpose(0, 1) for part in parts), mask)

            return decoder.logits(bert.hidden(ids, positions, attend)), *added

    rows, places = 3, 5
    past = [torch.randn(places, 2 * bert.width) for _ in range(bert.depth)]
    names = [f"past{i}" for i in range(bert.depth)]
    torch.onnx.export(
        Step(), (torch.arange(rows), torch.arange(rows), torch.zeros(rows, rows + places), *past), str(path),
        input_names=["ids", "positions", "mask", *names], output_names=["logits", *(f"new{i}" for i in range(bert.depth))],
        dynamic_axes={"ids": {0: "rows"}, "positions": {0: "rows"}, "mask": {0: "rows", 1: "seen"}, **{n: {0: "past"} for n in names}},
        dynamo=False,
    )  # fmt: skip
    model = load(path)
    for node in [n for n in model.graph.node if n.op_type == "Constant"]:  # where the quantiser looks for weights
        tensor = node.attribute[0].t
        tensor.name = node.output[0]
        model.graph.initializer.append(tensor)
        model.graph.node.remove(node)
    save(model, path)
