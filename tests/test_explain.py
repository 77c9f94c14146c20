"""Which words shaped a reply."""

STATEMENT = "I feel lonely since my friends moved away, and my boss shouted at me."


def shaped(therapist, reply: str) -> dict[str, float]:
    found = therapist.explain(STATEMENT, reply)
    assert "".join(word for word, _ in found) == STATEMENT
    return {word.strip(" ,."): change for word, change in found}


def test_a_reply_hangs_on_the_words_that_it_takes_up(therapist):
    friends = shaped(therapist, "Your friends moved away, and you feel lonely.")
    assert max(friends, key=lambda w: friends[w]) in ("friends", "lonely", "moved")
    boss = shaped(therapist, "Your boss shouted at you, and that hurt.")
    assert max(boss, key=lambda w: boss[w]) in ("boss", "shouted")


def test_a_stop_word_is_not_tried_and_a_single_word_can_be(therapist):
    assert shaped(therapist, "You feel lonely.")["since"] == 0
    assert len(therapist.explain("lonely", "You feel lonely.")) == 1
