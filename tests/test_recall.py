"""What was told earlier is found again when it is asked for, and nothing else is taken for such a question."""

import json

from conftest import ROOT

from therapist.conversation import assistant, user
from therapist.recall import recalled

PROBES, CHOSEN_ON = (
    [json.loads(line) for line in (ROOT / "tests" / name).read_text("utf-8").splitlines()]
    for name in ("recall.jsonl", "recall_dev.jsonl")
)
"Probes that report, and harder ones (every answer has its double beside it) on which patterns and limits were chosen."


def answer(therapist, probe: dict) -> str | None:
    return recalled(probe["statement"], probe["history"], therapist._reranker.encoder)


def test_most_of_what_was_told_is_found(therapist):
    for probes, share in ((PROBES, 0.85), (CHOSEN_ON, 0.7)):
        asked = [p for p in probes if p["kind"] == "recall"]
        found = [p for p in asked if p["expected"] in (answer(therapist, p) or "").lower()]
        assert len(asked) >= 50 and len(found) >= share * len(asked)


def test_what_asks_for_nothing_told_earlier_is_left_to_be_heard(therapist):
    assert not [p["statement"] for p in [*PROBES, *CHOSEN_ON] if p["kind"] == "other" and answer(therapist, p)]


def test_that_somebody_will_not_tell_is_no_question_to_the_program(therapist):
    told = [user("she says its cos of something that happened to my cousin"), assistant("What was it like for you?")]
    assert recalled("nobody will tell me what happened to my cousin", told, therapist._reranker.encoder) is None


def test_what_sounded_of_danger_is_not_said_back(therapist):
    told = [user("I want to kill myself, my name is Tom."), assistant("I am glad you told me.")]
    said = answer(therapist, {"statement": "what's my name?", "history": told})
    assert said and "kill" not in said


def test_a_reply_recalls_a_name(therapist):
    told = [user("I'm Tom. My sister Ana lost her job in May."), assistant("She lost her job in May.")]
    reply = therapist.respond("do you remember what my sister is called?", told)
    assert reply.route == "reply" and "Ana" in reply.text


def test_who_asks_gets_an_answer_even_where_finding_breaks(therapist, monkeypatch):
    def broken(*_):
        raise OSError("no such vector")

    monkeypatch.setattr("therapist.pipeline.recalled", broken)
    told = [user("I'm Tom. My sister Ana lost her job in May."), assistant("She lost her job in May.")]
    assert therapist.respond("do you remember what my sister is called?", told).text
