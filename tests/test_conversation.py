"""Truncation at whole turns, and the one renderer."""

import jinja2

from therapist.conversation import CHAT_TEMPLATE, assistant, fit, user, with_card


def rendered(messages, **options) -> str:
    source = CHAT_TEMPLATE.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    return jinja2.Template(source).render(messages=messages, add_generation_prompt=False, **options)


def by_words(messages) -> int:
    return sum(len(m["content"].split()) for m in messages)


TALK = [
    user("My name is Tobi and I sleep badly."),
    assistant("What keeps you awake, Tobi?"),
    user("The rent. It went up again."),
    assistant("The rent again."),
    user("And now the boiler is broken as well."),
]


def test_the_newest_message_is_kept_when_the_oldest_must_go():
    kept = fit(TALK, 12, by_words)
    assert kept[-1] == TALK[-1]
    assert len(kept) < len(TALK)


def test_no_message_is_cut_in_the_middle():
    for budget in range(1, 40):
        assert all(m in TALK for m in fit(TALK, budget, by_words))


def test_what_remains_begins_with_the_person():
    for budget in range(1, 40):
        assert fit(TALK, budget, by_words)[0]["role"] == "user"


def test_a_conversation_within_the_budget_stays_whole():
    assert fit(TALK, 1000, by_words) == TALK


def test_a_single_turn_over_the_budget_is_left_as_it_is():
    assert fit([user("word " * 50)], 5, by_words) == [user("word " * 50)]


def test_every_turn_is_closed_so_that_a_model_learns_to_stop():
    assert rendered(TALK).count("<|end|>") == len(TALK)


def test_the_renderer_marks_who_speaks():
    assert rendered([user("I feel lonely"), assistant("You feel alone.")]) == (
        "<|user|>I feel lonely<|end|><|assistant|>You feel alone.<|end|>"
    )


def test_an_instruction_is_left_out_as_these_weights_never_met_one():
    assert rendered([{"role": "system", "content": "Listen."}, user("hi")]) == rendered([user("hi")])


def test_the_template_that_ships_is_the_one_that_trained():
    from therapist.generators import EMBEDDED_FOLDER

    assert (EMBEDDED_FOLDER / "chat_template.jinja").read_text(encoding="utf-8") == CHAT_TEMPLATE


def test_what_is_to_be_remembered_is_said_first_and_read_for_danger_like_anything_else():
    from therapist import Settings, Therapist
    from therapist.api import Api

    api = Api(Therapist(Settings()))
    assert api.reply("hey", card=("My name is Sam.", "I will keep that in mind.")).risk.level == "none"
    assert api.reply("hey", card=("I want to kill myself.", "I will keep that in mind.")).risk.level == "concern"
    assert api.reply("hey", card=(["no text"], "")).route == "clarify"
    turns = with_card("My name is Sam.", "I will keep that in mind.", [user("hey")])
    assert [m["content"] for m in turns] == ["My name is Sam.", "I will keep that in mind.", "hey"]
