"""`python -m therapist`: the commands of the terminal, each a room of its own."""

import importlib
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from therapist.errors import SettingsError, TherapistError, UnreachableError
from therapist.ranking import words

ROOMS = {
    "chat": "therapist.terminal",
    "rank": "therapist.ranking",
    "discord": "therapist.discord_bot",
    "contract": "therapist.contract",
}
FAILED, USAGE, UNREACHABLE = 1, 2, 3


def main(arguments: Sequence[str]) -> int:
    """Run a command; without one, show those that there are."""
    w = words()
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help"):
        rows = [f"  python -m therapist {command:<9} {w['commands'][command]}" for command in ROOMS]
        print("\n".join([w["about"], "", *rows, "", w["usage"]]))
        return 0
    if name not in ROOMS:
        print(w["no_command"].format(repr(name[:40]), ", ".join(ROOMS)), file=sys.stderr)
        return USAGE
    try:
        status = importlib.import_module(ROOMS[name]).main(rest)
        sys.stdout.flush()
        return status
    except UnreachableError as error:
        print(w["unreachable"].format(error), file=sys.stderr)
        return UNREACHABLE
    except TherapistError as error:
        print(error, file=sys.stderr)
        return USAGE if isinstance(error, SettingsError) else FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no umlaut still gets the rest
    status = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)  # models may still be loading in a thread: an interpreter that ends under them aborts
