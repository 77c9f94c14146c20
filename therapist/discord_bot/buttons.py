"""The buttons under the bot's messages. What one does stands in its id, so that it works after a restart as well."""

import re
from typing import TYPE_CHECKING, Any

import discord
from discord import ButtonStyle, ui

from therapist.discord_bot.words import words
from therapist.exercises import Exercise
from therapist.referral import helplines

if TYPE_CHECKING:
    from therapist.discord_bot.bot import Bot

LABEL = 80
"Characters of a button's label that Discord takes."
LINKS = 3
"Lines that get a button under a message, beside the directory."
ACTS = "adult|younger|country|help|start|go|next|pause|leave"


class Press(ui.DynamicItem[ui.Button], template=rf"(?P<act>{ACTS})(?::(?P<what>.*))?"):
    """A button whose id says what it does, and for which exercise and step or which kind of danger."""

    def __init__(self, act: str, what: str = "", label: str = "", style: ButtonStyle = ButtonStyle.secondary) -> None:
        self.act, self.what = act, what
        button = ui.Button(
            label=(label or words()["buttons"][act])[:LABEL], style=style, custom_id=f"{act}:{what}" if what else act
        )
        super().__init__(button)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> "Press":
        return cls(match["act"], match["what"] or "")

    async def callback(self, interaction: "discord.Interaction[Bot]") -> None:
        bot = interaction.client
        await bot.guarded(interaction, bot.pressed(interaction, self.act, self.what))


def row(*items: ui.Item[Any]) -> ui.View:
    """Buttons that never expire; discord.py keeps none of them in memory."""
    view = ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    return view


def ages() -> ui.View:
    """The person declares whether they are of age."""
    return row(Press("adult", style=ButtonStyle.primary), Press("younger"))


def help_row(country: str | None, kind: str | None = None, *more: ui.Item[Any]) -> ui.View:
    """All lines, the chats or pages of those that fit best, and the directory. Discord dials no numbers."""
    *lines, directory = helplines(country, kind)
    links = [_link(line.name, line.chat, line.url) for line in lines[:LINKS] if line.chat or line.url]
    choose = [Press("help", kind or "", style=ButtonStyle.primary), Press("country", kind or "")]
    return row(*choose, *more, *links, _link(directory.name, None, directory.url))


def _link(name: str, chat: str | None, page: str | None) -> ui.Button[Any]:
    label = words()["buttons"]["chat" if chat else "site"].format(name)
    return ui.Button(style=ButtonStyle.link, label=label[:LABEL], url=chat or page)


def start(exercise: Exercise) -> Press:
    """Begins an exercise."""
    label = words()["buttons"]["start"].format(exercise.name)
    return Press("start", exercise.id, label, ButtonStyle.success)


def steps(exercise: Exercise, number: int, *, paused: bool = False) -> ui.View:
    """What can be done during a step of an exercise."""
    here = f"{exercise.id}:{number}"
    go = Press("go", here, style=ButtonStyle.primary) if paused else Press("pause", here)
    return row(Press("next", here, style=ButtonStyle.primary), go, Press("leave", here))


class CountryForm(ui.Modal):
    """Asks for a country in words: Discord's menus hold 25 entries, the world has more."""

    def __init__(self, bot: "Bot", kind: str = "") -> None:
        said = words()["country"]
        super().__init__(title=said["title"], timeout=600)
        self.bot, self.kind = bot, kind
        self.country: ui.TextInput[Any] = ui.TextInput(placeholder=said["placeholder"], max_length=60)
        self.add_item(ui.Label(text=said["label"], component=self.country))

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        await self.bot.guarded(interaction, self.bot.help(interaction, self.country.value, self.kind or None))
