"""Written commands for a chat server: a situation, a shape, a voice and a way to put it, all of them in `commands.json`."""

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TURNS = range(6, 15)
"Messages that a dialogue may have; a command asks for an even number of them."


@dataclass(frozen=True)
class Command:
    id: str
    concern: str
    shape: str
    voice: str
    text: str


@cache
def data() -> dict:
    return json.loads(Path(__file__).with_name("commands.json").read_text(encoding="utf-8"))


def command(number: int, seed: int = 0) -> Command:
    """The command with this number, always the same: every situation is used once before any comes again."""
    table = data()
    situations = [(concern, text) for concern, texts in table["situations"].items() for text in texts]
    lap, place = divmod(number, len(situations))
    concern, situation = random.Random(f"{seed} {lap}").sample(situations, len(situations))[place]
    rng = random.Random(f"{seed} {number}")
    shape = rng.choice([s for s in table["shapes"] if concern in table["only"].get(s, [concern])])
    voice = rng.choice(list(table["voices"]))
    frame = rng.choice(table["frames"]).format(
        situation=f"Somebody {situation} (Theme: {concern.replace('-', ' ')}.)",
        shape=table["shapes"][shape],
        voice=table["voices"][voice],
    )
    form = table["format"].format(turns=rng.choice(table["turns"]))
    text = f"{frame}\n\n{table['rules']}\n\n{form}"
    return Command(f"generated-{seed}-{number:05d}", concern, shape, voice, text)
