"""The bot at Discord: which events it hears, where a private place is, and its slash commands."""

import contextlib
import logging
import re
from collections.abc import Coroutine
from typing import Any

import discord
from discord import app_commands
from discord.ext import tasks

from therapist.discord_bot import buttons
from therapist.discord_bot.commands import commands
from therapist.discord_bot.listener import Listener
from therapist.discord_bot.memory import Memory
from therapist.discord_bot.pacer import Pacer, exercise_named
from therapist.discord_bot.talks import Talks, say
from therapist.discord_bot.words import country_named, lines_text, words
from therapist.exercises import Exercise
from therapist.settings import Settings

log = logging.getLogger(__name__)
PERMISSIONS = discord.Permissions(
    view_channel=True, send_messages=True, create_private_threads=True, send_messages_in_threads=True
)
ARCHIVE_MINUTES = 60
"Idle minutes after which Discord folds a thread away."
HEARD = (discord.MessageType.default, discord.MessageType.reply)


class Bot(discord.Client):
    """Listens in direct messages and in private threads; in open channels it only opens one."""

    def __init__(self, url: str, settings: Settings) -> None:
        intents = discord.Intents(guilds=True, messages=True, message_content=True)
        # Without a message cache discord.py keeps nothing that anybody writes.
        super().__init__(intents=intents, max_messages=None, allowed_mentions=discord.AllowedMentions.none())
        self.tree = app_commands.CommandTree(self)
        self.tree.error(self._command_failed)
        self.memory = Memory(settings.country or None)
        self.listener = Listener(url, settings.language)
        self.talks = Talks(self.memory, self.listener)
        self.pacer = Pacer()

    async def setup_hook(self) -> None:
        self.add_dynamic_items(buttons.Press)
        for command in commands(self):
            self.tree.add_command(command)
        await self.tree.sync()
        self._sweep.start()

    async def close(self) -> None:
        self._sweep.cancel()
        await self.listener.close()
        await super().close()

    @tasks.loop(minutes=5)
    async def _sweep(self) -> None:
        self.memory.sweep()

    async def on_ready(self) -> None:
        invitation = discord.utils.oauth_url(self.application_id or 0, permissions=PERMISSIONS)
        print(f"Listening at Discord as {self.user}. To invite it to a server: {invitation}", flush=True)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        log.exception("%s failed", event_method)

    async def on_message(self, message: discord.Message) -> None:
        """A message: answered in private; in an open channel only if it names the bot, and never there."""
        if message.author.bot or message.webhook_id or message.type not in HEARD:
            return
        channel = message.channel
        try:
            if self._private(channel):
                await self._hear(channel, message)
            elif message.guild and self.user in message.mentions:
                await self._invite(message)
        except discord.Forbidden:
            log.warning("Discord forbids to write where somebody wrote.")
        except Exception:
            log.exception("A message could not be answered")
            await say(channel, words()["failed"])

    async def _hear(self, channel: Any, message: discord.Message) -> None:
        await self.talks.hear(channel, channel.id, message.author.id, message.id, self._said(message))

    async def _invite(self, message: discord.Message) -> None:
        """Somebody named the bot in an open channel: what they said is answered in a private place."""
        place = await self.private_place(message.author, message.channel)
        if place is None:
            country = self.memory.person(message.author.id).country
            await message.reply(words()["thread"]["nowhere"], view=buttons.help_row(country))
            return
        await self._hear(place, message)
        await say(place, words()["notice"]["left_open"])

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Other words for a message; Discord also reports link previews as edits, without a time."""
        message = payload.message
        if message.edited_at is None or message.author.bot or message.webhook_id:
            return
        known = self.memory.talk_with(message.id)
        if known or self._private(message.channel):
            place = self._place(known[0].channel_id if known else message.channel.id)
            await self.talks.edited(place, place.id, message.author.id, message.id, self._said(message))

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._take_back(payload.message_id)

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        for message_id in payload.message_ids:
            await self._take_back(message_id)

    async def _take_back(self, message_id: int) -> None:
        """What a person deletes is forgotten, and its answers go too: they say the person's words back."""
        if known := self.memory.talk_with(message_id):
            talk, exchange = known
            talk.exchanges.remove(exchange)
            for answer_id in exchange.answer_ids:
                with contextlib.suppress(discord.NotFound):
                    await self._place(talk.channel_id).get_partial_message(answer_id).delete()

    async def guarded(
        self, interaction: discord.Interaction, answer: Coroutine[Any, Any, None], *, counted: bool = False
    ) -> None:
        """Answer a command or a press; too many commands in a minute and whatever goes wrong get a kind text."""
        if counted and self.memory.person(interaction.user.id).too_fast(self.memory.now()):
            answer.close()
            await self._excuse(interaction, words()["too_fast"])
            return
        try:
            await answer
        except Exception:
            log.exception("An interaction could not be answered")
            await self._excuse(interaction, words()["failed"])

    async def _command_failed(self, interaction: discord.Interaction, _: app_commands.AppCommandError) -> None:
        """A command that is no longer known, such as one that Discord still shows after an update."""
        await self._excuse(interaction, words()["failed"])

    async def _excuse(self, interaction: discord.Interaction, said: str) -> None:
        done, view = interaction.response.is_done(), buttons.help_row(self._country(interaction))
        respond = interaction.followup.send if done else interaction.response.send_message
        with contextlib.suppress(discord.HTTPException):
            await respond(said, view=view, ephemeral=interaction.guild_id is not None)

    async def talk(self, interaction: discord.Interaction) -> None:
        """/talk: here in a direct message, else in a private place, which only this person is told of."""
        if interaction.guild is None or self._private(interaction.channel):
            await interaction.response.send_message(words()["greeting"])
            await self.talks.open(self._place(interaction.channel_id), interaction.channel_id or 0, interaction.user.id)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        said = words()["thread"]
        place = await self.private_place(interaction.user, interaction.channel)
        if place is None:
            await interaction.followup.send(said["nowhere"], view=buttons.help_row(self._country(interaction)))
        elif isinstance(place, discord.Thread):
            await interaction.followup.send(said["opened"].format(place=place.mention))
        else:
            await interaction.followup.send(said["direct"])
        if place:
            await self.talks.open(place, place.id, interaction.user.id)

    async def private_place(self, person: discord.User | discord.Member, channel: Any) -> Any:
        """The person's thread in a server, a new one, or a direct message; None where Discord forbids all of them."""
        known = self.memory.person(person.id).threads
        if channel.guild.id in known and (thread := channel.guild.get_thread(known[channel.guild.id])):
            return thread
        parent = channel.parent if isinstance(channel, discord.Thread) else channel
        try:
            if isinstance(parent, discord.TextChannel):
                thread = await self._thread(parent, person)
                known[channel.guild.id] = thread.id
                return thread
        except discord.HTTPException as error:
            log.warning("No private thread: Discord answered %s.", error.status)
        try:
            direct = await person.create_dm()
            await direct.send(words()["greeting"])
        except discord.HTTPException:
            return None
        return direct

    async def _thread(self, parent: discord.TextChannel, person: discord.User | discord.Member) -> discord.Thread:
        thread = await parent.create_thread(
            name=words()["thread"]["name"], type=discord.ChannelType.private_thread,
            auto_archive_duration=ARCHIVE_MINUTES, invitable=False,
        )  # fmt: skip
        await thread.add_user(discord.Object(person.id))
        return thread

    async def help(self, interaction: discord.Interaction, country: str | None = None, kind: str | None = None) -> None:
        """/help, its button and the form: the lines of a country, which is remembered while the person is here."""
        person, unknown = self.memory.person(interaction.user.id), ""
        if country:
            named = country_named(country)
            person.country, unknown = named or person.country, "" if named else words()["help"]["unknown"] + "\n\n"
        await interaction.response.send_message(
            f"{unknown}{lines_text(person.country, kind)}", view=buttons.help_row(person.country, kind),
            ephemeral=interaction.guild_id is not None, suppress_embeds=True,
        )  # fmt: skip

    async def forget(self, interaction: discord.Interaction) -> None:
        """/forget: nothing of the person is known any more, and what was on its way to them is not said."""
        self.memory.forget(interaction.user.id)
        self.pacer.stop(interaction.user.id)
        await interaction.response.send_message(words()["forgotten"], ephemeral=interaction.guild_id is not None)

    async def pressed(self, interaction: discord.Interaction, act: str, what: str) -> None:
        """A button of `buttons.Press`."""
        exercise_id, _, step = what.partition(":")
        if act in ("adult", "younger"):
            await self._declared(interaction, adult=act == "adult")
        elif act == "country":
            await interaction.response.send_modal(buttons.CountryForm(self, what))
        elif exercise := exercise_named(exercise_id):
            await self._exercise(interaction, exercise, act, int(step or 0))
        else:
            await self.help(interaction, kind=what or None)

    async def _declared(self, interaction: discord.Interaction, *, adult: bool) -> None:
        text = interaction.message.content if interaction.message else ""
        await interaction.response.edit_message(content=text, view=None)
        place = self._place(interaction.channel_id)
        await self.talks.declare(place, place.id, interaction.user.id, adult=adult)

    async def _exercise(self, interaction: discord.Interaction, exercise: Exercise, act: str, step: int) -> None:
        if act == "pause":
            await self.pacer.pause(interaction, exercise, step)
        elif act == "leave":
            await self.pacer.leave(interaction)
        else:
            await self.pacer.start(interaction, exercise, step + (act == "next"), fresh=act == "start")

    @property
    def _own_id(self) -> int:
        return self.user.id if self.user else 0

    def _said(self, message: discord.Message) -> str:
        """What a message says, without the bot's name in it."""
        return re.sub(rf"<@!?{self._own_id}>", "", message.content)

    def _place(self, channel_id: int | None) -> Any:
        return self.get_channel(channel_id or 0) or self.get_partial_messageable(channel_id or 0)

    def _country(self, interaction: discord.Interaction) -> str | None:
        return self.memory.person(interaction.user.id).country

    def _private(self, channel: Any) -> bool:
        """A direct message, or a private thread that this bot opened."""
        if isinstance(channel, discord.Thread):
            return channel.type is discord.ChannelType.private_thread and channel.owner_id == self._own_id
        return isinstance(channel, discord.DMChannel)
