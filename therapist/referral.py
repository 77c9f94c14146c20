"""Which line to show for a country, and which kind of person can help when no candidate is good enough.

Numbers come from `data/helplines.json` only, each with its source and the day it was compiled; no other room of the
library may emit a phone number.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Helpline:
    """One way to reach people, as dialled in its country."""

    name: str
    category: str
    phone: str | None
    text: str | None
    chat: str | None
    hours: str | None
    "None where sources disagree: a limited line must never look like one that is always open."
    url: str | None
    languages: tuple[str, ...]
    source: str
    checked: str
    "ISO date on which the entry was compiled."
    confidence: str


@dataclass(frozen=True)
class Referral:
    """What is said when the person is referred, with the kind of specialist and the lines of the country."""

    text: str
    specialist: str
    helplines: tuple[Helpline, ...]


def helplines(country: str | None, kind: str | None = None) -> tuple[Helpline, ...]:
    """The country's lines, those that fit `kind` first, the international directory always last.

    Lines of medium confidence follow the high ones, and an unknown country has the directory alone: say
    `emergency_number` beside it.
    """
    entry = _lines()["countries"].get((country or "").upper())
    known = [_helpline(line) for line in entry["lines"]] if entry else []
    order = [*_words("en")["kinds"].get(kind or "", []), *_words("en")["general"]]
    rank = {category: i for i, category in reversed(list(enumerate(order)))}
    known.sort(key=lambda h: (h.confidence != "high", rank.get(h.category, len(order)), h.hours != "24/7"))
    return (*known, _helpline(_lines()["directory"]))


def emergency_number(country: str | None) -> str:
    """The emergency number or numbers of a country; both common ones where the country is unknown."""
    entry = _lines()["countries"].get((country or "").upper())
    return entry["emergency"] if entry else _words("en")["unknown_country"]


def countries() -> dict[str, str]:
    """ISO 3166 code to English name, for a menu."""
    return {code: entry["country"] for code, entry in _lines()["countries"].items()}


def checked() -> str:
    """ISO date on which the lines were compiled."""
    return _lines()["compiled"]


def tel_link(phone: str | None) -> str | None:
    """A tel: link for the first number of an entry, exactly as dialled; None when there is nothing to dial."""
    first = re.split(r" / | or |,| \(", phone or "")[0]
    digits = re.sub(r"[^\d+*#]", "", first)
    return f"tel:{digits}" if digits else None


def sms_link(text: str | None) -> str | None:
    """An sms: link for an entry such as "Text HOME to 741741"; None for WhatsApp and other ways."""
    form = r"(?:Text|SMS)(?: (?P<word>[A-Z]+) to)? (?P<number>[\d -]+)"
    found = re.fullmatch(form, (text or "").strip())
    if not found:
        return None
    number = re.sub(r"\D", "", found["number"])
    return f"sms:{number}?&body={found['word']}" if found["word"] else f"sms:{number}"


def refer(concern: str | None, country: str | None, language: str = "en", statement: str = "") -> Referral:
    """A referral that fits a concern of the corpus; an unknown concern gets a counsellor or family doctor."""
    data = _words(language)
    specialist, find, afford = advice(concern, language)
    # The variant hangs on the statement, so that the same words get the same answer and different ones vary.
    text = data["variants"][sum(statement.encode()) % len(data["variants"])].format(
        specialist=specialist, Specialist=specialist[:1].upper() + specialist[1:],
        find=find, afford=afford,
    )  # fmt: skip
    return Referral(text, specialist, helplines(country))


def advice(concern: str | None, language: str = "en") -> tuple[str, str, str]:
    """The specialist for a concern, how to find one and how to afford one; an unknown concern gets the usual ones."""
    data = _words(language)
    specialist, find, afford = data["specialists"].get(concern or "", data["default"])
    return specialist, data["find"][find], data["afford"][afford]


def _helpline(entry: Mapping[str, Any]) -> Helpline:
    fields: dict[str, Any] = {**entry, "languages": tuple(entry["languages"])}
    return Helpline(**fields)


@cache
def _lines() -> dict:
    return json.loads((DATA / "helplines.json").read_text(encoding="utf-8"))


@cache
def _words(language: str) -> dict:
    """The words of a language; English where there is no translation."""
    path = DATA / language / "referral.json"
    return json.loads((path if path.exists() else DATA / "en" / "referral.json").read_text(encoding="utf-8"))
