"""Scores in named parts, and an artefact whose pieces belong together."""

import json
import shutil

import pytest

from therapist.conversation import assistant, user
from therapist.errors import ArtefactError
from therapist.reranker import FOLDER, PARTS, Reranker, brevity, detail

STATEMENT = "My husband forgot our anniversary again and I pretended not to mind."


def test_a_reflection_of_this_person_beats_one_of_somebody_else(therapist):
    ranked = therapist.rank(STATEMENT, [
        "Losing the job after nine years must leave the mornings very empty.",
        "You pretended not to mind, and the anniversary he forgot still hurt.",
    ])  # fmt: skip
    assert ranked[0].text.startswith("You pretended")
    assert ranked[0].qualifies and not ranked[1].qualifies


@pytest.mark.parametrize(
    "bad",
    [
        "Just get over it, men forget things.",
        "You should book a couples counsellor, buy a calendar and tell him tonight.",
        "I know exactly how you feel, my husband forgot ours as well.",
        "Hello!",
        "Everything happens for a reason.",
    ],
)
def test_what_a_good_listener_would_not_say_does_not_qualify(therapist, bad):
    (candidate,) = therapist.rank(STATEMENT, [bad])
    assert not candidate.qualifies and candidate.reasons


def test_every_score_comes_with_its_parts_and_its_nearest_reference(therapist):
    (candidate,) = therapist.rank(STATEMENT, ["He forgot again, and you kept your hurt to yourself."])
    assert set(candidate.parts) == set(PARTS)
    assert len(candidate.nearest) > 10


def test_what_was_said_before_is_not_said_again(therapist):
    said = "He forgot the anniversary, and you kept the hurt to yourself."
    (again,) = therapist.rank("Yes, that's it.", [said], [user(STATEMENT), assistant(said)])
    assert not again.qualifies and "repeats" in again.reasons


def test_the_same_text_twice_is_judged_once(therapist):
    assert len(therapist.rank(STATEMENT, ["He forgot again.", "He forgot again. "])) == 1


def test_no_candidates_give_an_empty_ranking(therapist):
    assert therapist.rank(STATEMENT, []) == ()


def test_a_carried_detail_counts_and_stop_words_do_not():
    assert detail("The anniversary went by in silence.", STATEMENT) > 0
    assert detail("You are not the only one that it was for.", STATEMENT) == 0


def test_brevity_falls_for_a_word_and_for_a_lecture():
    assert brevity("He forgot, and it hurt you more than you showed.") == 1
    assert brevity("Oh.") < 0.2 and brevity("word " * 80) == 0


@pytest.fixture
def artefact(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "reranker")
    return tmp_path / "reranker"


def test_a_bank_that_was_changed_is_refused(artefact):
    lines = (artefact / "bank.jsonl").read_text(encoding="utf-8").splitlines()
    entry = json.loads(lines[0])
    entry["reflections"][0] = "Cheer up."
    (artefact / "bank.jsonl").write_text("\n".join([json.dumps(entry), *lines[1:]]), encoding="utf-8")
    with pytest.raises(ArtefactError, match="made for bank"):
        Reranker.load(artefact)


def test_a_calibration_of_another_encoder_is_refused(artefact):
    table = json.loads((artefact / "calibration.json").read_text())
    (artefact / "calibration.json").write_text(json.dumps({**table, "encoder": "0" * 64}))
    with pytest.raises(ArtefactError, match="made for encoder"):
        Reranker.load(artefact)


def test_a_missing_part_is_named_with_the_command_that_builds_it(artefact):
    (artefact / "bank.safetensors").unlink()
    with pytest.raises(ArtefactError, match=r"lacks bank\.safetensors.*python -m train reranker"):
        Reranker.load(artefact)


def test_the_bank_is_large_enough_and_holds_no_text_of_the_seeds_test():
    entries = [json.loads(line) for line in (FOLDER / "bank.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sum(len(e["reflections"]) for e in entries) >= 300
    assert sum(len(e["rejected"]) for e in entries) >= 150
    whole = json.dumps(entries).lower()
    for text in ("too many issues to address", "plenty of issues that you might want", "lifetime insomniac"):
        assert text not in whole


def test_the_encoder_gives_the_vectors_that_sentence_transformers_gives(therapist):
    from sentence_transformers import SentenceTransformer

    texts = [STATEMENT, "Müde, 你好 :)", f"{STATEMENT} [SEP] He forgot again.", "word " * 400, "a", "I am tired."]
    wanted = SentenceTransformer(str(FOLDER / "encoder"), device="cpu").encode(texts, normalize_embeddings=True)
    found = therapist._reranker.encoder.encode(texts)
    assert found.shape == wanted.shape
    # 8-bit layers: bank, heads and calibration are made with the vectors that serve, so only a fault would be far off.
    assert (found * wanted).sum(1).min() > 0.99
    assert therapist._reranker.encoder.encode([]).shape == (0, wanted.shape[1])
