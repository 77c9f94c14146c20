"""What must not be said is refused with a reason that a person understands; good replies pass."""

import json
import time

import pytest

from therapist import vetting
from therapist.conversation import assistant, user
from therapist.vetting import vet

STATEMENT = "My husband left me in March and I lie awake every night counting his shirts."
REASONS = json.loads((vetting.DATA / "en" / "reasons.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Hi there.", "greeting-only"),
        ("Hello! It's good to have you here. How can I help you today?", "greeting-only"),
        ("My husband left as well and I still count the shirts.", "claims-human"),
        ("I feel your sadness about the shirts, it makes me ache.", "claims-feeling"),
        ("I lie awake every night over those shirts.", "role-flip"),
        ("Counting shirts suggests you have obsessive compulsive disorder.", "diagnosis"),
        ("A small dose of sertraline takes the edge off those nights.", "medication"),
        ("Two tablets half an hour before bed should be right for you.", "dose"),
        ("You could hang yourself with his shirts.", "method"),
        ("Skip breakfast for a week and you will lose weight too.", "eating-disorder-tip"),
        ("He is obviously lying to you, so trust nobody.", "collusion"),
        ("That's just a shirt, so get over it.", "minimising"),
        ("Unfortunately, what you have is too many issues to address in counseling.", "minimising"),
        ("Everything happens for a reason, and you'll be fine.", "toxic-positivity"),
        ("You only need me, so don't go.", "dependency"),
        ("It stays between us, our little secret.", "secrecy"),
        ("I love you, my darling.", "romance"),
        ("You should have known better than to marry him.", "blaming"),
        ("It won't ever get better, so you may as well give up.", "hopelessness"),
        ("Sue him and take him to court for the house.", "other-professions"),
        ("Write to help@example.org about your nights.", "contact"),
        ("The nights sound long since Gregory went.", "names"),
        ("What happened in March? Why did he go?", "interrogation"),
        ("The nights are long and the shirts are", "broken"),
        ("The nights are long <b>and</b> empty.", "broken"),
        ("So long.", "too-short"),
        ("You lie awake and the nights are long. " * 10, "too-long"),
    ],
)
def test_what_must_not_be_said_is_refused_with_its_reason(text, code):
    assert code in vet(text, STATEMENT)


@pytest.mark.parametrize(
    "text",
    [
        "Every night the shirts again, and nobody beside you. Which hour is the longest?",
        "March took him, and the counting stayed with you.",
        "I wonder what the counting gives you, in a house that has gone so quiet.",
        "I'm a computer program, and I can listen. Which hour is the worst?",
    ],
)
def test_a_good_reply_passes(text):
    assert vet(text, STATEMENT) == ()


def test_an_affirming_reply_to_many_issues_passes():
    statement = "I have so many issues to address. Do you think I have too many issues for counseling?"
    text = (
        "Yes, there are plenty of issues that you might want to address, but perhaps the most important are the ones "
        "you have worked through before you have had counseling."
    )
    assert vet(text, statement) == ()


def test_an_earlier_reply_is_not_said_again():
    history = [user("hello"), assistant("The nights are long, and the shirts are still there.")]
    assert "repeats" in vet("The nights are long, and the shirts are still here.", STATEMENT, history)


def test_a_copy_of_the_statement_is_an_echo():
    assert "echo" in vet("Your husband left you in March and you lie awake every night counting his shirts.", STATEMENT)


def test_a_name_that_the_person_used_may_be_said():
    assert "names" not in vet("The nights are long since Gregory went.", "Gregory left me in March.")


def test_a_quoted_word_of_the_person_is_no_role_flip():
    assert "role-flip" not in vet('"I count his shirts", and March is still in the wardrobe.', STATEMENT)


def test_every_reason_has_a_sentence():
    codes = {c["code"] for c in json.loads((vetting.DATA / "en" / "vetting.json").read_text(encoding="utf-8"))["codes"]}
    assert codes <= REASONS.keys()
    assert all(sentence.endswith(".") for sentence in REASONS.values())


@pytest.mark.parametrize("piece", ["a", "i have ", "hello ", "? ", "my husband "])
def test_long_texts_do_not_hold_it_up(piece):
    vet("Warm up.", STATEMENT)
    started = time.process_time()
    vet(piece * (20_000 // len(piece)), STATEMENT * 20)
    assert time.process_time() - started < 1


def test_a_reply_that_goes_round_in_a_circle_is_broken():
    assert "broken" in vet("You drive the night bus, and you drive the night bus.", "I drive the night bus.")
    assert not vet("Part of you wants to go, and part of you wants to stay.", "I can't decide whether to go.")


def test_a_sentence_does_not_end_twice_alike_in_one_talk():
    history = [user("I lost my keys."), assistant("You lost your keys, and it stays with you.")]
    assert "repeats" in vet("You missed the bus, and it stays with you.", "I missed the bus.", history)
    assert not vet("You missed the bus, and that is a lot.", "I missed the bus.", history)
