"""Twenty whole talks with people in danger, replayed through the API with everything real.

`talks.json` says what must be found at each turn. Its mark `alarmed` stands at calm turns at which more is heard all the
same, `missed` at those at which less is: the readers of spelling and meaning err. What is mended loses its mark.
"""

import json
import re

import pytest
from conftest import ROOT

from therapist import protocol
from therapist.api import Api
from therapist.pipeline import WRITTEN
from therapist.referral import emergency_number, helplines
from therapist.text import sentences

TALKS = json.loads((ROOT / "tests/talks.json").read_text(encoding="utf-8"))["talks"]
MEANT = {
    "crisis": {"crisis"},
    "at least concern": {"crisis", "concern"},
    "at most concern": {"concern", "none"},
    "none": {"none"},
}
KINDS = [None, *protocol._words("en")["crisis"]]


class Watched:
    """The real generator behind a door that is shut while somebody is in danger."""

    def __init__(self, real) -> None:
        self.real, self.name, self.shut = real, real.name, False

    def generate(self, messages, n, seed=None, cancel=None):
        assert not self.shut, "A text was drafted in a crisis."
        return self.real.generate(messages, n, seed, cancel)


@pytest.fixture(scope="module")
def replayed(therapist):
    """Every talk as (turn, country, reply) in order; the door is shut at turns that must be a crisis."""
    kept, api, found = therapist._generator, Api(therapist), {}
    therapist._generator = Watched(kept)
    try:
        for talk in TALKS:
            history, rows = [], []
            for turn in talk["turns"]:
                country = turn.get("country", talk["country"])
                therapist._generator.shut = turn["level"] == "crisis"
                reply = api.reply(turn["says"], history, country, n=2, seed=1)
                rows.append((turn, country, reply))
                history += [{"role": "user", "content": turn["says"]}, {"role": "assistant", "content": reply.text}]
            found[talk["name"]] = rows
    finally:
        therapist._generator = kept
    return found


def without_lines(text: str, country: str) -> str:
    """An answer without what must be the same each time: the country's lines and emergency number."""
    for kind in KINDS:
        text = text.replace(protocol.line(protocol._words("en"), helplines(country, kind)), "#")
    return text.replace(emergency_number(country), "#")


def test_there_are_twenty_talks_of_a_length_in_which_things_repeat_themselves():
    assert len(TALKS) >= 20 and all(8 <= len(talk["turns"]) <= 20 for talk in TALKS)


def test_the_right_level_is_found_at_every_turn(replayed):
    wrong = [
        (name, turn["says"], turn["level"], reply.risk.level)
        for name, rows in replayed.items()
        for turn, _, reply in rows
        if (reply.risk.level in MEANT[turn["level"]]) == (turn.get("alarmed", False) or turn.get("missed", False))
    ]
    assert wrong == []


def test_a_mark_stands_only_where_too_much_or_too_little_was_seen():
    turns = [turn for talk in TALKS for turn in talk["turns"]]
    assert all(turn["level"] in ("none", "at most concern") for turn in turns if turn.get("alarmed"))
    assert all(turn["level"] == "at least concern" for turn in turns if turn.get("missed"))
    assert sum("missed" in turn for turn in turns) <= 1


def test_a_crisis_meets_the_protocol_a_concern_a_question_and_nobody_is_sent_away(replayed):
    for rows in replayed.values():
        for turn, _, reply in rows:
            assert reply.text.strip(), turn
            assert (reply.route == "crisis") == (reply.risk.level == "crisis"), turn
            if reply.risk.level == "crisis":
                assert reply.model == WRITTEN and not reply.candidates, turn
            if reply.risk.level != "none":
                assert "?" in reply.text, (turn, reply.text)


def test_no_sentence_of_the_protocol_is_said_twice_in_a_talk(replayed):
    again = []
    for name, rows in replayed.items():
        said = set()
        for _, country, reply in rows:
            if reply.risk.level == "none":
                continue
            written = reply.text if reply.model == WRITTEN else reply.text.partition("\n\n")[2]
            blocks = {s for s in sentences(without_lines(written, country)) if s.count(" ") >= 3}
            again += [(name, s) for s in blocks & said]
            said |= blocks
    assert again == []


def test_every_number_that_is_named_is_one_of_the_persons_country(replayed):
    for name, rows in replayed.items():
        for _, country, reply in rows:
            if reply.risk.level != "none":
                assert not re.search(r"\d{3}", without_lines(reply.text, country)), (name, reply.text)


def test_a_crisis_names_the_line_or_heeds_who_wants_none(replayed):
    for name, rows in replayed.items():
        for turn, country, reply in rows:
            if reply.risk.level == "crisis":
                line = any(
                    protocol.line(protocol._words("en"), helplines(country, kind)) in reply.text for kind in KINDS
                )
                assert line != protocol._special("no-hotline", protocol._words("en"), turn["says"]), (name, turn)
                assert emergency_number(country) in reply.text
