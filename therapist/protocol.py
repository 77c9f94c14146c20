"""What is said in a crisis, on a concern, and to questions that no model may answer: written, never generated.

A crisis answer is composed of blocks, one row for each time that it is needed, so that nobody meets the same words
twice: opening, direct question, what to do now (or a small plan), the country's line, people, whether it can be used,
and that the talk goes on. The words live in `data/<language>/protocol.json`, frozen by a hash in the tests.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from therapist.conversation import Message
from therapist.language import only_english
from therapist.referral import Helpline, emergency_number, helplines
from therapist.risk import Risk, plain
from therapist.text import clean

DATA = Path(__file__).parent / "data"
QUESTION_WORDS = 30
"Words up to which a statement is taken for a question to the program."
ASKING_WORDS = 12
"Words up to which a statement may be nothing but a question."


def crisis_text(
    risk: Risk, *, country: str | None, language: str, history: Sequence[Message], statement: str = ""
) -> str:
    """The protocol's answer; each time it stands in the history already, the next, shorter row is said.

    Args:
        statement: what the person just said, so that "no hotline please" and its like get an answer of their own.
    """
    words, kind = _words(language), _kind(risk, _words(language)["crisis"])
    step = _step(words, _later(language), history)
    facts = _facts(words, country, "minor" if _special("young", words, statement) else kind)
    special = _special_answer(words, statement, history, leave_out=("denial",))
    # Who asks for no number gets none pushed again: the emergency advice and the page's button remain.
    quiet, later = _special("no-hotline", words, statement), _later(language)
    if later and step >= len(words["program"]):
        paragraphs = [special, _fresh(later, history), "" if quiet else "{line}"]
        return "\n\n".join(p.format(**facts) for p in paragraphs if p)

    def row(blocks: Sequence[str]) -> str:
        return blocks[step % len(blocks)]

    first = [special or row(words["crisis"][kind]["open"]), row(words["crisis"][kind]["ask"])]
    acts = row(_urgent(words, kind) if _imminent(words, kind, risk, statement) else words["calm"])
    numbers = "" if quiet else row(words["help"][words["groups"]["help"].get(kind, "suicide")])
    use = row(words["use"]) if step < 2 and not quiet else ""
    last = [row(words["program"]), row(words["people"]), use, row(words["on"])]
    paragraphs = [" ".join(first), acts, numbers, " ".join(b for b in last if b)]
    return "\n\n".join(p.format(**facts) for p in paragraphs if p)


def checkin_text(
    risk: Risk, *, country: str | None, language: str, history: Sequence[Message], statement: str = ""
) -> str:
    """For a concern: acknowledgement, one direct question, one line that says where help is."""
    words = _words(language)
    data = words["checkin"]
    kind = _kind(risk, data["open"])
    facts = _facts(words, country, "minor" if _special("young", words, statement) else kind)
    human = _what_this_is(plain(statement), language)
    special = _fresh(human[1]["answers"], history) if human else _special_answer(words, statement, history)
    quiet = _special("no-hotline", words, statement)
    used_up = any(all(_was_said(text, history) for text in texts) for texts in (data["ask"][kind], data["help"]))
    if "later" in data and used_up:
        blocks = [special or "", _fresh(data["later"], history), "" if quiet else "{line}"]
        return " ".join(block.format(**facts) for block in blocks if block)
    opening = special or _fresh(data["open"][kind], history)
    blocks = [opening, _fresh(data["ask"][kind], history)]
    if "{line}" not in opening and not quiet:
        doctor = data["kinds"].get(kind, "")
        blocks.append(_fresh(data["help"], history) + (doctor if not _was_said(doctor, history) else ""))
    return " ".join(block.format(**facts) for block in blocks)


def written_answer(
    statement: str, history: Sequence[Message], language: str = "en", country: str | None = None
) -> str | None:
    """The answer to a question that a model must not answer, or None when it is none of those.

    Short questions hardly show their language, so all languages are matched, and the one that asks is answered.
    """
    asked = plain(statement)
    # In a long story such words are part of the story; only medicine is worth a false alarm there.
    long = asked.count(" ") > QUESTION_WORDS
    for words, question in _questions(language):
        if long and question["name"] != "medicine":
            continue
        if _matches(tuple(question["patterns"]), asked):
            said = [
                _fresh(question["answers"], history),
                *([_fresh(question["then"], history)] if "then" in question else []),
            ]
            return " ".join(said).format(**_facts(words, country, None))
    return None


def _questions(language: str) -> Iterator[tuple[dict, dict]]:
    """Every question that has a written answer, behind the words of its language: the person's own language first."""
    first = language.split("-")[0]
    for tongue in sorted(languages(), key=lambda code: (code != first, code != "en", code)):
        words = _words(tongue)
        yield from ((words, question) for question in words["questions"])


def asks_what_this_is(statement: str) -> bool:
    """Whether a message is nothing but the question whether a person or a program is here, in any language."""
    asked = plain(statement).removesuffix(" .")
    return asked.count(" ") <= ASKING_WORDS and " . " not in asked and _what_this_is(asked, "en") is not None


