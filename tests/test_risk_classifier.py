"""Danger by meaning: it raises a level, never lowers one, and belongs to one encoder."""

import json

import pytest

from therapist.conversation import assistant, user
from therapist.errors import ArtefactError
from therapist.risk import Risk
from therapist.risk_classifier import FILE, LEVELS, RiskClassifier, higher, reader, reading
from therapist.text import BUCKETS, letter_runs


def test_the_earlier_turns_of_the_person_are_read_with_the_message():
    history = [user("One."), assistant("Hm."), user("She left."), assistant("She left you."), user("Nothing is left.")]
    assert reading("How high is the bridge?", history) == "She left. . Nothing is left. . How high is the bridge?"


@pytest.mark.parametrize("a", LEVELS)
@pytest.mark.parametrize("b", LEVELS)
def test_the_higher_level_always_wins(a, b):
    assert higher(Risk(a, None, ()), Risk(b, None, ())).level == max(a, b, key=LEVELS.index)


def test_what_the_patterns_see_is_never_lowered(therapist):
    assert therapist.assess("I want to kill myself and I know how.").level == "crisis"


@pytest.mark.parametrize(
    "ordinary",
    ["My neighbour's dog barks all night.", "We won the match and I scored!", "I have an exam in the morning."],
)
def test_an_ordinary_day_is_no_risk(therapist, ordinary):
    assert therapist.assess(ordinary).level == "none"


DANGER, CALM = "I took all of it and I do not want to wake up.", "The bus was late."


def test_the_probabilities_are_those_of_the_trained_model(therapist):
    classifier, texts = therapist._classifier, [DANGER, CALM]
    seen = classifier.evidence(texts, classifier._encoder.encode(texts))
    for level in ("crisis", "concern"):
        dangerous, calm = (classifier.probability(level, t, s) for t, s in zip(texts, seen, strict=True))
        assert dangerous > 0.5 > calm


def test_meaning_counts_for_english_otherwise_than_for_other_languages():
    assert reader(DANGER, meaning=True) == "english" and reader(DANGER, meaning=False) == "spelling"
    assert reader("Ich habe alles genommen und möchte nicht mehr aufwachen.", meaning=True) == "foreign"
    assert reader("不想醒", meaning=True) == "foreign"


def test_without_its_encoder_the_page_says_what_is_limited_and_spelling_is_still_read(tmp_path, monkeypatch):
    from therapist import Therapist, pipeline

    monkeypatch.setattr(pipeline, "ENCODER", tmp_path)
    limited = Therapist()
    limited.load()
    assert "No encoder at" in limited.limited
    assert limited.assess(DANGER).level != "none" and limited.assess(CALM).level == "none"


@pytest.mark.parametrize(
    "said", ["my secret ", "Xylophonewombat", "so tired ", "\u0645\u0633\u0627\u0621 \u0627\u0644\u062e\u064a\u0631 "]
)
def test_what_is_said_a_thousand_times_is_read_as_if_said_once(therapist, said):
    assert therapist.assess(said * 1000).level == therapist.assess(said.strip()).level == "none"
    assert therapist.assess("I want to die " * 300).level == "crisis"


def test_a_danger_that_was_heard_before_is_not_forgotten(therapist):
    classifier, history = (
        therapist._classifier,
        [user("I have the pills here and I want to die tonight."), assistant("...")],
    )
    assert classifier.assess(history[0]["content"]).level == "crisis"
    assert classifier.assess("She is making tea.", history).level != "none"
    assert classifier.assess("I have taken half of them.", history).level == "crisis"
    assert classifier.assess("", history).level == "crisis"


def test_without_an_encoder_spelling_still_sees_danger():
    classifier = RiskClassifier.load(None)
    assert classifier.assess(DANGER).level != "none"
    assert classifier.assess(CALM).level == "none"


def test_letter_runs_are_distinct_sorted_and_know_every_script():
    for text in ("a b", "Ich kann nicht mehr", "не хочу жить", "想死", "मरना", "", "x" * 5000):
        runs = letter_runs(text)
        assert list(runs) == sorted(set(runs)) and all(0 <= r < BUCKETS for r in runs)
    assert list(letter_runs("tired of it")) == list(letter_runs("it tired   of"))


def test_a_classifier_of_another_encoder_is_refused(tmp_path):
    class Other:
        sha256 = "0" * 64

    with pytest.raises(ArtefactError, match="another encoder"):
        RiskClassifier.load(Other(), FILE)
    with pytest.raises(ArtefactError, match="python -m train risk"):
        RiskClassifier.load(Other(), tmp_path / "none.safetensors")


def test_no_risk_sentence_that_tests_is_one_that_the_patterns_were_written_with(root):
    rows = [json.loads(line) for line in (root / "train/corpus/risk.jsonl").read_text(encoding="utf-8").splitlines()]
    test = set(json.loads((root / "train/corpus/splits.json").read_text(encoding="utf-8"))["test"])
    assert not [r["id"] for r in rows if r["seen"] and r["id"] in test]
