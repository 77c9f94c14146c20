"""BERT's layers in plain torch: the body of the embedded generator and of the encoders.

Neither needs transformers, whose import costs more than loading both. Texts and candidates stand as rows of one
[rows, width] matrix without padding; only attention asks which row belongs to whom, so whoever calls brings it.

The generator's linear layers compute in 8-bit integers, a quarter of the bytes of float32. Each row is scaled by its
own largest value, and a last row of plus and minus one pins the range that torch quantises with. So every row is
quantised alone and summed in exact integers: it comes out the same, bit for bit, whatever rows are beside it.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

Linear = Callable[[Any], Any]


def config(folder: Path) -> dict[str, Any]:
    """`config.json` of a folder; empty where there is none."""
    path = folder / "config.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


class Bert:
    """Weights and layers of a post-norm BERT with absolute positions and the exact GELU.

    Args:
        tensors: the state dict; what `prefix` begins is the body. A matrix in 8 bits has its rows' scales beside it.
        shape: the config, for `num_attention_heads`, `num_hidden_layers`, `layer_norm_eps`.
        linear: makes a layer of a weight [out, in] and a bias [out]: `exact` or `int8`.
    """

    def __init__(self, tensors: dict[str, Any], shape: dict[str, Any], prefix: str, linear: Callable[..., Linear]):
        import torch

        def of(name: str) -> Any:
            return tensors[prefix + name].float()

        def layer(*names: str) -> Linear:
            """One layer of one matrix or of several, their outputs side by side."""
            weight, bias, scale = (
                [tensors[f"{prefix}{n}.{part}"] for n in names if f"{prefix}{n}.{part}" in tensors]
                for part in ("weight", "bias", "weight.scale")
            )
            return linear(torch.cat(weight), torch.cat(bias).float(), torch.cat(scale) if scale else None)

        self.heads, self.width, self.depth = (
            shape[k] for k in ("num_attention_heads", "hidden_size", "num_hidden_layers")
        )
        self.eps = shape["layer_norm_eps"]
        # In the file's own type, since few of them are looked up at a time; a copy, so that the file's bytes can go.
        self.words = tensors[f"{prefix}embeddings.word_embeddings.weight"].clone()
        self._scales = tensors.get(f"{prefix}embeddings.word_embeddings.weight.scale")
        # Everything here is of the first type, so its vector is a part of the position's.
        self._places = of("embeddings.position_embeddings.weight") + of("embeddings.token_type_embeddings.weight")[0]
        self._embedded = self._norm(of, "embeddings.LayerNorm")
        self._layers = []
        for i in range(self.depth):
            at = f"encoder.layer.{i}."
            self._layers.append((
                layer(*(f"{at}attention.self.{part}" for part in ("query", "key", "value"))),
                layer(f"{at}attention.output.dense"),
                self._norm(of, f"{at}attention.output.LayerNorm"),
                layer(f"{at}intermediate.dense"),
                layer(f"{at}output.dense"),
                self._norm(of, f"{at}output.LayerNorm"),
            ))  # fmt: skip

    def _norm(self, of: Callable[[str], Any], name: str) -> Linear:
        import torch

        weight, bias = of(f"{name}.weight"), of(f"{name}.bias")
        return lambda x: torch.layer_norm(x, (self.width,), weight, bias, self.eps)

    def hidden(self, ids: Any, positions: Any, attend: Callable[[int, Any], Any]) -> Any:
        """Hidden states float32 [rows, width] of tokens int64 [rows] at their positions int64 [rows].

        `attend(layer, qkv)` gives the context [rows, width] for queries, keys and values [rows, 3 * width].
        """
        from torch.nn.functional import gelu

        words = self.words[ids].float()
        if self._scales is not None:
            words *= self._scales[ids, None]
        x = self._embedded(words + self._places[positions])
        for i, (qkv, out, norm, wide, narrow, last) in enumerate(self._layers):
            x = norm(x + out(attend(i, qkv(x))))
            x = last(x + narrow(gelu(wide(x))))
        return x


def by_heads(rows: Any, heads: int) -> Any:
    """A view [heads, rows, size] of [rows, heads * size]."""
    return rows.view(len(rows), heads, -1).transpose(0, 1)


def attention(queries: Any, keys: Any, values: Any, mask: Any = None, causal: bool = False) -> Any:
    """Softmax attention of [heads, rows, size] over [heads, seen, size]: contexts [rows, heads * size].

    `mask` is added to the scores [rows, seen].
    """
    from torch.nn.functional import scaled_dot_product_attention

    found = scaled_dot_product_attention(queries[None], keys[None], values[None], attn_mask=mask, is_causal=causal)
    return found[0].transpose(0, 1).flatten(1)


def exact(weight: Any, bias: Any, scale: Any = None) -> Linear:
    """A linear layer in float32; `scale` [out] belongs to a weight in 8 bits."""
    import torch

    full = weight.float() if scale is None else weight * scale[:, None]
    return lambda x: torch.addmm(bias, x, full.T)


def int8(weight: Any, bias: Any, scale: Any = None) -> Linear:
    """A linear layer in 8-bit integers, one scale an output and one a row; a weight in 8 bits brings its own [out]."""
    import torch

    zeros = torch.zeros(len(weight)).long()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch pins its own end of these; the version is pinned here
        if scale is None:
            scale = weight.float().abs().amax(1).clamp(min=1e-8) / 127
            rounded = torch.quantize_per_channel(weight.float(), scale.double(), zeros, 0, torch.qint8)
        else:
            rounded = torch._make_per_channel_quantized_tensor(weight, scale.double(), zeros, 0)
    packed = torch.ops.quantized.linear_prepack(rounded, None)
    # Without these instructions two products of 8 bits overflow the 16 bits they are summed in; 7 bits do not.
    narrow = not torch.cpu._is_vnni_supported()

    pin = torch.zeros(1, weight.shape[1])
    pin[0, 0], pin[0, 1] = 1.0, -1.0

    def apply(x: Any) -> Any:
        largest = x.abs().amax(1, keepdim=True).clamp_(min=1e-8)
        summed = torch.ops.quantized.linear_dynamic(torch.cat([x / largest, pin]), packed, narrow)
        return torch.addcmul(bias, summed[:-1], largest)

    return apply
