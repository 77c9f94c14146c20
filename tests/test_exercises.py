"""Exercises: data that can be walked, asked for in a person's words, declined, and answered; danger goes first."""

import json
import re
from pathlib import Path

import pytest

from therapist import Settings, Therapist, page
from therapist.api import Api
from therapist.errors import InputError
from therapist.exercises import SAID, asked_for, closing, exercises, find, fitting, script, spoken, walk
from therapist.risk import assess

PATTERNS = {"longer-out": [4, 6], "even": [5, 5], "box": [4, 4, 4, 4], "4-7-8": [4, 7, 8]}
CATALOGUE = {
    *PATTERNS, "grounding", "panic", "muscles-short", "muscles-long", "calming-place", "body-scan", "gratitude",
    "free-journal", "guided-journal", "thought-record", "worry-time", "values", "sleep",
}  # fmt: skip
LANGUAGES = tuple(code for code in page.languages() if code != "en")
REQUESTS = json.loads((Path(__file__).parent / "requests.json").read_text(encoding="utf-8"))
"By language, three ways to ask for each exercise, and messages that ask for none."


@pytest.fixture
def asleep() -> Api:
    """The functions of a program whose models are not loaded, and are not going to be."""
    return Api(Therapist(Settings()))


@pytest.fixture(scope="module")
def awake(therapist) -> Api:
    return Api(therapist)


def said(exercise) -> str:
    steps = [s.say for s in exercise.steps] + [c for s in exercise.steps for c in s.choices]
    return "\n".join([exercise.name, exercise.about, exercise.note, *steps])


def test_the_catalogue_holds_what_was_promised():
    assert {e.id for e in exercises()} == CATALOGUE


@pytest.mark.parametrize(("name", "seconds"), PATTERNS.items())
def test_each_breathing_pattern_has_its_seconds(name, seconds):
    exercise = find(name)
    assert [s.seconds for s in exercise.steps] == seconds
    assert exercise.steps[0].move == "in" and "out" in {s.move for s in exercise.steps}


def test_an_exercise_is_walked_step_by_step_without_a_gap():
    for exercise in exercises():
        second = 0
        for start, step in walk(exercise):
            assert start == second
            second += step.seconds
        assert second == exercise.seconds


def test_every_step_either_takes_its_time_or_waits_for_the_person():
    for exercise in exercises():
        for step in exercise.steps:
            assert step.say and 0 <= step.seconds <= 60, exercise.id
            assert not (step.label and step.seconds), f"{exercise.id}: writing has no clock"
            assert not step.choices or step.label, f"{exercise.id}: a choice is an answer and needs a label"


def test_what_made_it_worse_is_followed_by_something_else_that_exists():
    for exercise in exercises():
        assert find(exercise.instead).id != exercise.id


def test_the_talk_down_goes_from_soothing_over_reason_and_here_and_now_to_rest_in_few_words():
    steps = [s.say for s in find("panic").steps]
    order = [
        next(i for i, s in enumerate(steps) if re.search(words, s))
        for words in ("it passes", "alarm", "three things", "air out", "shoulders")
    ]
    assert order == sorted(order)
    assert max(len(s.split()) for s in steps) <= 20
    assert find("panic").note.count("emergency number") == 1


def test_sentences_are_short_enough_to_be_followed_in_a_bad_moment():
    for exercise in exercises():
        for sentence in re.split(r"(?<=[.!?:]) |\n", said(exercise)):
            assert len(sentence.split()) <= 20, sentence


def test_a_child_of_eleven_can_read_every_exercise():
    for exercise in exercises():
        text = said(exercise)
        words = re.findall(r"[a-z']+", text.lower())
        sentences = len(re.findall(r"[.!?:\n]+", text)) + 1
        syllables = sum(max(1, len(re.findall(r"[aeiouy]+", re.sub(r"(?<!l)e$|es$|ed$", "", w)))) for w in words)
        grade = 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59
        assert grade <= 5, f"{exercise.id}: Flesch-Kincaid grade {grade:.1f}, where 5 or 6 is read at eleven"


