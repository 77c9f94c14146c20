"""`python -m therapist rank`: the ranker alone, for anyone's candidates; and a ranking in words."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from therapist import settings
from therapist.api import Api, Ranked
from therapist.errors import InputError, TherapistError, UnreachableError
from therapist.pipeline import Therapist
from therapist.remote import Remote
from therapist.text import clean

DATA = Path(__file__).parent / "data"
ELSEWHERE = ("host", "port", "mcp", "per_client")
"Settings of the page, which a command has no use for."


@cache
def words(name: str = "terminal") -> dict[str, Any]:
    """The words of the terminal, or another table."""
    return json.loads((DATA / "en" / f"{name}.json").read_text(encoding="utf-8"))


def connected(options: argparse.Namespace) -> Api | Remote:
    """The API that the flags ask for: a page elsewhere, or the models here, which load when they are needed.

    Raises:
        SettingsError: a setting cannot be used.
        UnreachableError: the page elsewhere does not answer.
    """
    chosen = settings.chosen(options)
    return Remote(options.url, chosen) if options.url else Api(Therapist(chosen))


def listed(candidates: Sequence[Ranked], said: str | None = None) -> Iterator[str]:
    """Lines for a ranking: each candidate with its score, whether it was or may be said, its parts and its reasons.

    Args:
        candidates: best first.
        said: what was said, where something was.
    """
    w, reasons, names = words()["why"], words("reasons"), words("page")["why"]["parts_names"]
    could = w["ranked"] if said is None else w["could"]
    for number, c in enumerate(candidates, 1):
        first_said = c["qualifies"] and number == 1 and said is not None and c["text"] in said
        verdict = w["said"] if first_said else could if c["qualifies"] else w["refused"]
        yield f"{number}. {c['score']:.2f}  {verdict}: {clean(c['text'])}"
        for code in c["reasons"]:
            yield f"   {reasons.get(code, code)}"
        if c["parts"]:
            yield f"   {w['parts']}: " + ", ".join(f"{names.get(k, k)} {v:.2f}" for k, v in c["parts"].items())
        if c["nearest"]:
            yield f"   {w['nearest']}: {clean(c['nearest'])}"


def main(arguments: Sequence[str]) -> int:
    """Rank what the arguments or the lines of standard input hold; the exit code is told by --help."""
    w = words()["rank"]
    parser = argparse.ArgumentParser(prog="therapist rank", description=w["about"], epilog=w["epilog"])
    parser.add_argument("statement", nargs="?", help=w["statement"])
    parser.add_argument("candidates", nargs="*", help=w["candidates"])
    parser.add_argument("--json", action="store_true", help=w["json"])
    parser.add_argument("--url", default="", metavar="X", help=w["url"])
    settings.add_flags(parser, without=ELSEWHERE)
    options = parser.parse_args(list(arguments))
    if options.statement is None and sys.stdin.isatty():
        parser.error(w["none"])
    api = connected(options)
    if options.statement is not None:
        asked: Iterator[Any] = iter([{"statement": options.statement, "candidates": options.candidates}])
        return int(not _answered(api, asked, options.json))
    return int(not _answered(api, _parsed(sys.stdin), options.json, numbered=True))


def _parsed(lines: TextIO) -> Iterator[Any]:
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            yield None


def _answered(api: Api | Remote, asked: Iterator[Any], as_json: bool, *, numbered: bool = False) -> bool:
    """Whether everything could be ranked. What could not keeps its line, to match answers to questions."""
    w, well = words()["rank"], True
    for number, one in enumerate(asked, 1):
        try:
            ranking = api.rank(**_checked(one))
        except UnreachableError:
            raise
        except TherapistError as error:
            well = False
            print(w["no_line"].format(number, error) if numbered else error, file=sys.stderr)
            if as_json:
                print(json.dumps({"error": str(error)}), flush=True)
        else:
            text = json.dumps(ranking) if as_json else "\n".join(listed(ranking["candidates"]))
            print(text if as_json or not numbered else f"{clean(one['statement'])}\n{text}\n", flush=True)
    return well


def _checked(one: Any) -> dict[str, Any]:
    known = {"statement", "candidates", "history"}
    if not isinstance(one, dict) or not {"statement", "candidates"} <= set(one) <= known:
        raise InputError(words()["rank"]["no_object"])
    return one
