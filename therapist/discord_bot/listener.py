"""What to answer: risk first and here, by patterns that need no network; then the app; written texts if it is away.

The app is asked over plain HTTP, with the client that discord.py brings: gradio_client would send its own telemetry and
blocks a thread for every person who waits.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp

from therapist.conversation import Message
from therapist.language import written_in
from therapist.protocol import crisis_text
from therapist.risk import NO_RISK, Risk, assess
from therapist.risk_classifier import RiskClassifier

log = logging.getLogger(__name__)
PATIENCE = 60.0
"Seconds that an answer of the app is waited for."
ALARMED_PATIENCE = 5.0
"The same where the spelling of a message looks like danger: the app sees more, but nobody in danger waits for it."

AWAY = (TimeoutError, aiohttp.ClientError, ValueError, LookupError, TypeError)
"What goes wrong where the app is gone, mute, or is something else."


@dataclass(frozen=True)
class Said:
    """An answer. `busy` and `unreachable` have no text: the bot's own words stand in."""

    text: str
    route: Literal["reply", "clarify", "referral", "crisis", "busy", "unreachable"]
    kind: str | None = None
    level: str = "none"


class Listener:
    """The app at an address, and the risk patterns beside it. It keeps nothing about anybody."""

    def __init__(self, url: str, language: str = "en") -> None:
        self._url, self._language = url.rstrip("/"), language
        self._session: aiohttp.ClientSession | None = None
        self._spelling = _spelling()

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    def assess(self, statement: str, history: Sequence[Message]) -> Risk:
        """The risk that the patterns see, at once and without the app. If that fails, it counts as a crisis."""
        try:
            return assess(statement, history, self._language)
        except Exception as error:
            log.error("Risk assessment failed with %s; the crisis protocol answers.", type(error).__name__)
            return Risk("crisis", "suicide", ())

    def crisis(self, risk: Risk, statement: str, history: Sequence[Message], country: str | None) -> Said:
        """The protocol's written answer, in the language of the statement."""
        language = written_in(statement) or self._language
        text = crisis_text(risk, country=country, language=language, history=history, statement=statement)
        return Said(text, "crisis", risk.kind, "crisis")

    async def look(self, statement: str, history: Sequence[Message]) -> Risk:
        """The risk that the app sees, without a draft; where it is away, what the spelling shows."""
        try:
            async with asyncio.timeout(ALARMED_PATIENCE):
                found = await self._call("assess_risk", {"message": statement, "history": list(history)})
                if found:
                    return Risk(found["level"], found["kind"], tuple(found["evidence"]))
        except AWAY as error:
            log.warning("The app assessed no risk: %s.", type(error).__name__)
        return self._suspect(statement, history)

    async def answer(self, statement: str, history: Sequence[Message], country: str | None) -> Said:
        """What the app answers. Where it cannot, danger that shows in the spelling is answered all the same."""
        suspected = self._suspect(statement, history)
        alarmed = suspected.level == "crisis"
        body = {"message": statement, "history": list(history), "country": country}
        try:
            async with asyncio.timeout(ALARMED_PATIENCE if alarmed else PATIENCE):
                found = await self._call("respond", body)
                if found:
                    return Said(found["text"], found["route"], found["risk"]["kind"], found["risk"]["level"])
            away = Said("", "busy", level=suspected.level)
        except AWAY as error:
            log.warning("The app gave no answer: %s.", type(error).__name__)
            away = Said("", "unreachable", level=suspected.level)
        return self.crisis(suspected, statement, history, country) if alarmed else away

    async def _call(self, endpoint: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """What an endpoint gives: posted, then its events are read; None where the app says that it cannot."""
        self._session = self._session or aiohttp.ClientSession()
        call = f"{self._url}/gradio_api/call/v2/{endpoint}"
        async with self._session.post(call, json=body) as posted:
            if posted.status in (429, 503):
                return None
            posted.raise_for_status()
            event_id = (await posted.json())["event_id"]
        async with self._session.get(f"{call}/{event_id}", read_bufsize=2**20) as events:
            kind, data = await _last_event(events)
        return data[0] if kind == "complete" else None

    def _suspect(self, statement: str, history: Sequence[Message]) -> Risk:
        try:
            return self._spelling.assess(statement, history) if self._spelling else NO_RISK
        except Exception as error:
            log.error("The spelling could not be read: %s.", type(error).__name__)
            return NO_RISK


def _spelling() -> RiskClassifier | None:
    """The reader of spelling, which needs no torch; without its file the patterns remain."""
    try:
        return RiskClassifier.load(None)
    except Exception as error:
        log.warning("Danger is read from patterns only where the app is away: %s.", type(error).__name__)
        return None


async def _last_event(events: aiohttp.ClientResponse) -> tuple[str, Any]:
    """The event that ends a call, with its data."""
    events.raise_for_status()
    kind = ""
    async for line in events.content:
        name, _, value = line.decode().strip().partition(": ")
        kind = value if name == "event" else kind
        if name == "data" and kind in ("complete", "error"):
            return kind, json.loads(value)
    raise ValueError("The app ended the call without an answer.")
