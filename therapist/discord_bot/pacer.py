"""Exercises at a steady pace: one message whose text changes, with buttons to go on, to pause and to leave."""

import asyncio

import discord

from therapist.discord_bot import buttons
from therapist.discord_bot.words import parts, words
from therapist.exercises import Exercise, Step, closing, exercises, walk

LEAST_SECONDS = 2.0
"Between two edits of the message: Discord allows about one a second."
COUNTED_SECONDS = 10
"Steps up to this long are counted down in numbers."


def exercise_named(exercise_id: str) -> Exercise | None:
    return next((e for e in exercises() if e.id == exercise_id), None)


def card(exercise: Exercise, number: int) -> str:
    """What a step says: its place, what to do and for how long."""
    said, taken = words()["exercise"], list(walk(exercise))
    step: Step = taken[number][1]
    counted = " · ".join(str(n) for n in range(step.seconds, 0, -1))
    pace = counted if step.seconds <= COUNTED_SECONDS else said["about"].format(step.seconds)
    choices = [f"- {choice}" for choice in step.choices]
    note = exercise.note if number == 0 else ""
    rows = [said["say"].format(step.say), *choices, pace or said["own_pace"], note]
    place = said["step"].format(name=exercise.name, number=number + 1, count=len(taken))
    return parts("\n".join([place, "", *(row for row in rows if row)]))[0]


class Pacer:
    """One running exercise for each person."""

    def __init__(self) -> None:
        self._running: dict[int, asyncio.Task[None]] = {}

    def stop(self, person_id: int) -> None:
        if task := self._running.pop(person_id, None):
            task.cancel()

    async def start(
        self, interaction: discord.Interaction, exercise: Exercise, number: int = 0, *, fresh: bool
    ) -> None:
        """Show a step, in a fresh message or in the one that was pressed, and go on from there at its pace."""
        self.stop(interaction.user.id)
        steps = [step for _, step in walk(exercise)]
        if number >= len(steps):
            await _show(interaction, *_done(exercise), fresh=fresh)
            return
        await _show(interaction, card(exercise, number), buttons.steps(exercise, number), fresh=fresh)
        task = asyncio.create_task(_run(interaction, exercise, steps, number), name="pacer")
        self._running[interaction.user.id] = task
        task.add_done_callback(lambda ended: self._ended(interaction.user.id, ended))

    async def pause(self, interaction: discord.Interaction, exercise: Exercise, number: int) -> None:
        self.stop(interaction.user.id)
        text = f"{card(exercise, number)}\n\n{words()['exercise']['paused']}"
        await _show(interaction, text, buttons.steps(exercise, number, paused=True), fresh=False)

    async def leave(self, interaction: discord.Interaction) -> None:
        self.stop(interaction.user.id)
        await _show(interaction, words()["exercise"]["left"], None, fresh=False)

    def _ended(self, person_id: int, task: asyncio.Task[None]) -> None:
        if self._running.get(person_id) is task:
            del self._running[person_id]


async def _run(interaction: discord.Interaction, exercise: Exercise, steps: list[Step], number: int) -> None:
    """A step is waited for from the moment in which its words stand there, so that a late edit shortens no breath."""
    try:
        for following in range(number + 1, len(steps) + 1):
            if not steps[following - 1].seconds:
                return  # the person goes on when they like
            await asyncio.sleep(max(LEAST_SECONDS, steps[following - 1].seconds))
            done = following == len(steps)
            text, view = _done(exercise) if done else (card(exercise, following), buttons.steps(exercise, following))
            await interaction.edit_original_response(content=text, view=view)
    except discord.HTTPException:
        # The message was dismissed, or the quarter of an hour is over in which Discord lets it be edited.
        return


def _done(exercise: Exercise) -> tuple[str, discord.ui.View]:
    again = buttons.Press("go", f"{exercise.id}:0", words()["buttons"]["again"])
    text = words()["exercise"]["done"].format(name=exercise.name, closing=closing())
    return text, buttons.row(again, buttons.Press("help"))


async def _show(interaction: discord.Interaction, text: str, view: discord.ui.View | None, *, fresh: bool) -> None:
    """A new message, which only that person sees in a server, or the one whose button was pressed."""
    if fresh and view:
        await interaction.response.send_message(text, view=view, ephemeral=interaction.guild_id is not None)
    else:
        await interaction.response.edit_message(content=text, view=view)
