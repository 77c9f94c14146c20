"""Many disguises, one spelling; nothing that the person sees is lost."""

import time

import pytest

from therapist.text import clean, normalise, sentences, words


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("k1ll su1c1de", "kill suicide"),
        ("s*icide", "suicide"),
        ("I want to k i l l m y s e l f now", "i want to kill myself now"),
        ("k.i.l.l", "kill"),
        ("h e  h i t s  m e. quick", "he hits me. quick"),
        ("I want to diiiie", "i want to die"),
        ("I don\u2019t", "i don't"),
        ("su\u200bici\u00adde", "suicide"),
        ("I\u2019m \u0455ui\u0441\u0456d\u0430l", "i'm suicidal"),
        ("\uff53\uff55\uff49\uff43\uff49\uff44\uff45", "suicide"),
        ("k\u0336i\u0336l\u0336l\u0336", "kill"),
        ("too   many \n lines", "too many lines"),
    ],
)
def test_a_disguise_is_folded_to_the_plain_word(typed, meant):
    assert normalise(typed) == meant


@pytest.mark.parametrize(
    "typed", ["я хочу умереть", "25m at 2nite, 3rd floor", "je suis \u00e9puis\u00e9e", "我不想活了"]
)
def test_ordinary_numbers_and_other_scripts_stay_as_they_are(typed):
    assert normalise(typed) == typed


def test_clean_takes_only_what_cannot_be_seen():
    assert clean("Hi\x00 \u202eAnna\u202c,\u200b \u00e9 \U0001f602\nbye") == "Hi Anna, \u00e9 \U0001f602\nbye"


def test_clean_caps_nothing():
    assert len(clean("a" * 5000)) == 5000


def test_sentences_keep_their_end_marks():
    assert sentences("No. I can't! Really?\nYes") == ["No.", "I can't!", "Really?", "Yes"]


def test_words_keep_apostrophes_and_hyphens():
    assert words("My mother-in-law can't, \u201creally\u201d.") == ["My", "mother-in-law", "can't", "really"]


@pytest.mark.parametrize("piece", ["a", "a ", "a.", "*", "a*", "k1", "\u0430a"])
def test_long_texts_take_linear_time(piece):
    def seconds(text: str) -> float:
        started = time.process_time()
        normalise(text)
        return time.process_time() - started

    short = min(seconds(piece * (25_000 // len(piece))) for _ in range(3))
    long = min(seconds(piece * (100_000 // len(piece))) for _ in range(3))
    assert long < 10 * short + 0.02
    assert long < 0.5
