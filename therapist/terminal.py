"""`python -m therapist chat`: the conversation in a terminal or a pipe. It keeps nothing, not even a history file."""

import argparse
import json
import logging
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from therapist import exercises, referral, settings
from therapist.api import Api, Response, Turn, checked_country, checked_history, spoken
from therapist.errors import InputError, TherapistError, UnreachableError
from therapist.exercises import Exercise
from therapist.pipeline import WRITTEN
from therapist.protocol import disclosure
from therapist.ranking import ELSEWHERE, connected, listed, words
from therapist.remote import Remote
from therapist.risk import assess
from therapist.text import clean

log = logging.getLogger(__name__)
WIDTH = 88
"Columns of text at most: longer lines are hard to read."
INTERRUPTED = 130
"What a shell expects of a program that ends by Ctrl+C."


def main(arguments: Sequence[str]) -> int:
    """Talk; the exit code is told by --help."""
    w = words()["chat"]
    parser = argparse.ArgumentParser(prog="therapist chat", description=w["about"], epilog=w["epilog"])
    parser.add_argument("words", nargs="*", help=w["words"])
    parser.add_argument("--once", action="store_true", help=w["once"])
    parser.add_argument("--json", action="store_true", help=w["json"])
    parser.add_argument("--url", default="", metavar="X", help=w["url"])
    settings.add_flags(parser, without=ELSEWHERE)
    options = parser.parse_args(list(arguments))
    talk = Talk(connected(options), settings.chosen(options).country)
    if options.once or options.words:
        return talk.answer_all([" ".join(options.words) or sys.stdin.read()], options.json)
    if options.json or not sys.stdin.isatty():
        return talk.answer_all((line for line in sys.stdin if line.strip()), options.json)
    return talk.converse()


class Talk:
    """One conversation: what was said so far, and the commands that begin with a slash."""

    def __init__(self, api: Api | Remote, country: str = "") -> None:
        self.api, self.country = api, country
        self.history: list[Turn] = []
        self.last: Response | None = None
        self._commands: dict[str, Callable[[str], None]] = {
            "/why": self._why, "/lines": self._lines, "/country": self._choose, "/exercises": self._list,
            "/exercise": self._exercise, "/breathe": self._exercise, "/young": self._young, "/forget": self._forget,
            "/help": lambda _: show(*words()["help"]),
        }  # fmt: skip

    def answer_all(self, messages: Sequence[str] | Iterator[str], as_json: bool) -> int:
        """Answer every message in turn; 0 when all were answered, else 1."""
        well = True
        for message in messages:
            try:
                said = self._respond(message)
            except UnreachableError:
                raise
            except TherapistError as error:
                well = False
                print(error, file=sys.stderr)
                if as_json:
                    print(json.dumps({"error": str(error)}), flush=True)
            else:
                print(json.dumps(said) if as_json else f"{clean(said['text'])}\n", flush=True)
        return int(not well)

    def converse(self) -> int:
        """Answer a person at a terminal until they leave."""
        editing()
        if isinstance(self.api, Remote):
            self.api.wake()
        else:
            threading.Thread(target=self.api.wake, daemon=True).start()
        show(disclosure("en"), words()["hello"])
        while True:
            try:
                typed = input(f"\n{words()['prompt']}").strip()
            except (EOFError, KeyboardInterrupt) as end:
                print(f"\n{words()['bye']}")
                return INTERRUPTED if isinstance(end, KeyboardInterrupt) else 0
            if typed == "/quit":
                print(words()["bye"])
                return 0
            try:
                self._react(typed)
            except (KeyboardInterrupt, EOFError):
                show("", words()["stopped"])

    def _react(self, typed: str) -> None:
        name, _, rest = typed.partition(" ")
        if command := self._commands.get(name):
            command(rest.strip())
        elif name.startswith("/"):
            show(words()["unknown"].format(name[:40]))
        elif typed:
            self._reply(typed)

    def _reply(self, typed: str) -> None:
        """Say an answer word by word. Whatever fails, the person hears what they can do."""
        try:
            if self._asleep() and assess(typed, checked_history(self.history)).level != "crisis":
                show(words()["waking"])
            said = self._respond(typed)
        except InputError as error:
            return show(str(error))
        except UnreachableError:
            return show(words()["gone"])
        except Exception as error:
            log.error("No answer could be given: %s.", type(error).__name__)
            return show(words()["failed"])
        stream(clean(said["text"]), said["route"])
        asked = exercises.told(said["text"])
        if asked:
            show("", words()["exercise"]["offer"].format(asked.id))
        elif said["route"] in ("referral", "crisis") and not self.country:
            show("", words()["no_country"])

    def _respond(self, message: str) -> Response:
        said = self.api.respond(message, self.history, self.country or None)
        self.history += [Turn(role="user", content=message), Turn(role="assistant", content=said["text"])]
        self.last = said
        return said

    def _asleep(self) -> bool:
        return isinstance(self.api, Api) and not self.api.healthz()["ready"]

    def _why(self, _: str) -> None:
        w = words()["why"]
        if self.last is None:
            return show(w["nothing"])
        if self.last["model"] == WRITTEN:
            show(w["written"])
        show(*listed(self.last["candidates"], said=self.last["text"]))

    def _choose(self, code: str) -> None:
        try:
            country = checked_country(code)
        except InputError as error:
            return show(str(error))
        if not country:
            return show(words()["no_country"])
        self.country = country
        show(words()["country"].format(referral.countries().get(country, country)))

    def _lines(self, _: str, kind: str | None = None) -> None:
        show(words()["lines"].format(referral.emergency_number(self.country), referral.checked()))
        for line in referral.helplines(self.country, kind):
            ways = (line.phone, line.text, line.chat or line.url, line.hours)
            show(f"- {line.name}: {' · '.join(way for way in ways if way)}")
        if not self.country:
            show(words()["no_country"])

    def _young(self, _: str) -> None:
        show(words()["young"])
        self._lines("", "minor")

    def _forget(self, _: str) -> None:
        self.history, self.last = [], None
        forget_typed()
        show(words()["forgotten"])

    def _list(self, _: str) -> None:
        for e in exercises.exercises():
            show(words()["exercise"]["row"].format(id=e.id, name=e.name, about=e.about))

    def _exercise(self, name: str) -> None:
        known = {e.id: e for e in exercises.exercises()}
        chosen = known.get(name.lower()) if name else next(iter(known.values()))
        if chosen is None:
            return show(words()["exercise"]["unknown"].format(name[:40]))
        typed = pace(chosen, at_risk=lambda text: self.api.assess_risk(text, self.history)["level"] != "none")
        if typed:
            self._reply(typed)


