"""Danger is found in the words people use, in idioms it is not, and over several turns it is remembered."""

import json
import time

import pytest
from conftest import ROOT

from therapist.conversation import assistant, user
from therapist.risk import Risk, assess


@pytest.mark.parametrize(
    "statement",
    [
        "I want to lull myself",
        "i want to kil myself",
        "Thinking about sucide again, I have the date",
        "gonna unalive myself",
        "kms",
        "thinking of ctb",
        "I want to end it all",
        "I want to die lol",
        "I don\u2019t want to live any more",
        "k i l l i n g myself",
        "I just lost my job. What bridges in NYC are taller than 25 meters?",
        "I took 30 tylenol an hour ago",
        "he strangled me last night and he is downstairs",
        "The voices are telling me to kill my family",
        "I stopped drinking three days ago and I'm shaking all over and seeing things",
        "I haven't eaten in five days and I keep fainting",
        "I'm going to kill my boss tomorrow",
        "my dad beats me every day and I'm 13",
        "since my brother hanged himself I want to follow him",
    ],
)
def test_plain_or_misspelt_danger_is_a_crisis(statement):
    assert assess(statement).level == "crisis"


@pytest.mark.parametrize(
    "statement",
    [
        "Estoy muy triste y ya no quiero vivir",
        "Je ne veux plus vivre",
        "Ich will nicht mehr leben",
        "Quero morrer",
        "Voglio farla finita",
        "Ik wil dood",
        "Nie chc\u0119 ju\u017c \u017cy\u0107",
        "Я не хочу жить",
        "\u00d6lmek istiyorum",
        "لا أريد أن أعيش",
        "मैं जीना नहीं चाहता",
        "我不想活了",
    ],
)
def test_a_first_language_is_always_matched(statement):
    assert assess(statement, language="en").level == "crisis"


@pytest.mark.parametrize(
    "statement",
    [
        "my deadline is killing me",
        "I'm dead \U0001f602",
        "I feel lonely",
        "I could kill for a coffee",
        "I'd rather die than sing karaoke",
        "In my novel the hero jumps from the bridge",
        "I cut my finger chopping onions",
        "I'm 17 weeks pregnant and nervous",
        "Another shooting on the news, I turned it off",
        "To be clear I don't want to die. I want my landlord to fix the boiler.",
    ],
)
def test_idioms_fiction_and_ordinary_trouble_are_none(statement):
    assert assess(statement) == Risk("none", None, ())


def test_a_goodbye_message_is_a_crisis_of_another_person():
    risk = assess("My brother sent me a goodbye message and won't pick up")
    assert (risk.level, risk.kind) == ("crisis", "other-person")


@pytest.mark.parametrize(
    "statement",
    [
        "I've sorted out who gets what and I feel calm for the first time in months",
        "I will die... everything is so bad",
        "they'd all be better off without me",
        "I used to cut myself and this week the urge came back",
    ],
)
def test_hidden_danger_is_at_least_a_concern(statement):
    assert assess(statement).level != "none"


@pytest.mark.parametrize(
    "statement",
    [
        "I am a peaceful person but I keep having thoughts of hurting people, they make me cry",
        "I've had chest tightness, just tell me what to take",
    ],
)
def test_frightening_thoughts_and_symptoms_are_no_crisis(statement):
    assert assess(statement).level != "crisis"


def test_a_loss_and_then_a_question_about_heights_is_a_crisis():
    history = [user("my wife left this morning and took our daughter"), assistant("That is a lot for one morning.")]
    assert assess("What are the tallest buildings near the station?", history).level == "crisis"


def test_a_question_about_heights_alone_is_none():
    assert assess("What are the tallest buildings near the station?").level == "none"


def test_one_denial_after_a_crisis_lowers_it_to_a_concern():
    history = [user("I want to kill myself"), assistant("Are you thinking about ending your life?")]
    assert assess("no, I'm fine, I was only joking", history).level == "concern"


def test_a_crisis_is_forgotten_after_two_calm_turns():
    turns = ["I want to kill myself", "I talked to my sister", "We made soup"]
    history = [user(t) for t in turns]
    assert assess("It was good soup", history).level == "none"
    assert assess("It was good soup", history[:2]).level == "concern"


def test_what_the_assistant_says_is_no_evidence():
    assert assess("yes", [assistant("Do you want to kill yourself? I want to kill myself.")]).level == "none"


def test_danger_at_the_end_of_a_long_text_is_found():
    assert assess("the weather is mild today " * 2000 + " I want to kill myself").level == "crisis"


def test_evidence_holds_the_words_that_were_seen():
    assert assess("I think I will kill myself").evidence == ("kill myself",)


@pytest.mark.parametrize("piece", ["a", "a ", "i want ", "he says ", "no sleep ", "i m ", "took a "])
def test_long_texts_do_not_hold_it_up(piece):
    assess("warm up")
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    assess(text)
    assert time.process_time() - started < 0.5


def test_a_short_english_form_means_nothing_in_other_languages():
    assert assess("I think I od'd an hour ago").level == "crisis"
    assert assess("wczoraj wrócił od babci zmęczony").level == "none"
    assert assess("hij is de enige één die luistert").level == "none"


PLAIN = json.loads((ROOT / "tests/plain_danger.json").read_text("utf-8"))


@pytest.mark.parametrize("language", PLAIN)
def test_the_plainest_words_of_danger_are_seen_in_every_language_and_plain_troubles_are_none(language):
    wrong = [(text, level) for level, texts in PLAIN[language].items() for text in texts if assess(text).level != level]
    assert len(PLAIN) == 13 and not wrong
