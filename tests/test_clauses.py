"""The person's own words, turned."""

import pytest

from therapist.clauses import beginnings, clauses, turn


@pytest.mark.parametrize(
    ("said", "turned"),
    [
        ("I missed my bus", "you missed your bus"),
        ("I'm not myself and nobody asks me", "you're not yourself and nobody asks you"),
        ("I was told that the seat is mine", "you were told that the seat is yours"),
        ("he said I still am his son", "he said you still are his son"),
    ],
)
def test_the_first_person_becomes_the_second(said: str, turned: str) -> None:
    assert turn(said) == turned


def test_a_subject_that_was_left_out_is_put_in() -> None:
    assert clauses("told my boss everything. been crying since.") == [
        "i told my boss everything",
        "i've been crying since",
    ]


def test_what_the_person_says_of_themselves_comes_first() -> None:
    assert clauses("The house is so quiet. I miss her.")[0] == "I miss her"


@pytest.mark.parametrize("said", ["How do I tie a tie?", "hello", "Please help me with it", "Are you real?", "", "???"])
def test_questions_greetings_and_requests_are_not_said_back(said: str) -> None:
    assert clauses(said) == []


def test_drafts_begin_with_different_clauses_and_some_are_free() -> None:
    begun = beginnings("I got laid off on Monday and I have two kids.", 8)
    assert len(begun) == 8 and begun.count("") == 1
    assert begun[0] == "You got laid off on Monday and you have two kids"
    assert len(set(begun)) == 4


def test_where_nothing_can_be_said_back_every_draft_is_free() -> None:
    assert beginnings("hmm", 4) == [""] * 4
    assert beginnings("I miss her so much.", 1) == [""]
