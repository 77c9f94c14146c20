"""The public functions, typed for whoever calls them over HTTP. No Gradio here: `ui` turns them into endpoints.

Everything that arrives is checked here, and everything that matters is derived here: a caller can send a history, never
a risk level. Annotations are read raw for the schema, so this file must not postpone them.
"""

import json
import platform
import re
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from typing_extensions import TypedDict  # the standard one cannot be read for a schema before Python 3.12

from therapist import exercises, protocol
from therapist.conversation import Message, with_card
from therapist.errors import BusyError, InputError
from therapist.handoff import HandOff
from therapist.pipeline import WRITTEN, Reply, Therapist
from therapist.referral import Helpline, Referral
from therapist.reranker import Candidate
from therapist.risk import NO_RISK, RANK, Risk
from therapist.text import clean

DATA = Path(__file__).parent / "data"
ENDPOINTS = ("chat", "stream", "respond", "rank", "assess_risk", "refer", "exercises", "exercise_step")
"Public methods of `Api`. Each has an example in its docstring and a section in API.md."
API_VERSION = "1.0"
"Of the contract in openapi.json: an addition raises the second number, anything that a caller must adapt to the first."
MAX_CHARS = 2000
"Longest statement or candidate; a longer statement is still searched for danger as a whole."
MAX_TURNS = 40
"Turns of a history that are used: the newest."
MAX_CARD = 500
"Longest text that is remembered: it goes with every message, and the embedded model reads few words."
MAX_CANDIDATES = 32
MAX_WAITING = 40
"People who may wait for a draft at once; danger is answered without waiting."
MAX_ANSWER = 20_000
"Characters of what was written in an exercise that are read, half of them from its end."
PIECE = 5000
"Characters of it that are searched for danger at once, fewer than `risk` reads of a text."
SPARE = 24
"Threads beside those of the seats: danger must be read while everybody who has a seat waits for a draft."
PRESSURE = ((16, 2), (8, 4), (4, 6))
"From so many people at once, at most so many candidates each: a smaller choice before a longer wait."
SECONDS_A_WORD = 0.03
PACKAGES = ("torch", "transformers", "sentence-transformers", "gradio")
caller: ContextVar[str] = ContextVar("caller", default="")
"Address that asks, so that one address cannot take every seat; empty for this machine's own callers."


class Turn(TypedDict):
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


class Said(TypedDict):
    """What /chat answers."""

    text: str
    route: Literal["reply", "clarify", "referral", "crisis"]


class RiskFound(TypedDict):
    """Risk in a statement: its level, its kind, and the words that showed it."""

    level: Literal["none", "concern", "crisis"]
    kind: str | None
    evidence: list[str]


class Ranked(TypedDict):
    """One candidate with everything that was found about it."""

    text: str
    score: float
    qualifies: bool
    reasons: list[str]
    parts: dict[str, float]
    nearest: str


class Line(TypedDict):
    """One helpline, as dialled in its country; `checked` is the day on which it was compiled."""

    name: str
    category: str
    phone: str | None
    text: str | None
    chat: str | None
    hours: str | None
    url: str | None
    languages: list[str]
    source: str
    checked: str
    confidence: str


class Referred(TypedDict):
    """A specialist and the lines of a country."""

    specialist: str
    helplines: list[Line]


class ReferredText(Referred):
    """What /refer answers."""

    text: str


class Ranking(TypedDict):
    """What /rank answers, best first."""

    candidates: list[Ranked]


class Response(TypedDict):
    """What /respond answers: the text with its evidence."""

    text: str
    route: Literal["reply", "clarify", "referral", "crisis"]
    candidates: list[Ranked]
    risk: RiskFound
    referral: Referred | None
    model: str
    seconds: float
    drafted: int


class Listed(TypedDict):
    """One exercise: `seconds` of its timed steps (0 where the person sets the pace), how many `steps`, when to stop."""

    id: str
    kind: str
    name: str
    about: str
    note: str
    seconds: int
    steps: int


