"""What a drafted reply must not say, as reason codes: the gate between the generator and the person.

Each code has a plain sentence in `data/<language>/reasons.json`, and the page shows it. The patterns are data in
`data/en/vetting.json`, in the notation of `therapist.risk`. The gate is strict: another candidate costs little, and a
reply that claims a life, names an illness or a pill costs a person's trust.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from therapist.conversation import Message
from therapist.language import written_in
from therapist.risk import compile_patterns
from therapist.text import clean, normalise, words

DATA = Path(__file__).parent / "data"
SAME = 0.88
"Likeness of characters from which an earlier reply counts as said again."
ECHO = 0.6
"Share of the statement's words, in order, from which a reply only copies."
PARROT = 0.75
"Share of such words in the reply from which it adds nothing: a question or a feeling makes it a reflection."
ECHO_WORDS = 6
"Statements shorter than this cannot be reflected without their words."
GREETING = 0.8
"Share of small-talk words from which a reply that opens with a greeting is nothing but one."
HARM = ("unsafe", "method", "dose")
"What may not stand between quotation marks either: a quotation says of whom the words are, and harms all the same."
_FIRST_PERSON = re.compile(r"\b(?:i|im|ive|id|my|mine|myself|me|we|weve|our|us)\b")
_QUOTED = re.compile(r"\"[^\"]{0,200}\"|(?<!\w)'[^'\n]{2,80}'(?!\w)")
_MARKUP = re.compile(r"<[/!?a-zA-Z]|\]\(|```|\*\*|<\||\|>|&#?\w+;|^#+ |\\[nt]|^[-*] |javascript:", re.MULTILINE)
_DISGUISED = re.compile(
    r"[A-Za-z][\u0370-\u052f]|[\u0370-\u052f][A-Za-z]|(?<!\w)\w(?: +\w(?!\w)){3,}|[A-Za-z]\d[A-Za-z]|[\w+/=]{32,}"
)
"A word of two scripts, letters with gaps between, digits for letters, or one word longer than any: what hides others."
_FOREIGN = re.compile(r"[\u0250-\u1dff\u2c00-\ud7ff\uf900-\ufeff]")
_LETTER = re.compile(r"[^\W\d_]")
_ENDED = re.compile(r"[.!?\u2026][\"'\u201d\u2019)]*\s*(?:[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]\s*)*$")
_REPEATED = re.compile(r"\b(\w+)(?: \1){3,}\b|\b(\w+ \w+(?: \w+){1,6}) (?:\. )?\2\b")
"One word four times, or three words and more twice running: what small models do when they are stuck."


@dataclass(frozen=True)
class _Code:
    name: str
    pattern: re.Pattern[str]
    told: bool
    "Whether the person's own words make it harmless: who speaks of their tablets may hear of them."


def vet(text: str, statement: str, history: Sequence[Message] = ()) -> tuple[str, ...]:
    """Codes of everything for which `text` must not be said to somebody who just said `statement`; empty if none."""
    told = " ".join([*(m["content"] for m in history if m["role"] == "user"), statement])
    plain = _plain(text)
    found = [*_form(text, plain), *_content(plain, _plain(told)), *_first_person(plain)]
    found += [code for code in _content(_plain(_unquoted(text)), _plain(told)) if code in HARM]
    found += _contact(text) + _names(text, told) + _language(text, statement)
    found += _said_before(plain, history) + _echo(plain, _plain(statement))
    return tuple(dict.fromkeys(found))


def _plain(text: str) -> str:
    """Lower case, quoted words out, apostrophes out, ends of sentences as " . "."""
    text = _QUOTED.sub(" _ ", text.replace("\u201c", '"').replace("\u201d", '"'))
    text = normalise(text).replace("i'll", "i will").replace("'", "")
    text = re.sub(r"[.!?;:\u2026]+", " . ", text)
    return re.sub(r"\s+", " ", re.sub(r"[^\w.@]+", " ", text)).strip()


def _unquoted(text: str) -> str:
    """The text with quotation marks taken off."""
    text = text.replace("\u201c", '"').replace("\u201d", '"')
    return _QUOTED.sub(lambda quoted: f" {quoted[0][1:-1]} ", text)


def _language(text: str, statement: str) -> list[str]:
    """A reply in a language that the person does not write: the patterns here know English only.

    What cannot be told is let pass only where the person writes English, as nearly all that is short then is too.
    """
    written, spoken = written_in(text), written_in(statement)
    allowed = {"en", spoken} if spoken not in (None, "en") else {"en", spoken, None}
    return [] if written in allowed else ["off-topic"]


def _form(text: str, plain: str) -> list[str]:
    """Length, letters, an end, markup, repetition, and the number of questions."""
    data, count = _data(), len(words(text))
    broken = (
        not _LETTER.search(text)
        or not _ENDED.search(text.strip())
        or _MARKUP.search(text)
        or _DISGUISED.search(text)
        or clean(text) != text
        or len(_FOREIGN.findall(text)) > 2
        or "\ufffd" in text
        or text.count('"') % 2
        or _REPEATED.search(plain[:600])
        or _goes_round(plain)
    )
    checks = (
        ("broken", broken),
        ("too-short", count < data["min_words"]),
        ("too-long", count > data["max_words"]),
        ("interrogation", text.count("?") > 1),
        ("greeting-only", _only_greets(text)),
    )
    return [code for code, found in checks if found]


def _goes_round(plain: str) -> bool:
    """Four words that come back: "You drive the bus, and you drive the bus". Two parts of somebody may want alike."""
    said = plain.replace("part of you", "").split()
    runs = [tuple(said[i : i + 4]) for i in range(len(said) - 3) if said[i] in ("you", "your")]
    return len(runs) != len(set(runs))


def _only_greets(text: str) -> bool:
    """A greeting, and hardly a word beside the small talk of greetings: "Hello, Anna's cat!" says more than that."""
    found = [w.replace("\u2019", "'") for w in words(text.lower())]
    if not found or found[0].rstrip("y") not in {g.rstrip("y") for g in _data()["greetings"]}:
        return False
    small = set(_data()["greeting_words"])
    return sum(w in small for w in found) / len(found) >= GREETING


def _content(plain: str, told: str) -> list[str]:
    """Codes whose patterns are found; a match that the person's own words hold counts only where `told` is false."""
    found = []
    for code in _codes():
        match = code.pattern.search(plain)
        if match and not (code.told and _used(match[0], told)):
            found.append(code.name)
    return found


