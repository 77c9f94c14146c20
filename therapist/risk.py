"""How much danger a message may hold, found by written patterns: no model, no network, and therefore always there.

Patterns are data (`data/<language>/risk.json`), because people must be able to read, argue about and extend them
without reading code. Their notation is that of `re` with two shorthands: `<name>` stands for a named part of the same
file, and `~3` for up to three words in between, within one sentence. They meet text without apostrophes ("dont", "im"),
where every sentence end is " . ". All languages are always matched: people in distress fall back to their first one.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from therapist.conversation import Message
from therapist.text import normalise

Level = Literal["none", "concern", "crisis"]
RANK = {"none": 0, "concern": 1, "crisis": 2}
DATA = Path(__file__).parent / "data"

SPAN = 3000
"Characters read at the head and at the tail of a long text: the danger stands where people begin or end."
MEMORY = 6
"Earlier turns of the person that count."
CALM_TURNS = 2
"Turns without any sign after which an earlier crisis no longer raises the level."


@dataclass(frozen=True)
class Risk:
    """A level, the kind of danger, and what was seen. The evidence is the person's own words: never log it."""

    level: Level
    kind: str | None
    evidence: tuple[str, ...]


NO_RISK = Risk("none", None, ())


@dataclass(frozen=True)
class Rule:
    """Patterns of one kind and level."""

    kind: str
    level: Level
    pattern: re.Pattern[str]
    context: bool | Literal["lowers"]
    "Whether fiction, news, study or the past takes it back; `lowers` only takes a crisis down to a concern."
    earlier: re.Pattern[str] | None = None
    "What an earlier turn must hold, for rules that span turns."


@dataclass(frozen=True)
class Book:
    """Everything of one language's file, compiled."""

    rules: tuple[Rule, ...]
    pairs: tuple[Rule, ...]
    idioms: re.Pattern[str] | None
    denials: re.Pattern[str] | None
    harmless: re.Pattern[str] | None
    light: re.Pattern[str] | None
    present: re.Pattern[str] | None


def assess(statement: str, history: Sequence[Message] = (), language: str = "en") -> Risk:
    """The risk in a statement, seen with the person's last six turns.

    `language` is accepted so that callers need not change when a language gets rules that only fit there; today every
    language is always matched.
    """
    earlier = [m["content"] for m in history if m["role"] == "user"][-MEMORY:]
    found = _found(statement, earlier)
    past = [_found(earlier[i], earlier[:i]) for i in range(max(0, len(earlier) - CALM_TURNS), len(earlier))]
    return _remember(found, past, bool(denies(statement)))


def _found(statement: str, earlier: Sequence[str]) -> Risk:
    """The strongest sign in a statement, or over it and the turns before it."""
    return _strongest([*_read(statement), *_across(statement, earlier)])


def denies(statement: str) -> bool:
    """Whether the person says that they do not mean to harm themselves or anybody."""
    text = plain(statement)
    return any(book.denials is not None and book.denials.search(text) for book in _readable(text))


def plain(text: str) -> str:
    """Head and tail of a text as the patterns meet it: normalised, without apostrophes, sentence ends as " . "."""
    if len(text) > 2 * SPAN:
        text = text[:SPAN] + " . " + text[-SPAN:]
    text = normalise(text).replace("'", "")
    text = re.sub(r"[.!?;:\u2026\u3002\uff01\uff1f\u0964]+", " . ", text)
    text = re.sub(r"[,\"()\[\]{}*_/\\~<>=+#\u2013\u2014-]+", " ", text)
    text = re.sub(r"[^\W\d_]+", _respell, text)
    return re.sub(r"\s+", " ", text).strip()


def _respell(word: re.Match[str]) -> str:
    return _spelling().get(word[0], word[0])


def _read(text: str) -> list[Risk]:
    """Every sign in one text, idioms and denials taken out first."""
    text = plain(text)
    return [found for book in _readable(text) for found in _signs(text, book)]


def _readable(text: str) -> list[Book]:
    """The books whose language a text may be in, by its letters or commonest words; most can be in any."""
    return [_book(language) for language, script in _scripts().items() if not script or script.search(text)]


def _signs(text: str, book: Book) -> list[Risk]:
    for unmeant in (book.idioms, book.denials):
        text = unmeant.sub(" _ ", text) if unmeant else text
    now = bool(book.present and book.present.search(text))
    unreal = not now and bool(book.harmless and book.harmless.search(text))
    # "lol" after plain words of suicide is no joke to rely on, so laughter takes back only what is vague.
    light = not now and bool(book.light and book.light.search(text))
    return [
        Risk("concern" if unreal and rule.context else rule.level, rule.kind, (seen[0].strip(),))
        for rule in book.rules
        if not (rule.context is True and (unreal or light)) and (seen := rule.pattern.search(text))
    ]