class Catalogue(TypedDict):
    """What /exercises answers; `language` is the one that the words are in."""

    language: str
    exercises: list[Listed]


class Stepped(TypedDict):
    """What /exercise_step answers: a step to do, or a word, or both.

    `say` is the step, for `seconds` (0 is as long as the person likes), with `label` where an answer may be written and
    `choices` for it; at the end it is the last word. `step` is what to send next; at `steps` all is done. `word`
    answers what the person wrote: a reflection (route `reply`), the protocol (`crisis`), or a question about safety.
    """

    exercise: str
    step: int
    steps: int
    say: str
    seconds: int
    move: Literal["in", "out", "stay"]
    label: str
    choices: list[str]
    word: str
    route: Literal["step", "end", "reply", "crisis"]
    risk: RiskFound


class Health(TypedDict):
    """What /healthz answers."""

    status: Literal["ok", "loading", "limited"]
    ready: bool
    model: str
    versions: dict[str, str]


class Api:
    """One therapist behind checked doors. It keeps nothing about anybody."""

    def __init__(self, therapist: Therapist) -> None:
        self._therapist = therapist
        self._people, self._door = 0, threading.Lock()
        self._seated: Counter[str] = Counter()

    def chat(self, message: str, history: list[Turn] | None = None) -> Said:
        """Answer a message with supportive listening, not therapy. Written by a computer program, not a person.

        Args:
            message: What the person wrote, up to 2,000 characters.
            history: Earlier turns, oldest first, without the message; the newest 40 are used.

        Example: {"message": "I lost my job on Friday."}
        """
        reply = self.reply(message, history)
        return Said(text=reply.text, route=reply.route)

    def stream(
        self,
        message: str,
        history: list[Turn] | None = None,
        country: str | None = None,
        language: str | None = None,
    ) -> Iterator[Said]:
        """Answer a message piece by piece: the whole text so far at reading pace, a crisis text at once.

        Args:
            message: What the person wrote, up to 2,000 characters.
            history: Earlier turns, oldest first, without the message; the newest 40 are used.
            country: Two-letter ISO 3166 code, such as NG, for the helplines; without it the international directory.
            language: BCP 47 code of the written texts, such as en.

        Example: {"message": "hey"}
        """
        reply = self.reply(message, history, country, language)
        for text in spoken(reply.text, reply.route):
            yield Said(text=text, route=reply.route)

    def respond(
        self,
        message: str,
        history: list[Turn] | None = None,
        country: str | None = None,
        language: str | None = None,
        n: int | None = None,
        seed: int | None = None,
    ) -> Response:
        """Answer a message and show the evidence: all candidates, why each was or was not said, the risk, the referral.

        Args:
            message: What the person wrote, up to 2,000 characters.
            history: Earlier turns, oldest first, without the message; the newest 40 are used.
            country: Two-letter ISO 3166 code, such as NG, for the helplines; without it the international directory.
            language: BCP 47 code of the written texts, such as en.
            n: How many candidates to draft, 1 to 16; fewer while many people are here, and `drafted` says how many.
            seed: Makes the drafts repeatable.

        Example: {"message": "I have not told my wife.", "country": "NG", "n": 4, "seed": 1}
        """
        reply = self.reply(message, history, country, language, n, seed)
        return Response(
            text=reply.text,
            route=reply.route,
            candidates=[_ranked(c) for c in reply.candidates],
            risk=risk_found(reply.risk),
            referral=_referred(reply.referral) if reply.referral else None,
            model=reply.model,
            seconds=round(reply.seconds, 3),
            drafted=reply.drafted,
        )

    def rank(self, statement: str, candidates: list[str], history: list[Turn] | None = None) -> Ranking:
        """Vet and rank your own candidate replies, best first, rejected ones included with their reasons.

        Args:
            statement: What the person said.
            candidates: Replies to choose from, 1 to 32, each up to 2,000 characters.
            history: Earlier turns, oldest first, without the statement.

        Example: {"statement": "I feel lonely.", "candidates": ["Hi there.", "It sounds lonely where you are."]}
        """
        statement, turns = checked_statement(statement, "statement"), checked_history(history)
        texts = checked_candidates(candidates)
        with self._seat():
            return Ranking(candidates=[_ranked(c) for c in self._therapist.rank(statement, texts, turns)])

    def assess_risk(self, message: str, history: list[Turn] | None = None) -> RiskFound:
        """Look for danger in a message and the turns before it. Needs no model; any length is read.

        Args:
            message: What the person wrote.
            history: Earlier turns, oldest first, without the message.

        Example: {"message": "Everyone would be better off without me."}
        """
        return risk_found(self._therapist.assess(checked_text(message, "message"), checked_history(history)))

    def refer(self, statement: str, country: str | None = None, language: str | None = None) -> ReferredText:
        """Name the kind of specialist that fits a statement, and the helplines of a country.

        Args:
            statement: What the person said, up to 2,000 characters.
            country: Two-letter ISO 3166 code, such as NG; without it the international directory.
            language: BCP 47 code of the text, such as en.

        Example: {"statement": "I can't stop drinking.", "country": "NG"}
        """
        place = checked_country(country), checked_language(language)
        statement = checked_statement(statement, "statement")
        with self._seat():
            referral = self._therapist.refer(statement, *place)
        return ReferredText(text=referral.text, **_referred(referral))

    def exercises(self, language: str | None = None) -> Catalogue:
        """List the guided exercises. They are fixed texts, no model writes them; supportive listening, not therapy.

        Args:
            language: BCP 47 code, such as en; a language without exercises gets the English ones.

        Example: {"language": "en"}
        """
        known = exercises.exercises(checked_language(language) or self._therapist.settings.language)
        return Catalogue(language=known[0].language, exercises=[_listed(exercise) for exercise in known])

    def exercise_step(
        self,
        exercise: str,
        step: int = 0,
        answer: str | None = None,
        before: int | None = None,
        after: int | None = None,
        country: str | None = None,
        language: str | None = None,
    ) -> Stepped:
        """Walk a guided exercise. Nothing is kept: say how many steps are done. Danger in an answer goes first.

        Args:
            exercise: An id from /exercises, such as longer-out.
            step: How many steps are done: 0 gives the first, the number of steps gives the end.
            answer: What the person wrote; at the end all of it, which then gets a reflection.
            before: How hard the moment was before, 0 (calm) to 10.
            after: How hard it is now, 0 (calm) to 10; with both the end has a word on the difference.
            country: Two-letter ISO 3166 code, such as NG, for helplines in danger.
            language: BCP 47 code of the written texts, such as en.

        Example: {"exercise": "longer-out", "step": 0}
        """
        place = checked_country(country) or self._therapist.settings.country or None, checked_language(language)
        text = _ends(checked_text(answer, "answer"), MAX_ANSWER) if answer else ""
        risk, piece = self._danger(text) if text else (NO_RISK, text)
        if risk.level == "crisis":
            return _stepped(exercise, step, self._therapist.respond(piece, [], *place).text, "crisis", risk)
        tongue = place[1] or self._therapist.settings.language
        found = exercises.find(checked_text(exercise, "exercise"), tongue)
        walked = [each for _, each in exercises.walk(found)]
        number = checked_whole(step, "step", 0, len(walked)) or 0
        ratings = checked_whole(before, "before", 0, 10), checked_whole(after, "after", 0, 10)
        if number < len(walked):
            word = ""
            if risk.level == "concern":
                word = protocol.checkin_text(risk, country=place[0], language=tongue, history=[], statement=text)
            return _stepped(found.id, number + 1, word, "step", risk, len(walked), walked[number])
        last = exercises.Step(exercises.closing(*ratings, tongue), 0)
        if not text:
            return _stepped(found.id, number, "", "end", risk, len(walked), last)
        reply = self._reflection(text, place)
        if reply.route == "crisis":
            return _stepped(found.id, number, reply.text, "crisis", reply.risk)
        word = reply.text if reply.route == "reply" else exercises.unreflected(tongue)
        return _stepped(found.id, number, word, "reply", reply.risk, len(walked), last)

    def _reflection(self, text: str, place: tuple[str | None, str | None]) -> Reply:
        """A reply to what somebody wrote in an exercise, of which the head and the tail are enough."""
        with self._seat() as people:
            n = affordable(self._therapist.settings.n, people)
            return self._therapist.respond(_ends(text, MAX_CHARS), [], *place, n)

    def _danger(self, text: str) -> tuple[Risk, str]:
        """The worst risk in a journal and the piece that holds it: of one long text only the ends would be read."""
        pieces = [text[i : i + PIECE] for i in range(0, len(text), PIECE - 200)]
        found = [(self._therapist.assess(piece), piece) for piece in pieces]
        return max(found, key=lambda each: RANK[each[0].level])

    def offer(self, reply: Reply, statement: str, history: Any = None) -> str:
        """The id of an exercise that may be offered beside a reply; empty in danger and where nobody was heard yet."""
        if reply.risk.level != "none" or reply.route != "reply" or not reply.candidates:
            return ""
        earlier = [turn["content"] for turn in checked_history(history) if turn["role"] == "user"]
        found = exercises.fitting(self._therapist.concern(statement), statement, earlier)
        return found.id if found else ""

    def wake(self) -> None:
        """Load the models now, so that nobody waits for them later."""
        self._therapist.load()

    def healthz(self) -> Health:
        """Whether the program is up, whether its models are loaded, and which versions run."""
        ready, limited = self._therapist.ready, bool(self._therapist.limited)
        status: Literal["ok", "loading", "limited"] = "limited" if limited else "ok" if ready else "loading"
        return Health(status=status, ready=ready, model=self._therapist.model, versions=_versions())

    def reply(
        self,
        message: Any,
        history: Any = None,
        country: Any = None,
        language: Any = None,
        n: Any = None,
        seed: Any = None,
        card: tuple[Any, str] = ("", ""),
        cancel: threading.Event | None = None,
    ) -> Reply:
        """Check everything, then answer. Danger is looked for first and in the whole text, however long it is.

        `card` is what the person wants to be remembered, and the words that acknowledge it; `cancel` is set by whoever
        calls once nobody waits for the answer any more.

        Raises:
            InputError: something cannot be read, or the message is too long and shows no danger.
            BusyError: too many people are waiting.
        """
        text, turns = checked_text(message, "message"), with_card(*checked_card(card), checked_history(history))
        place = checked_country(country), checked_language(language)
        n, seed = checked_whole(n, "n", 1, 16), checked_whole(seed, "seed", 0, 2**31 - 1)
        risk = self._therapist.assess(text, turns)
        if risk.level == "crisis":
            return self._therapist.respond(text, turns, *place, risk=risk)
        text = checked_statement(text, "message")
        if risk.level == "none" and (exercise := exercises.asked_for(text)):
            return Reply(exercises.script(exercise), "reply", (), risk, None, WRITTEN, 0.0)
        with self._seat() as people:
            n = affordable(n or self._therapist.settings.n, people)
            return self._therapist.respond(text, turns, *place, n, seed, risk, cancel)

    def explain(self, statement: Any, reply: Any) -> list[tuple[str, float]]:
        """The words of a statement in order, each with how far a reply hangs on it; see `therapist.explain`."""
        statement, reply = checked_statement(statement, "statement"), checked_statement(reply, "reply")
        with self._seat():
            return self._therapist.explain(statement, reply)

    def hand_off(self, history: Any, language: Any = None) -> HandOff:
        """A card for somebody who can help, from what the person said in a history; see `therapist.handoff`."""
        told = [turn["content"] for turn in checked_history(history) if turn["role"] == "user"]
        language = checked_language(language)
        with self._seat():
            return self._therapist.hand_off(told, language)

    @contextmanager
    def _seat(self) -> Generator[int]:
        """A seat among a bounded number of people, few from one address, and how many are seated with this one.

        An address is known only as long as it waits.
        """
        address, most = caller.get(), self._therapist.settings.per_client
        with self._door:
            if self._people >= MAX_WAITING:
                raise BusyError(_busy())
            if address and self._seated[address] >= most:
                raise BusyError(f"{most} answers to your address are on their way. Wait for one before you ask again.")
            self._people += 1
            self._seated[address] += 1
            people = self._people
        try:
            yield people
        finally:
            with self._door:
                self._people -= 1
                self._seated[address] -= 1
                self._seated += Counter()  # drops whoever has gone


