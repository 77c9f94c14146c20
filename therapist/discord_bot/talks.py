"""What happens to a message in a private place: danger first, then the notice, the pace, and what the app says."""

import logging

import discord
from discord.abc import Messageable

from therapist.discord_bot import buttons
from therapist.discord_bot.listener import Listener, Said
from therapist.discord_bot.memory import Exchange, Memory, Person, Talk
from therapist.discord_bot.words import lines_text, parts, words
from therapist.exercises import asked_for, exercises
from therapist.risk import Risk
from therapist.risk_classifier import higher
from therapist.text import clean

log = logging.getLogger(__name__)
MAX_CHARS = 2000
"The app's longest statement; a longer message is still searched for danger as a whole."


async def say(channel: Messageable, text: str, view: discord.ui.View | None = None) -> list[int]:
    """Send a text in as many messages as it needs, the buttons under the last; their ids."""
    pieces = parts(text)
    sent = [await channel.send(piece, suppress_embeds=True) for piece in pieces[:-1]]
    last = await channel.send(pieces[-1], suppress_embeds=True, view=view or buttons.row())
    return [message.id for message in [*sent, last]]


class Talks:
    """All talks of the bot."""

    def __init__(self, memory: Memory, listener: Listener) -> None:
        self._memory, self._listener = memory, listener

    async def hear(self, channel: Messageable, channel_id: int, person_id: int, message_id: int, text: str) -> None:
        """Answer a message. Danger is answered at once: before the notice, at any pace, beside a running draft."""
        person = self._memory.person(person_id)
        talk, text = person.talk(channel_id), clean(text).strip()
        if not text:
            await say(channel, words()["only_words"], buttons.help_row(person.country))
            return
        talk.add(exchange := Exchange(message_id, text))
        risk = self._listener.assess(text, talk.history(exchange))
        if risk.level == "crisis":
            await self._crisis(channel, person, talk, exchange, risk)
            return
        too_fast, too_long = person.too_fast(self._memory.now()), len(text) > MAX_CHARS
        if too_fast or too_long or (risk.level == "none" and not person.adult):
            # What keeps the app from answering must not keep it from seeing danger.
            risk = higher(risk, await self._listener.look(text, talk.history(exchange)))
        if risk.level == "crisis":
            await self._crisis(channel, person, talk, exchange, risk)
        elif too_fast:
            await self._tell_to_slow(channel, person)
        elif too_long:
            await say(channel, words()["too_long"].format(f"{len(text):,}"), buttons.help_row(person.country))
        elif risk.level == "concern" or await self._admitted(channel, person, talk):
            await self._answer(channel, person, talk, exchange)

    async def open(self, channel: Messageable, channel_id: int, person_id: int) -> None:
        """Begin a talk without a message: the notice, or that the bot is listening."""
        person = self._memory.person(person_id)
        if await self._admitted(channel, person, person.talk(channel_id)):
            await say(channel, words()["listening"])

    async def declare(self, channel: Messageable, channel_id: int, person_id: int, *, adult: bool) -> None:
        """The person said whether they are of age: what waited for it is answered now."""
        person = self._memory.person(person_id)
        person.adult, talk = adult, person.talk(channel_id)
        if not adult:
            await self._youth(channel, person)
        elif talk.exchanges and not talk.exchanges[-1].answer:
            await self._answer(channel, person, talk, talk.exchanges[-1])
        else:
            await say(channel, words()["listening"])

    async def edited(self, channel: Messageable, channel_id: int, person_id: int, message_id: int, text: str) -> None:
        """Remember the new words; a draft on its way is drafted anew, and danger in them is answered."""
        person, text = self._memory.person(person_id), clean(text).strip()
        talk = person.talk(channel_id)
        exchange = talk.find(message_id) or Exchange(message_id, "")
        if exchange.said == text:
            return
        exchange.said = text
        risk = self._listener.assess(text, talk.history(exchange))
        if risk.level != "crisis":
            risk = await self._listener.look(text, talk.history(exchange))
        if risk.level == "crisis":
            await self._crisis(channel, person, talk, exchange, risk)

    async def _crisis(self, channel: Messageable, person: Person, talk: Talk, exchange: Exchange, risk: Risk) -> None:
        said = self._listener.crisis(risk, exchange.said, talk.history(exchange), person.country)
        await self._alarm(channel, person, talk, exchange, said)

    async def _alarm(self, channel: Messageable, person: Person, talk: Talk, exchange: Exchange, said: Said) -> None:
        """Say a crisis answer; the notice follows it where it was not given yet."""
        talk.alarms += 1
        talk.add(exchange)
        exchange.answer = said.text
        exchange.answer_ids += await say(channel, said.text, buttons.help_row(person.country, said.kind))
        if talk.noticed is None:
            await self._notice(channel, person, talk)

    async def _answer(self, channel: Messageable, person: Person, talk: Talk, exchange: Exchange) -> None:
        """Say what the app answers, unless meanwhile the message was taken back or a crisis was answered."""
        alarms = talk.alarms
        async with talk.lock, channel.typing():
            asked, said = exchange.said if exchange.answer else "", None
            # Asked again if the message was edited meanwhile.
            while talk.alarms == alarms and exchange in talk.exchanges and asked != exchange.said:
                asked = exchange.said
                said = await self._listener.answer(asked, talk.history(exchange), person.country)
            if said is None or talk.alarms != alarms or exchange not in talk.exchanges:
                return
            if said.route == "crisis":
                return await self._alarm(channel, person, talk, exchange, said)
            exchange.answer = said.text
            exchange.answer_ids += await say(channel, *_dressed(said, exchange.said, person.country))
        if talk.noticed is None:
            await self._notice(channel, person, talk)

    async def _admitted(self, channel: Messageable, person: Person, talk: Talk) -> bool:
        """Whether the person may be answered: who has not declared their age meets the notice first."""
        if person.adult is False:
            await self._youth(channel, person)
        elif person.adult is None and talk.noticed is not None:
            await say(channel, words()["notice"]["waiting"], buttons.ages())
        elif talk.notice_due(self._memory.now()):
            await self._notice(channel, person, talk)
        return bool(person.adult)

    async def _notice(self, channel: Messageable, person: Person, talk: Talk) -> None:
        """What this is, with the question of age where it is open; later, a reminder."""
        said = words()["notice"]
        text = said["first"] if talk.noticed is None else said["again"]
        if talk.noticed is None and getattr(channel, "guild", None):
            text = f"{text}\n\n{said['thread']}"
        talk.noticed, talk.since = self._memory.now(), 0
        await say(channel, text, None if person.adult else buttons.ages())

    async def _youth(self, channel: Messageable, person: Person) -> None:
        text = f"{words()['youth']}\n\n{lines_text(person.country, 'minor')}"
        await say(channel, text, buttons.help_row(person.country, "minor"))

    async def _tell_to_slow(self, channel: Messageable, person: Person) -> None:
        if person.must_be_told(self._memory.now()):
            await say(channel, words()["too_fast"], buttons.help_row(person.country))


def _dressed(said: Said, statement: str, country: str | None) -> tuple[str, discord.ui.View | None]:
    """An answer as it is shown: with help where it may be needed, with an exercise where one was asked for."""
    wanted = asked_for(statement)
    if said.route == "unreachable":
        text = f"{words()['unreachable']}\n\n{lines_text(country, said.kind)}"
        return text, buttons.help_row(country, said.kind, buttons.start(wanted or exercises()[0]))
    if said.route == "busy":
        return words()["busy"], buttons.help_row(country, said.kind)
    if said.route == "referral" or said.level == "concern":
        return said.text, buttons.help_row(country, said.kind)
    return said.text, buttons.row(buttons.start(wanted)) if wanted else None
