"""What the bot says: its words, the help lines as text, and both cut to what Discord takes."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from therapist.referral import Helpline, checked, countries, emergency_number, helplines

FILE = Path(__file__).parents[1] / "data" / "en" / "discord.json"
LIMIT = 2000
"Characters of one Discord message."
SHOWN = 5
"Lines of a country that are shown at once, before the directory."


@cache
def words() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def parts(text: str, limit: int = LIMIT) -> list[str]:
    """A text in pieces of at most `limit` characters, cut between paragraphs, else sentences, else words."""
    pieces = []
    while len(text) > limit:
        cuts = (text.rfind(mark, 1, limit - len(mark) + 1) + len(mark.rstrip()) for mark in ("\n\n", ". ", " "))
        cut = next((c for c in cuts if c > limit // 4), limit)
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text]


def lines_text(country: str | None, kind: str | None = None) -> str:
    """Emergency number, the country's lines that fit the kind of danger, and the directory, as one message."""
    said, known = words()["help"], helplines(country, kind)
    lines = known[:-1][:SHOWN]
    rows = [said["lead"], "", said["danger"].format(emergency=emergency_number(country)), ""]
    rows += [f"- {_line(line)}" for line in lines]
    rows.append("- " + said["directory"].format(url=known[-1].url))
    if any(line.confidence != "high" for line in lines):
        rows += ["", said["unsure"]]
    return "\n".join([*rows, "", said["checked"].format(checked()) if lines else said["choose"]])


def _line(line: Helpline) -> str:
    said = words()["help"]
    ways = [said["call"].format(line.phone) if line.phone else None, line.text, f"<{line.url}>" if line.url else None]
    hours = said["around"] if line.hours == "24/7" else line.hours
    return said["line"].format(
        name=line.name, ways="".join(f" · {way}" for way in ways if way), hours=f" · {hours}" if hours else ""
    )


def country_named(text: str) -> str | None:
    """The ISO 3166 code of a country that somebody typed: its code, its name, the name's beginning, or an alias."""
    typed = text.strip().casefold()
    codes = {code.casefold(): code for code in countries()}
    found = words()["country"]["aliases"].get(typed) or codes.get(typed)
    return found or next((code for _, code in countries_like(typed)), None) if typed else None


def countries_like(text: str) -> list[tuple[str, str]]:
    """Name and code of the countries whose name begins with a text, then of those that contain it, 25 at most."""
    typed = text.strip().casefold()
    found = [(name, code) for code, name in countries().items() if typed in name.casefold()]
    return sorted(found, key=lambda entry: (not entry[0].casefold().startswith(typed), entry[0]))[:25]