@cache
def _busy() -> str:
    """What somebody is told for whom there is no seat; no call is made for it, and no model is needed."""
    return json.loads((DATA / "en" / "api.json").read_text(encoding="utf-8"))["busy"]


def affordable(n: int, people: int) -> int:
    """How many candidates to draft for each when so many people are here at once."""
    return min([n, *(most for crowd, most in PRESSURE if people >= crowd)])


def _ends(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


def spoken(text: str, route: str) -> Iterator[str]:
    """A text as it grows word by word at reading pace, whole at last; a crisis text is whole at once."""
    ends = [found.start() for found in re.finditer(r"\s+", text)] if route != "crisis" else []
    for end in ends:
        yield text[:end]
        time.sleep(SECONDS_A_WORD)
    yield text


def text_of(content: Any) -> str:
    """Plain text of a message's content: the page sends a list of parts, callers of the API send a string."""
    parts = content if isinstance(content, list) else [content]
    texts = [p.get("text") if isinstance(p, dict) else p for p in parts]
    return "\n".join(t for t in texts if isinstance(t, str))


def checked_text(value: Any, name: str) -> str:
    """A text without what nobody can see; any length.

    Raises:
        InputError: it is not text, or nothing is left.
    """
    if not isinstance(value, str):
        raise InputError(f"{name} must be text, got {_kind(value)}. Send a string of 1 to {MAX_CHARS:,} characters.")
    text = clean(value).strip()
    if not text:
        raise InputError(f"{name} is empty. Send a string of 1 to {MAX_CHARS:,} characters.")
    return text


def checked_statement(value: Any, name: str) -> str:
    """A text of a length that can be answered."""
    text = checked_text(value, name)
    if len(text) > MAX_CHARS:
        raise InputError(
            f"{name} has {len(text):,} characters. Send up to {MAX_CHARS:,}, and the rest in a second one."
        )
    return text


def checked_history(value: Any) -> list[Message]:
    """The newest turns of a history in either shape; thoughts and widgets of the page are left out.

    Raises:
        InputError: it is no list of turns, or somebody other than user and assistant speaks in it.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError(f"history must be a list of turns, got {_kind(value)}. {_TURN}")
    turns = (_turn(turn, number) for number, turn in enumerate(value[-MAX_TURNS:], max(0, len(value) - MAX_TURNS)))
    return [turn for turn in turns if turn["content"]]


_TURN = 'Send turns as {"role": "user", "content": "I feel low today."}.'


def _turn(turn: Any, number: int) -> Message:
    if not isinstance(turn, dict):
        raise InputError(f"history[{number}] must be a turn, got {_kind(turn)}. {_TURN}")
    role, content, extra = turn.get("role"), turn.get("content"), turn.get("metadata")
    if role not in ("user", "assistant"):
        found = f"{role[:20]!r}" if isinstance(role, str) else _kind(role)
        raise InputError(f"history[{number}] has role {found}. Only user and assistant can speak. {_TURN}")
    if not isinstance(content, (str, list, dict)):
        raise InputError(f"history[{number}] must have text as content, got {_kind(content)}. {_TURN}")
    thought = isinstance(extra, dict) and extra.get("title")
    text = "" if thought else clean(text_of(content)).strip()
    return Message(role=role, content=_ends(text, 2 * MAX_CHARS))


def checked_card(card: tuple[Any, str]) -> tuple[str, str]:
    """What is to be remembered, at most `MAX_CARD` characters, and its acknowledgement; nothing where it is no text."""
    text, acknowledgement = card
    return (clean(text).strip()[:MAX_CARD] if isinstance(text, str) else ""), acknowledgement


def checked_candidates(value: Any) -> list[str]:
    """A list of candidate texts."""
    if not isinstance(value, list):
        raise InputError(f"candidates must be a list of texts, got {_kind(value)}. Send 1 to {MAX_CANDIDATES} strings.")
    if not 1 <= len(value) <= MAX_CANDIDATES:
        raise InputError(f"candidates has {len(value)} entries. Send 1 to {MAX_CANDIDATES}.")
    return [checked_statement(text, f"candidates[{i}]") for i, text in enumerate(value)]


def checked_country(value: Any) -> str | None:
    """A two-letter country code in capitals, or None."""
    if value in (None, ""):
        return None
    if not (isinstance(value, str) and re.fullmatch("[A-Za-z]{2}", value)):
        raise InputError(f"country must be a two-letter ISO 3166 code, got {_shown(value)}. Try US, GB or NG.")
    return value.upper()


def checked_language(value: Any) -> str | None:
    """A BCP 47 code, or None."""
    if value in (None, ""):
        return None
    if not (isinstance(value, str) and re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", value)):
        raise InputError(f"language must be a BCP 47 code, got {_shown(value)}. Try en.")
    return value


def checked_whole(value: Any, name: str, least: int, most: int) -> int | None:
    """A whole number within bounds, or None."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(f"{name} must be a whole number from {least} to {most}, got {_shown(value)}.")
    return value


def _kind(value: Any) -> str:
    return (
        "nothing"
        if value is None
        else {"dict": "an object", "list": "a list"}.get(type(value).__name__, f"a {type(value).__name__}")
    )


def _shown(value: Any) -> str:
    return (
        repr(value[:20]) if isinstance(value, str) else repr(value) if isinstance(value, (int, float)) else _kind(value)
    )


def _ranked(c: Candidate) -> Ranked:
    parts = {name: round(float(value), 4) for name, value in c.parts.items()}
    return Ranked(
        text=c.text,
        score=round(float(c.score), 4),
        qualifies=bool(c.qualifies),
        reasons=list(c.reasons),
        parts=parts,
        nearest=c.nearest,
    )


def _listed(exercise: exercises.Exercise) -> Listed:
    return Listed(
        id=exercise.id,
        kind=exercise.kind,
        name=exercise.name,
        about=exercise.about,
        note=exercise.note,
        seconds=exercise.seconds,
        steps=sum(1 for _ in exercises.walk(exercise)),
    )


def _stepped(
    exercise: str, number: int, word: str, route: Literal["step", "end", "reply", "crisis"], risk: Risk, steps: int = 0,
    now: exercises.Step | None = None,
) -> Stepped:  # fmt: skip
    now = now or exercises.Step("", 0)
    return Stepped(
        exercise=exercise, step=number, steps=steps, say=now.say, seconds=now.seconds, move=now.move, label=now.label,
        choices=list(now.choices), word=word, route=route, risk=risk_found(risk),
    )  # fmt: skip


def risk_found(risk: Risk) -> RiskFound:
    """What was found, as the API tells it."""
    return RiskFound(level=risk.level, kind=risk.kind, evidence=[str(e) for e in risk.evidence])


def _referred(referral: Referral) -> Referred:
    return Referred(specialist=referral.specialist, helplines=[_line(line) for line in referral.helplines])


def _line(line: Helpline) -> Line:
    return Line(**{**asdict(line), "languages": list(line.languages)})  # ty: ignore[missing-typed-dict-key]


def _versions() -> dict[str, str]:
    found = {"api": API_VERSION, "python": platform.python_version()}
    for package in ("therapist", *PACKAGES):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