def _what_this_is(asked: str, language: str) -> tuple[dict, dict] | None:
    """The words and the question of the language in which a plain text asks whether a person is here."""
    human = (found for found in _questions(language) if found[1]["name"] == "human")
    return next((found for found in human if _matches(tuple(found[1]["patterns"]), asked)), None)


def only_english_text(language: str, history: Sequence[Message], country: str | None = None) -> str:
    """For somebody who writes a language that the model cannot: what it can do, and where a person is."""
    return _fresh(only_english(language), history).format(**_facts(_words(language), country, None))


def disclosure(language: str = "en") -> str:
    """What must be said before the first message: a computer program, not a person and not a therapist."""
    return _words(language)["disclosure"]


def _kind(risk: Risk, known: Mapping[str, object]) -> str:
    return risk.kind if risk.kind and risk.kind in known else "suicide"


def _later(language: str) -> list[str]:
    """Short crisis answers for when every row was said, in the languages that have them; the others begin again."""
    return _own(language.split("-")[0]).get("later", [])


def _step(words: dict, later: Sequence[str], history: Sequence[Message]) -> int:
    """How many crisis answers stand in the history already, told by their direct questions."""
    asks = [ask for blocks in words["crisis"].values() for ask in blocks["ask"]]
    said = [m["content"] for m in history if m["role"] == "assistant"]
    programs = words["program"]
    return sum(
        (any(a in text for a in asks) and any(p in text for p in programs)) or any(_stands_in(p, text) for p in later)
        for text in said
    )


def _urgent(words: dict, kind: str) -> list[str]:
    group = words["groups"]["now"].get(kind, kind)
    return words["now"].get(group, words["now"]["suicide"])


def _imminent(words: dict, kind: str, risk: Risk, statement: str) -> bool:
    return kind in words["always_now"] or _matches(
        tuple(words["imminent"]), " . ".join([*risk.evidence, plain(statement)])
    )


def _special(name: str, words: dict, statement: str) -> bool:
    found = next((s for s in words["specials"] if s["name"] == name), None)
    return bool(found and statement and _matches(tuple(found["patterns"]), plain(statement)))


def _special_answer(
    words: dict, statement: str, history: Sequence[Message], leave_out: Sequence[str] = ()
) -> str | None:
    for special in words["specials"]:
        if special["name"] not in leave_out and _special(special["name"], words, statement):
            return _fresh(special["answers"], history)
    return None


def _fresh(variants: Sequence[str], history: Sequence[Message]) -> str:
    """The first variant that was not said yet, else the one said longest ago."""
    said = [m["content"] for m in history if m["role"] == "assistant"]
    last = {v: max((i for i, text in enumerate(said) if _stands_in(v, text)), default=-1) for v in variants}
    return min(variants, key=lambda v: last[v])


def _was_said(variant: str, history: Sequence[Message]) -> bool:
    return any(_stands_in(variant, m["content"]) for m in history if m["role"] == "assistant")


def _stands_in(variant: str, text: str) -> bool:
    """Whether a variant was said, whatever numbers were filled in; what came back lost its bidirectional marks."""
    text = clean(text)
    return all(part.strip() in text for part in re.split(r"\{\w+\}", clean(variant)))


def _facts(words: dict, country: str | None, kind: str | None) -> dict[str, str]:
    return {"line": line(words, helplines(country, kind)), "emergency": emergency_number(country)}


def line(words: dict, known: Sequence[Helpline]) -> str:
    """One sentence that says where a person can be reached, by voice and by text where the country has both."""
    forms = words["line"]
    lines = [h for h in known if h.category != "directory"]
    voice = next((h for h in lines if h.phone), None)
    text = voice if voice and voice.text else next((h for h in lines if h.text), None)
    directory = forms["directory"].format(chat=known[-1].url)
    if not voice:
        return (forms["text"].format(name=text.name, text=text.text) + forms["end"] + " " if text else "") + directory
    said = forms["phone"].format(name=voice.name, phone=voice.phone)
    said += forms["and_text"].format(text=_lower(voice.text)) if voice.text else ""
    said += (forms["open"].format(hours=voice.hours) if voice.hours else "") + forms["end"]
    if text and text is not voice:
        said += forms["more"].format(name=text.name, text=_lower(text.text or ""))
    # A line that fewer sources agree on stands only beside the directory.
    return f"{said} {directory}" if voice.confidence != "high" else said


def _lower(text: str) -> str:
    """ "Text HOME to 741741" inside a sentence."""
    return text[:1].lower() + text[1:] if text.startswith("Text ") else text


@cache
def _expression(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(patterns) + r")(?!\w)")


def _matches(patterns: tuple[str, ...], text: str) -> bool:
    return bool(_expression(patterns).search(text))


@cache
def languages() -> tuple[str, ...]:
    """The languages that the written answers are in."""
    return tuple(sorted(path.parent.name for path in DATA.glob("*/protocol.json")))


@cache
def _words(language: str) -> dict:
    """A language's texts over the English ones: what is not translated is said in English."""
    return {**_own("en"), **_own(language.split("-")[0])}


@cache
def _own(language: str) -> dict:
    """A language's own texts; none for a language that has no file."""
    path = DATA / language / "protocol.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
