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


def test_drafts_begin_with_different_clauses() -> None:
    begun = beginnings("I got laid off on Monday and I have two kids.", 8)
    assert len(begun) == 8 and begun[0] == "You got laid off on Monday and you have two kids"
    assert len(set(begun)) == 3


def test_where_there_is_no_clause_a_few_words_are_said_back_and_else_nothing() -> None:
    assert beginnings("Rain since the funeral tea.", 2) == ["Rain since the funeral tea"] * 2
    assert beginnings("my sister. MY SISTER", 1) == ["Your sister"]
    assert beginnings("hmm", 4) == [""] * 4


def test_no_subject_is_put_before_what_was_done_to_the_person() -> None:
    assert not any("keep telling" in clause for clause in clauses("At church they pray. keep telling me to pray"))


def test_of_a_long_sentence_whole_clauses_are_said_back_and_no_scraps() -> None:
    said = clauses(
        "I worked as, well, a clerk for all of nine years in the same building by the river, before I fell, so I know the stairs, and nobody asked me"
    )
    assert "I know the stairs" in said and "nobody asked me" in said
    assert not any(clause.startswith("before") or clause.endswith(" as") for clause in said)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("I PASSED MY DRIVING TEST!!!! 4th try!!!", "You passed your driving test"),
        ("I WANTED TO SAY I HAVE HAD MY CATARACT DONE", "You have had your cataract done"),
        ("😭😭😭 got dumped. by voice note", "You got dumped"),
        ("I don't feel ❤️ for him anymore", "You don't feel for him anymore"),
        ("i got PTSD and OCD from that job", "You got PTSD and OCD from that job"),
        ("I wanted to say I loved him before he died", "You wanted to say you loved him before he died"),
        ("I'm asking for a divorce.", "You're asking for a divorce"),
        ("I want to know why he left me.", "You want to know why he left you"),
        ("my wife was on the NHS list and HR said no", "Your wife was on the NHS list and HR said no"),
        ("8 hrs on my feet today", "8 hours on your feet today"),
    ],
)
def test_capitals_pictures_and_prefaces_are_left_out(typed: str, said: str) -> None:
    assert beginnings(typed, 1) == [said]


@pytest.mark.parametrize(
    "said",
    [
        "I am 74.",
        "it is 11 years.",
        "I asked a straight question.",
        "i want ask",
        "Good evening.",
        "passed over for promotion",
    ],
)
def test_what_tells_nothing_or_would_be_turned_wrong_is_no_clause(said: str) -> None:
    assert clauses(said) == []