def test_no_exercise_claims_to_heal():
    for exercise in exercises():
        assert not re.search(
            r"\b(?:therap|treat|cure|heal(?:s|ing by)|diagnos|proven|guarantee)", said(exercise).lower()
        )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("4-7-8", "dizzy, stop"), ("4-7-8", "pregnant"), ("longer-out", "dizzy, stop"), ("box", "dizzy"),
        ("body-scan", "eyes open"), ("body-scan", "skip it"), ("calming-place", "eyes can stay open"),
        ("muscles-long", "must not hurt"), ("muscles-short", "injured"), ("thought-record", "hurting you"),
    ],
)  # fmt: skip
def test_an_exercise_says_for_whom_it_does_not_fit(name, words):
    assert words in find(name).note


def test_the_thought_record_offers_the_known_distortions():
    choices = next(s.choices for s in find("thought-record").steps if s.choices)
    assert len(choices) >= 12 and choices[-1] == "None of these"


@pytest.mark.parametrize(
    ("words", "exercise"),
    [
        ("No, show me a breathing exercise.", "longer-out"),
        ("no show me a breathing exercise", "longer-out"),
        ("can we do the muscle thing", "muscles-short"),
        ("give me the long muscle relaxation", "muscles-long"),
        ("i want to journal", "free-journal"),
        ("guided journaling please", "guided-journal"),
        ("help me sleep", "sleep"),
        ("Can\u2019t sleep. Got anything?", "sleep"),
        ("I'd like a breathing exercise for sleep", "4-7-8"),
        ("box breathing please", "box"),
        ("Nightmare. Grounding please.", "grounding"),
        ("let's do a thought record", "thought-record"),
        ("let's do worry time", "worry-time"),
        ("can you put on the body scan one", "body-scan"),
        ("can we do three good things", "gratitude"),
        ("take me to a calming place", "calming-place"),
        ("can we do a values exercise", "values"),
        ("I think I'm having a panic attack, please help me", "panic"),
        ("talk me down please", "panic"),
        ("what exercises u got", "longer-out"),
    ],
)
def test_an_exercise_is_found_by_the_words_that_people_use(words, exercise):
    found = asked_for(words)
    assert found and found.id == exercise


@pytest.mark.parametrize(
    "words",
    [
        "Please no more breathing exercises",
        "Breathing exercises don\u2019t help me",
        "i don't want to journal",
        "I tried the five senses thing at my desk and it did nothing.",
        "I had a panic attack last week and felt stupid",
        "What if I'm even doing breathing wrong?",
        "I'm too tired for journaling. I'm too tired to hold a pen.",
        "My psychologist gives me paper for homework, I must write my thoughts.",
        "I want to talk about why I stopped journaling",
        "i want to sleep with him",
        "I can't sleep since the funeral.",
    ],
)
def test_who_declines_or_tells_of_one_gets_no_exercise(words):
    assert asked_for(words) is None