def _across(statement: str, earlier: Sequence[str]) -> list[Risk]:
    """Signs that only show over turns, such as a loss and then a question about bridges."""
    now, before = plain(statement), " . ".join(plain(text) for text in earlier)
    # The statement belongs to what was told: "I just lost my job. What bridges are taller than 25 meters?" is one turn.
    told = f"{before} . {now}"
    return [
        Risk(rule.level, rule.kind, (before_it[0].strip(), seen[0].strip()))
        for book in _readable(told)
        for rule in book.pairs
        if rule.earlier
        and not (book.harmless and book.harmless.search(now))
        and (seen := rule.pattern.search(now))
        and (before_it := rule.earlier.search(told))
    ]


def _strongest(risks: Sequence[Risk]) -> Risk:
    """The highest level; among equals the kind that the file names first, with all evidence of that level."""
    best = max(risks, key=lambda r: RANK[r.level], default=NO_RISK)
    if best.level == "none":
        return NO_RISK
    evidence = dict.fromkeys(e for r in risks if r.level == best.level for e in r.evidence)
    return Risk(best.level, best.kind, tuple(evidence)[:5])


def _remember(now: Risk, recent: Sequence[Risk], denied: bool) -> Risk:
    """A crisis is not over because one turn is calm: it lowers by a step, and only after two calm turns to none."""
    if denied and now.level != "crisis" and recent and recent[-1].level == "crisis":
        return Risk("concern", recent[-1].kind, recent[-1].evidence)
    crisis = next((r for r in reversed(recent) if r.level == "crisis"), None)
    if crisis and now.level == "none":
        return Risk("concern", crisis.kind, crisis.evidence)
    return now


@cache
def _files() -> dict[str, dict]:
    """Every language's file, English first."""
    paths = sorted(DATA.glob("*/risk.json"), key=lambda p: (p.parent.name != "en", p.parent.name))
    return {p.parent.name: json.loads(p.read_text(encoding="utf-8")) for p in paths}


@cache
def _scripts() -> dict[str, re.Pattern[str] | None]:
    """What a text must hold for a language's book to be read: a letter of its script, or a common word."""
    return {code: re.compile(data["script"]) if "script" in data else None for code, data in _files().items()}


@cache
def _spelling() -> dict[str, str]:
    """Misspellings and short forms of every file, and slips of one letter in the words that matter."""
    table: dict[str, str] = {}
    for data in _files().values():
        for word in data.get("watched", []):
            table |= {slip: word for slip in _slips(word) if slip not in data["watched"]}
        table |= data.get("spelling", {})
    return table


def _slips(word: str) -> set[str]:
    """One letter left out, or two neighbours swapped; the first letter is hardly ever the wrong one."""
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(1, len(word) - 1)}
    dropped = {word[:i] + word[i + 1 :] for i in range(1, len(word))}
    doubled = {word[:i] + word[i] + word[i:] for i in range(1, len(word))}
    return (swapped | dropped | doubled) - {word, word + "s", word[:-1]}


@cache
def _book(language: str) -> Book:
    """A language's book, compiled when the first text needs it: all of them would take seconds at the start."""
    data = _files()[language]
    unless = data.get("unless", {})

    def one(name: str) -> re.Pattern[str] | None:
        return compile_patterns(unless[name], data) if unless.get(name) else None

    rules = tuple(
        Rule(r["kind"], r["level"], compile_patterns(r["patterns"], data), r.get("context", True))
        for r in data["rules"]
    )
    pairs = tuple(
        Rule(r["kind"], r["level"], compile_patterns(r["now"], data), False, compile_patterns(r["earlier"], data))
        for r in data.get("pairs", [])
    )
    return Book(rules, pairs, one("idioms"), one("denials"), one("harmless"), one("light"), one("present"))


def compile_patterns(patterns: Sequence[str], data: dict) -> re.Pattern[str]:
    """One expression out of many, parts and gaps written out; whole words where the script parts words."""
    parts = data.get("parts", {})
    joined = "|".join(_expand(p, parts) for p in patterns)
    # As \b before a letter, which is all that patterns begin with, and a third faster.
    return re.compile(rf"(?<!\w)(?=\w)(?:{joined})\b" if data.get("whole_words", True) else f"(?:{joined})")


def _expand(pattern: str, parts: dict[str, str]) -> str:
    for _ in range(3):  # parts may name parts, two deep
        pattern = re.sub(r"<([a-z_]+)>", lambda m: f"(?:{parts[m[1]]})", pattern)
    return re.sub(r"~(\d)", r"(?:[\\w]+ ){0,\1}", pattern)