def _used(seen: str, told: str) -> bool:
    """Whether the person said the long words of a match first."""
    said = set(told.split())
    content = [w for w in seen.split() if len(w) > 4]
    return bool(content) and all(any(w[:5] == s[:5] for s in said) for w in content)


def _first_person(plain: str) -> list[str]:
    """A reply says "I" in a few safe ways only; anything else speaks as the person, or of a life it does not have."""
    rest = _safe().sub(" ", plain)
    return ["role-flip"] if _FIRST_PERSON.search(rest) else []


def _contact(text: str) -> list[str]:
    return ["contact"] if re.search("|".join(_data()["contact_raw"]), text, re.IGNORECASE) else []


def _names(text: str, told: str) -> list[str]:
    """A capital inside a sentence that neither the person nor the calendar used is an invented name."""
    known = {w.lower().removesuffix("'s").removesuffix("\u2019s") for w in words(told)} | set(_data()["known_capitals"])
    inside = re.findall(r"(?<=[a-z,;] )([A-Z][a-z]+(?:['\u2019][a-z]+)?)", _QUOTED.sub(" ", text))
    plain = [w.lower().replace("\u2019", "'").removesuffix("'s") for w in inside]
    return ["names"] if any(w not in known and w.rstrip("s") not in known for w in plain) else []


def _said_before(plain: str, history: Sequence[Message]) -> list[str]:
    """A reply like an earlier one of this talk, or one of whose sentences ends as an earlier one did."""
    said = [_plain(m["content"]) for m in history if m["role"] == "assistant"][-20:]
    heard = {end for earlier in said for end in _endings(earlier)}
    again = bool(_endings(plain) & heard) or any(_alike(plain, earlier) for earlier in said)
    return ["repeats"] if again else []


def _endings(plain: str) -> set[tuple[str, ...]]:
    """The last four words of each sentence: "and it stays with you" is not said twice in one talk."""
    found = (tuple(sentence.split()[-4:]) for sentence in plain.split(" . "))
    return {end for end in found if len(end) == 4}


def _alike(one: str, other: str) -> bool:
    """Equal, or so near that it would be heard as the same; lengths are compared first because that is cheap."""
    one, other = one[:400], other[:400]
    if not one or not other or min(len(one), len(other)) / max(len(one), len(other)) < SAME:
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= SAME and matcher.ratio() >= SAME


def _echo(plain: str, statement: str) -> list[str]:
    said, told = _folded(plain), _folded(statement)
    if len(told) < ECHO_WORDS:
        return ["echo"] if said and said == told else []
    blocks = SequenceMatcher(None, told[:200], said[:120], autojunk=False).get_matching_blocks()
    # Runs of three words and more: single words meet in any two sentences about one thing.
    copied = sum(b.size for b in blocks if b.size >= 3)
    return ["echo"] if copied / len(told) >= ECHO and copied / max(1, len(said)) >= PARROT else []


def _folded(plain: str) -> list[str]:
    """Words with "I" and "you" made one, since an echo turns them round."""
    turn = {"im": "you", "i": "you", "my": "your", "me": "you", "youre": "you", "ive": "youve", "myself": "yourself"}
    return [turn.get(w, w) for w in plain.split() if w != "."]


@cache
def _data() -> dict:
    return json.loads((DATA / "en" / "vetting.json").read_text(encoding="utf-8"))


@cache
def _codes() -> tuple[_Code, ...]:
    data = _data()
    return tuple(_Code(c["code"], compile_patterns(c["patterns"], data), c.get("told", False)) for c in data["codes"])


@cache
def _safe() -> re.Pattern[str]:
    return compile_patterns(_data()["safe_i"], _data())
