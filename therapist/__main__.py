"""`python -m therapist COMMAND`: the program at other places than the page."""

import importlib
import sys
from collections.abc import Sequence

from therapist.errors import SettingsError

ROOMS = {"discord": "therapist.discord_bot"}


def main(arguments: Sequence[str]) -> int:
    """Run a command; the exit code, 2 for something that the operator must put right."""
    if not arguments or arguments[0] not in ROOMS:
        print(f"Usage: python -m therapist {{{','.join(ROOMS)}}} ...", file=sys.stderr)
        return 2
    try:
        return importlib.import_module(ROOMS[arguments[0]]).main(arguments[1:])
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
