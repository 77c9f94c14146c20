"""A draft that begins with the person's clause ends in a sentence that was written, about nobody they have not spoken of."""

import re

import pytest

from therapist import Settings
from therapist.clauses import beginnings
from therapist.conversation import assistant, user
from therapist.endings import needed, spoken_of, tidings, written
from therapist.generators import EMBEDDED_FOLDER, FastGenerator
from therapist.text import words
from therapist.vetting import vet

SAID = "My boss shouted at me in front of everyone and I went to the toilets and cried."


@pytest.fixture(scope="module")
def generator() -> FastGenerator:
    return FastGenerator(Settings(timeout_s=120), EMBEDDED_FOLDER)


def endings_of(statement: str, drafts: list[str]) -> list[str]:
    """What follows the clause in every draft that begins with one."""
    begun = [b for b in beginnings(statement, len(drafts)) if b]
    return [text[len(clause) + 2 :] for clause, text in zip(begun, drafts, strict=False)]


def test_a_begun_draft_ends_in_a_written_sentence(generator) -> None:
    drafts = generator.generate([user(SAID)], 8, seed=3)
    ended = endings_of(SAID, drafts)
    assert len(ended) == 8 and set(ended) <= set(written())


def test_where_nothing_can_be_said_back_the_draft_is_a_written_sentence(generator) -> None:
    assert set(generator.generate([user("hmm")], 8, seed=3)) <= set(written())


def test_no_question_follows_a_question(generator) -> None:
    told = [user("I moved here in May."), assistant("You moved here in May. How is it for you?"), user(SAID)]
    assert not any("?" in draft for draft in generator.generate(told, 8, seed=3))


def test_drafts_of_one_statement_differ(generator) -> None:
    assert len(set(generator.generate([user(SAID)], 8, seed=3))) >= 5


def test_nobody_is_spoken_of_who_was_not(generator) -> None:
    statement = "I lost my job today and I keep looking at the phone."
    for seed in range(6):
        for ending in endings_of(statement, generator.generate([user(statement)], 8, seed=seed)):
            assert not re.search(r"\b(?:he|him|his|she|her|they|them|their|we|us)\b", ending, re.I), ending


def test_who_was_spoken_of_earlier_in_the_talk_may_be_meant() -> None:
    assert needed("You miss her.") <= spoken_of("my nan died in March")
    assert not needed("You miss her.") <= spoken_of("my grandad died in March")
    assert needed("What hurts most about it?") == frozenset()


def test_every_written_sentence_is_short_whole_and_passes_the_gate() -> None:
    sentences = written()
    assert len(sentences) == len(set(sentences)) > 900
    for sentence in sentences:
        assert 1 < len(words(sentence)) <= 12, sentence
        assert sentence[0].isupper() and sentence[-1] in ".?!" and sentence.count("?") <= 1, sentence
        assert not vet(f"You told me about it. {sentence}", "I told you about it.", []), sentence


def test_good_news_is_met_as_good_news_and_trouble_never_with_joy() -> None:
    assert tidings("I passed my exam, i can't believe it") == {"good", "either"}
    for cheered in (
        "I PASSED MY DRIVING TEST!!!! 4th try!!! the examiner had a cold and sneezed through the whole roundabout lol",
        "i got the job!!!! at the bakery im 58 nobody wanted me for 2 yrs and the boy who interviewed me was about 12",
        "got offered the ward managers job 🎉 22 years after starting as a cleaner on the same corridor",
    ):
        assert tidings(cheered) == {"good"}, cheered
    for sad in (
        "he got the job!! i did not even get a letter back, not a word",
        "My son passed last night!",
        "I won't cope with this!",
        "i passed my test and nobody cared, my husband left that night!",
    ):
        assert "good" not in tidings(sad), sad
    assert "good" not in tidings("I lost my job today and my wife has not heard yet.")
    assert tidings("I got the job but my dad will never know.") == {"trouble", "either"}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", ["word ", "i finally ", "passed my ", "first time in ", "can't ", "!", "a"])
def test_no_message_however_long_holds_up_the_choice(unit: str) -> None:
    """A pattern whose time doubles with every word would never end here."""
    message = (unit * 2000)[:1999]
    assert tidings(message) and spoken_of(message) is not None


def test_who_was_left_something_has_not_lost_somebody() -> None:
    assert "loss" in spoken_of("my wife left me in May")
    assert "loss" not in spoken_of("my son left me a drawing on the kettle")
