"""What a message asks of the program itself gets a written answer; what tells something is left to be heard."""

import json

import pytest
from conftest import ROOT
from safetensors.numpy import load_file, save_file

from therapist import exercises, page
from therapist.errors import ArtefactError
from therapist.intents import FILE, NONE, Intents, answers
from therapist.vetting import vet
from train import corpus, intents

ASKED = {
    "What does a therapist cost? I have eggs money.": "cost",
    "How do I tie a tie": "task",
    "Good evening. I hope I am not disturbing you at this hour.": "greeting",
}
"Statements of the dev split that drafts had answered with their own words and a stock sentence."
OF_THE_PROGRAM = {"claims-human", "role-flip", "minimising", "hopelessness", "stigma"}
"What the gate, made for drafts on a person's matter, hears in sentences that say what a program is not."


@pytest.mark.parametrize(("statement", "intent"), ASKED.items())
def test_who_asks_something_of_the_program_gets_a_written_answer(therapist, statement, intent):
    first = therapist.respond(statement)
    assert (first.route, first.text in answers()[intent], first.candidates) == ("reply", True, ())
    told = [{"role": "user", "content": statement}, {"role": "assistant", "content": first.text}]
    again = therapist.respond(statement, told)
    assert again.text in answers()[intent] and again.text != first.text


def test_who_asks_for_something_to_do_gets_an_exercise_that_the_page_opens(therapist):
    reply = therapist.respond("can we just do the breathing bit")
    assert exercises.told(reply.text).kind == "breathing"
    assert page.evidence(reply)["exercise"] == exercises.told(reply.text).id


def test_the_test_split_is_told_as_well_as_it_was(therapist):
    found = intents.measured(therapist._intents, intents.rows("test"))

    def part(name: str) -> float:
        return float(found[name].split()[0])

    assert part("all") >= 0.48 and part("told as another") <= 0.03
    assert part("look-alikes taken for one") <= 0.03 and part("ordinary statements taken for one") <= 0.01


def test_a_trouble_is_no_request_whatever_number_stands_in_it(therapist):
    troubles = [f"I failed exam {i} and I am ashamed." for i in range(64)]
    assert {therapist._intents.of(trouble) for trouble in troubles} == {NONE}


def test_every_answer_passes_the_gate_that_drafts_must_pass():
    refused = {text: {*vet(text, "", [])} - OF_THE_PROGRAM for texts in answers().values() for text in texts}
    assert not {text: reasons for text, reasons in refused.items() if reasons}
    assert all(len(texts) == len(set(texts)) >= 4 for texts in answers().values())


def test_labels_are_intents_that_have_answers():
    known = {NONE, "exercise", *answers()}
    rows = corpus.lines(corpus.FOLDER / "intents.jsonl")
    assert {row["intent"] for row in rows} == known
    assert len({row["id"] for row in rows}) == len(rows)


def test_a_head_for_another_encoder_is_refused(therapist, tmp_path):
    about = {"encoder": "0" * 64, "names": ["a", "b", "c"], "threshold": 0.5}
    save_file(load_file(FILE), tmp_path / "intents.safetensors", {"about": json.dumps(about)})
    with pytest.raises(ArtefactError, match="python -m train intents"):
        Intents.load(therapist._reranker.encoder, tmp_path / "intents.safetensors")


def test_where_telling_breaks_the_person_is_heard_as_ever(therapist, monkeypatch):
    monkeypatch.setattr(therapist, "_intents", object())
    assert therapist.respond("I lost my job on Friday and I have not told my wife.").text


def test_other_languages_and_stories_are_left_alone(therapist):
    gaming = [json.loads(line) for line in (ROOT / "tests/gaming.jsonl").read_text("utf-8").splitlines()]
    stories = {row["statement"] for row in gaming if row["kind"] == "good"}
    assert sum(therapist._intents.of(statement) != NONE for statement in stories) <= 1
