"""What training larger models costs, by formula, against transformers' own layers and autograd's own books."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from train import memory


def model(shape: memory.Shape):
    kind, cls = (Qwen2Config, Qwen2ForCausalLM) if shape.biased else (LlamaConfig, LlamaForCausalLM)
    return cls(kind(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, intermediate_size=shape.feed, tie_word_embeddings=shape.tied,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.groups,
        attn_implementation="sdpa",
    ))  # fmt: skip


@pytest.mark.parametrize("shape", memory.SHAPES, ids=lambda s: s.name)
def test_parameters_are_those_of_the_model_as_transformers_builds_it(shape):
    with torch.device("meta"):
        assert model(shape).num_parameters() == shape.parameters


def test_adapters_are_as_many_as_peft_makes():
    peft = pytest.importorskip("peft", reason="training needs train/requirements.txt")
    shape = memory.SHAPES[-1]
    with torch.device("meta"):
        adapted = peft.get_peft_model(model(shape), peft.LoraConfig(r=16, target_modules="all-linear"))
    assert sum(p.numel() for p in adapted.parameters() if p.requires_grad) == shape.adapters(16)


def test_a_layer_keeps_the_bytes_that_the_formula_says():
    """Within a quarter: kinds of attention differ in what they copy."""
    shape = memory.Shape("small", 2, 128, 512, 4, 2, 64, False, False)
    built, tokens, kept = model(shape).to(torch.bfloat16), 512, {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        alive.append(tensor)
        return tensor

    alive: list[torch.Tensor] = []
    weights = {p.untyped_storage().data_ptr() for p in built.parameters()}
    x = torch.randn(1, tokens, shape.hidden, dtype=torch.bfloat16, requires_grad=True)
    place = built.model.rotary_emb(x, torch.arange(tokens)[None])
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = built.model.layers[0](x, position_embeddings=place)
    found = sum(size for pointer, size in kept.items() if pointer not in weights)
    assert out.shape == x.shape
    assert found / tokens == pytest.approx(shape.layer_bytes, rel=0.25)


def test_the_tables_of_the_readme_are_the_computed_ones(root):
    text = (root / "train/README.md").read_text(encoding="utf-8")
    assert f"{memory.BEGIN}\n\n" + "\n".join(memory.tables()) + f"\n\n{memory.END}" in text
