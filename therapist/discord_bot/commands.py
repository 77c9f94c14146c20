"""The slash commands: /talk, /help, /forget, and one for each kind of exercise that the catalogue holds."""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from therapist.discord_bot.words import countries_like, words
from therapist.exercises import Exercise, exercises

if TYPE_CHECKING:
    from therapist.discord_bot.bot import Bot

CHOICES = 25
"Choices of an option that Discord takes."
ABOUT = 100
"Characters of a description that Discord takes."


def commands(bot: "Bot") -> Iterator[app_commands.Command]:
    """Every command of the bot."""
    said = words()["commands"]

    async def talk(interaction: discord.Interaction) -> None:
        await bot.guarded(interaction, bot.talk(interaction), counted=True)

    async def forget(interaction: discord.Interaction) -> None:
        await bot.guarded(interaction, bot.forget(interaction))

    @app_commands.describe(country=said["help_country"])
    async def help(interaction: discord.Interaction, country: str | None = None) -> None:
        await bot.guarded(interaction, bot.help(interaction, country))

    async def suggest(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=name, value=code) for name, code in countries_like(typed)]

    help_command = _command("help", said["help"], help)
    help_command.autocomplete("country")(suggest)
    yield help_command
    yield _command("talk", said["talk"], talk)
    yield _command("forget", said["forget"], forget)
    for kind, group in groupby(sorted(exercises(), key=lambda e: e.kind), key=lambda e: e.kind):
        yield _exercise_command(bot, kind, list(group))


def _exercise_command(bot: "Bot", kind: str, group: list[Exercise]) -> app_commands.Command:
    """/breathe and its like; which one can be chosen where there are several."""
    said = words()["commands"]
    name = re.sub(r"[^\w-]+", "-", kind.lower())[:32]
    name, about = said["kinds"].get(kind) or (name, said["kind"].format(", ".join(e.name for e in group)))
    by_id = {e.id: e for e in group}

    async def one(interaction: discord.Interaction) -> None:
        await bot.guarded(interaction, bot.pacer.start(interaction, group[0], fresh=True), counted=True)

    @app_commands.describe(exercise=words()["exercise"]["option"])
    @app_commands.choices(exercise=[app_commands.Choice(name=_named(e), value=e.id) for e in group[:CHOICES]])
    async def several(interaction: discord.Interaction, exercise: str | None = None) -> None:
        chosen = by_id.get(exercise or "", group[0])
        await bot.guarded(interaction, bot.pacer.start(interaction, chosen, fresh=True), counted=True)

    callback = several if len(group) > 1 else one
    return _command(name, about, callback)


def _command(name: str, about: str, callback: Any) -> app_commands.Command:
    """A command that servers and direct messages offer."""
    return app_commands.Command(
        name=name, description=about[:ABOUT], callback=callback,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True),
    )  # fmt: skip


def _named(exercise: Exercise) -> str:
    return f"{exercise.name}: {exercise.about}"[:ABOUT]
