"""Quiet Hour at Discord: a bot that listens in direct messages and private threads. `DISCORD.md` sets it up.

It is a client of the app's API. What must not wait or fail is here beside it and needs no app: the risk patterns, the
crisis protocol, the help lines and the exercises. discord.py is optional; without it `main` says what to install.
"""

import argparse
import logging
from collections.abc import Sequence

from therapist.errors import SettingsError
from therapist.settings import DISCORD_TOKEN, discord_token, read

URL = "http://127.0.0.1:7860"
INSTALL = "pip install discord.py==2.7.1"


def main(arguments: Sequence[str]) -> int:
    """`python -m therapist discord [--url ...]`: answer at Discord until interrupted.

    Raises:
        SettingsError: something that the operator must put right; the message says what.
    """
    parser = argparse.ArgumentParser(
        prog="python -m therapist discord",
        description=f"Answer at Discord, as a client of a running app. The bot's token stands in {DISCORD_TOKEN}.",
    )
    parser.add_argument("--url", default=URL, help=f"address of the running app [{URL}]")
    _listen(parser.parse_args(arguments).url)
    return 0


def _listen(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"--url must begin with http:// or https://, got {url!r}. Try {URL}.")
    settings, token = read(), discord_token()
    try:
        import discord
    except ImportError:
        raise SettingsError(f"The Discord bot needs discord.py, which is not installed. Try {INSTALL}.") from None
    from therapist.discord_bot.bot import Bot

    _log_without_words()
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody speaks here
    try:
        Bot(url, settings).run(token, log_handler=None)
    except discord.LoginFailure:
        raise SettingsError(
            f"Discord does not know the token in {DISCORD_TOKEN}. Copy it anew from the Bot page of your application."
        ) from None
    except discord.PrivilegedIntentsRequired:
        raise SettingsError(
            "Discord does not let this bot read messages. Switch on Message Content Intent on the Bot page of your "
            "application."
        ) from None
    except (OSError, discord.HTTPException) as error:
        raise SettingsError(f"Discord cannot be reached: {type(error).__name__}. Try again later.") from None


class _Template(logging.Formatter):
    """A record without its traceback; a library's also without arguments: they may hold ids, tokens or words."""

    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage() if record.name.startswith("therapist") else record.msg
        kind = record.exc_info[0] if record.exc_info else None
        return f"{record.levelname} {record.name}: {said}{f' ({kind.__name__})' if kind else ''}"


def _log_without_words() -> None:
    quiet = logging.StreamHandler()
    quiet.setFormatter(_Template())
    logging.getLogger().addHandler(quiet)