def pace(
    exercise: Exercise,
    at_risk: Callable[[str], bool],
    sleep: Callable[[float], None] = time.sleep,
    ask: Callable[[str], str] = input,
) -> str:
    """Walk an exercise aloud, a count for each second, so that a screen reader and a slow line can follow.

    Returns:
        What the person wrote in a step, if it showed risk: the exercise ends there, and an answer is due. Else "".
    """
    w = words()["exercise"]
    show(w["begin"].format(exercise.name), exercise.note)
    for number, (_, step) in enumerate(exercises.walk(exercise)):
        if exercise.rounds > 1 and number % len(exercise.steps) == 0:
            show("", w["round"].format(number // len(exercise.steps) + 1, exercise.rounds))
        show(step.say, *(f"- {choice}" for choice in step.choices))
        if not step.seconds:
            if (typed := ask(w["enter"]).strip()) and at_risk(typed):
                return typed
            continue
        for second in range(1, step.seconds + 1):
            print(f" {second}" if exercise.kind == "breathing" else ".", end="", flush=True)
            sleep(1)
        print()
    show("", exercises.closing())
    return ""


def show(*lines: str) -> None:
    """Print lines, wrapped at the width of the terminal."""
    for line in lines:
        print(_wrapped(line))


def stream(text: str, route: str) -> None:
    """Print a text word by word, a crisis text at once; nobody watches a pipe, so it gets all at once too."""
    text, done = _wrapped(text), 0
    for so_far in spoken(text, route if sys.stdout.isatty() else "crisis"):
        print(so_far[done:], end="", flush=True)
        done = len(so_far)
    print()


def _wrapped(text: str) -> str:
    width = min(WIDTH, shutil.get_terminal_size().columns)
    return "\n".join(textwrap.fill(line, width, break_on_hyphens=False) for line in text.split("\n"))


def editing() -> None:
    """Arrow keys at the prompt, where the system has them."""
    try:
        import readline  # noqa: F401 - input() uses it once it is there
    except ImportError:
        return


def forget_typed() -> None:
    """Take away what arrow up would bring back."""
    if "readline" in sys.modules:
        sys.modules["readline"].clear_history()
