"""The hand-off card: nothing in it that the person did not write."""

from therapist.handoff import ABOUT, hand_off

TOLD = [
    "hey",
    "My dad died in May and since then I can't sleep. I lie awake until four most nights.",
    "Can you help me?",
    "Talking to my sister helps a bit.",
    "At work I make mistakes, and my boss is angry with me. I am afraid that I will lose my job.",
    "Thanks",
    "I’ve cried every day for three weeks. I don't feel like eating. The bus was late. I miss his jokes at dinner.",
]


def test_every_sentence_of_the_card_was_written_by_the_person(therapist):
    card = therapist.hand_off(TOLD)
    told = " ".join(TOLD)
    for sentence in (*card.about, *card.since, *card.helped):
        assert sentence in told
    assert 3 <= len(card.about) <= ABOUT
    assert card.specialist and card.find and card.afford


def test_since_when_and_what_helped_are_read_from_the_persons_words(therapist):
    card = therapist.hand_off(TOLD)
    assert card.since == (
        "My dad died in May and since then I can't sleep.",
        "I’ve cried every day for three weeks.",
    )
    assert card.helped == ("Talking to my sister helps a bit.",)


def test_what_was_said_to_the_program_and_what_leads_away_is_left_out(therapist):
    about = " ".join(therapist.hand_off(TOLD).about)
    assert "Can you help" not in about and "Thanks" not in about
    assert "bus was late" not in about


def test_a_card_can_be_made_of_nothing_and_without_a_model():
    empty = hand_off([], None)
    assert (empty.about, empty.since, empty.helped) == ((), (), ())
    assert empty.specialist
    assert hand_off(TOLD, None, "xx").about[0].startswith("My dad died")
