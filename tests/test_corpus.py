"""The corpus keeps to its guide."""

import pytest

from train import corpus
from train.check_corpus import breaches, lacking


@pytest.fixture(scope="module")
def entries():
    return corpus.entries()


def test_the_whole_corpus_keeps_every_rule_of_its_guide(entries):
    assert list(breaches(entries))[:10] == []


def test_no_part_of_the_corpus_is_too_small():
    assert list(lacking()) == []


def test_a_breach_of_each_kind_is_found(entries):
    good = next(entry for entry in entries if len(entry["reflections"]) > 1)
    broken = {
        "asks twice": {**good, "reflections": ["What now? And what then?", good["reflections"][1]]},
        "the output gate refuses": {
            **good,
            "reflections": ["Just get over it, it could be worse.", good["reflections"][1]],
        },
        "rejects for": {**good, "rejected": [{"text": "No.", "why": "bad"}] * 2},
        "voice": {**good, "voice": "angry"},
        "alternate": {**good, "history": [{"role": "assistant", "content": "Hm."}]},
        "must not be there": {**good, "statement": "mail me@example"},
        "lacks": {k: v for k, v in good.items() if k != "author"},
    }
    for said, entry in broken.items():
        assert any(said in b for b in breaches([entry], whole=False)), said
    assert any("says what" in b for b in breaches([good, {**good, "id": "other"}], whole=False))


def test_a_corpus_of_one_opening_is_a_breach(entries):
    same = [{**e, "plain": [], "reflections": [f"It sounds like {r}" for r in corpus.good(e)]} for e in entries[:50]]
    found = list(breaches(same))
    assert any("it sounds like" in b for b in found) and any("open: 1" in b for b in found)


def test_no_entry_is_in_two_splits():
    named = [e for split in ("dev", "test") for e in corpus.entries(split)]
    training = {e["id"] for e in corpus.entries("train")}
    assert len({e["id"] for e in named}) == len(named) > 0
    assert not {e["id"] for e in named} & training