def test_hardly_anybody_who_talks_of_something_else_is_given_an_exercise(root):
    rows = [
        json.loads(line)
        for path in sorted((root / "train/corpus").glob("*.jsonl"))
        if path.stem not in ("exercises", "intents", "judged", "feedback", "risk")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    statements = [row["statement"] for row in rows if "statement" in row][::5]
    assert len(statements) > 500
    assert sum(asked_for(s) is not None for s in statements) <= 1


@pytest.mark.parametrize(
    ("concern", "words", "exercise"),
    [
        ("panic", "My chest goes tight in the supermarket.", "panic"),
        ("sleep", "I lie awake until four.", "sleep"),
        ("anxiety", "I keep thinking what if the car breaks down.", "worry-time"),
        ("anxiety", "My stomach is in knots.", "longer-out"),
        ("grief", "I lie awake and think of him.", None),
        ("loneliness", "Nobody called.", None),
        (None, "I worry a lot.", None),
    ],
)
def test_what_is_offered_fits_the_concern_and_grief_is_only_listened_to(concern, words, exercise):
    found = fitting(concern, words)
    assert (found and found.id) == exercise


def test_who_declined_exercises_once_is_offered_none():
    assert fitting("sleep", "I lie awake.", ["please stop with the breathing exercises"]) is None
    assert fitting("sleep", "I lie awake, and no more exercises please.") is None


def test_an_exercise_is_offered_beside_a_reply_and_never_in_danger(awake):
    reply = awake.reply("My thoughts keep me awake every night until four.", seed=1)
    if reply.route == "reply":
        assert awake.offer(reply, "My thoughts keep me awake every night until four.") in ("sleep", "worry-time", "")
    for statement in (
        "I want to kill myself, I cannot sleep.",
        "Everyone would be better off without me. I can't sleep.",
    ):
        reply = awake.reply(statement, seed=1)
        assert reply.risk.level != "none" and awake.offer(reply, statement) == ""


def test_a_request_is_answered_with_the_exact_steps_and_when_to_stop(asleep):
    reply = asleep.chat("No, show me a breathing exercise.")
    assert reply["route"] == "reply"
    assert "Breathe in: 4 seconds.\nBreathe out: 6 seconds." in reply["text"]
    assert "dizzy" in reply["text"]


def test_the_catalogue_is_listed_with_time_and_number_of_steps(asleep):
    listed = asleep.exercises()
    assert listed["language"] == "en" and {e["id"] for e in listed["exercises"]} == CATALOGUE
    box = next(e for e in listed["exercises"] if e["id"] == "box")
    assert (box["seconds"], box["steps"], box["kind"]) == (64, 16, "breathing")


def test_an_exercise_can_be_walked_by_calls_that_remember_nothing(asleep):
    step, heard = 0, []
    while (answer := asleep.exercise_step("box", step))["route"] == "step":
        heard.append((answer["say"], answer["seconds"]))
        step = answer["step"]
    assert len(heard) == answer["steps"] == 16 and heard[1] == ("Hold", 4)
    assert answer["route"] == "end" and answer["say"] == closing()


@pytest.mark.parametrize(("before", "after", "words"), [(8, 5, "easier"), (5, 5, "nothing wrong"), (4, 7, "a person")])
def test_the_difference_gets_a_kind_word(asleep, before, after, words):
    said_last = asleep.exercise_step("grounding", 5, before=before, after=after)["say"]
    assert words in said_last and str(before) in said_last and str(after) in said_last


def test_without_both_ratings_nothing_is_compared():
    assert closing(7, None) == closing(None, 3) == closing()


@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_crisis_sentence_in_a_journal_meets_the_protocol_at_every_step(asleep, step):
    answer = asleep.exercise_step("free-journal", step, answer="Long day. I want to kill myself.", country="GB")
    assert answer["route"] == "crisis" and answer["risk"]["level"] == "crisis"
    assert "116 123" in answer["word"] and not answer["say"]


def test_a_crisis_deep_in_a_very_long_journal_is_found(asleep):
    text = "It rained again and I fed the cat. " * 400 + "I want to kill myself. " + "It rained again. " * 400
    assert asleep.exercise_step("free-journal", 2, answer=text)["route"] == "crisis"


def test_danger_goes_before_a_mistake_in_the_call(asleep):
    assert asleep.exercise_step("no-such", 99, answer="I want to kill myself")["route"] == "crisis"


def test_a_worrying_sentence_is_asked_about_and_the_exercise_goes_on(asleep):
    statement = "Everyone would be better off without me."
    assert assess(statement).level == "concern"
    answer = asleep.exercise_step("guided-journal", 1, answer=statement)
    assert answer["route"] == "step" and answer["say"] and "?" in answer["word"]


def test_what_was_written_gets_a_reflection_or_thanks_and_no_referral(awake):
    answer = awake.exercise_step("gratitude", 4, answer="One good thing: my sister called. Why: she thinks of me.")
    assert answer["route"] == "reply" and answer["say"] == closing()
    assert answer["word"] and "counsellor" not in answer["word"]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ({"exercise": "yoga"}, "There is no exercise 'yoga'. Choose one of: longer-out, even"),
        ({"exercise": 7}, "exercise must be text, got a int"),
        ({"exercise": "box", "step": 17}, "step must be a whole number from 0 to 16, got 17"),
        ({"exercise": "box", "step": -1}, "from 0 to 16"),
        ({"exercise": "box", "before": 11}, "before must be a whole number from 0 to 10, got 11"),
        ({"exercise": "box", "after": "5"}, "after must be a whole number"),
        ({"exercise": "box", "answer": ["x"]}, "answer must be text, got a list"),
        ({"exercise": "box", "country": "GBR"}, "ISO 3166"),
    ],
)
def test_a_call_that_cannot_be_answered_says_what_is_wrong_and_what_exists(asleep, call, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        asleep.exercise_step(**call)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_keeps_every_step_and_leaves_no_english(language):
    assert spoken(language)
    given = page.given(language, "exercises")["exercises"]
    for own in exercises(language):
        english = find(own.id)
        assert [s.seconds for s in own.steps] == [s.seconds for s in english.steps]
        assert {key: len(given[own.id][key]) for key in SAID if key in given[own.id]} == steps_with_words(english)
        assert own.language == language and own.instead
        for mine, theirs in zip(own.steps, english.steps, strict=True):
            assert mine.say != theirs.say, own.id
            assert bool(mine.label) == bool(theirs.label) and len(mine.choices) == len(theirs.choices)
            assert [c.count(":") for c in mine.choices] == [c.count(":") for c in theirs.choices], own.id
            assert not set(mine.choices) & {c for c in theirs.choices if ":" in c}
        assert own.note != english.note and own.about != english.about
    assert closing(8, 4, language) != closing(8, 4) and closing(language=language) != closing()


def steps_with_words(exercise) -> dict[str, int]:
    """How many steps have each kind of words, of those that any step has."""
    counted = {key: sum(bool(getattr(step, key)) for step in exercise.steps) for key in SAID}
    return {key: number for key, number in counted.items() if number}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_exercise_is_walked_and_answered_in_the_language_of_the_call(asleep, language):
    known = {e.id: e for e in exercises(language)}
    for name, own in known.items():
        first = asleep.exercise_step(name, 0, language=language)
        assert (first["say"], first["label"]) == (own.steps[0].say, own.steps[0].label)
        last = asleep.exercise_step(name, first["steps"], before=3, after=7, language=language)
        assert last["say"] == closing(3, 7, language) != closing(3, 7)


@pytest.mark.parametrize("language", REQUESTS)
def test_every_exercise_is_asked_for_in_every_language_and_trouble_asks_for_none(language):
    wishes = [(text, name) for name, texts in REQUESTS[language]["asks"].items() for text in texts]
    assert {name for _, name in wishes} == CATALOGUE
    missed = [
        (text, name, found and found.id)
        for text, name in wishes
        if (found := asked_for(text)) is None or found.id != name
    ]
    begun = [(text, found.id) for text in REQUESTS[language]["not"] if (found := asked_for(text))]
    assert (missed, begun) == ([], [])


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("Muéstrame un ejercicio de respiración, por favor.", "es"),
        ("Montre-moi un exercice de respiration, s'il te plaît.", "fr"),
        ("Zeig mir bitte eine Atemübung.", "de"),
        ("Mostra-me um exercício de respiração, por favor.", "pt"),
        ("Mostrami un esercizio di respirazione, per favore.", "it"),
        ("أرني تمرين تنفس من فضلك", "ar"),
    ],
)
def test_an_exercise_is_asked_for_and_given_in_the_persons_language(words, language):
    found = asked_for(words)
    assert found and (found.id, found.language) == ("longer-out", language)
    assert found.steps[0].say in script(found)
    assert "Breathe in" not in script(found) and "4 seconds" not in script(found)


def test_a_language_without_exercises_gets_the_english_ones(asleep):
    assert asleep.exercises("sw")["language"] == "en"
    assert asleep.exercises("de-AT")["language"] == "de"


def test_every_word_that_the_script_asks_for_exists(root):
    table = json.loads((root / "therapist/data/en/exercises.json").read_text(encoding="utf-8"))
    known = {*table["words"], "outcome", "done"}
    script_text = (root / "therapist/data/exercises.js").read_text(encoding="utf-8")
    asked = set(re.findall(r"(?<![.\w])words\.(\w+)", script_text)) | {"before", "after"}
    assert asked == known
