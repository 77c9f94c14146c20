"""`python -m space deploy owner/name`: put the app on a Space of the Hub."""

import argparse
import os
import sys

from huggingface_hub import SpaceHardware

from space import contents
from space.deploy import DeployError, Order, deploy


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        if problems := contents.faults():
            raise DeployError(f"space/README.md does not fit: {' '.join(problems)}")
        order = _order(options)
        _show(order)
        if not options.dry_run:
            print(deploy(order))
    except (DeployError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m space", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="deploy")
    put = commands.add_parser("deploy", help="upload as one commit, wait for the build, ask it once, or go back")
    put.add_argument("space", metavar="owner/name")
    put.add_argument("--dry-run", action="store_true", help="show what would be uploaded, and ask nobody")
    put.add_argument("--private", action="store_true", help="only for you and your organisation")
    put.add_argument("--hardware", choices=[h.value for h in SpaceHardware], metavar="FLAVOUR", help="as cpu-basic")
    put.add_argument("--variable", action="append", default=[], metavar="THERAPIST_X=VALUE", help="a public setting")
    put.add_argument(
        "--secret", action="append", default=[], metavar="THERAPIST_X", help="a setting taken from your environment"
    )
    put.add_argument("--timeout", type=float, default=Order.timeout_s, metavar="S", help="seconds for build and start")
    return parser


def _order(options: argparse.Namespace) -> Order:
    owner, slash, name = options.space.partition("/")
    if not (owner and slash and name) or "/" in name:
        raise DeployError(f"A Space is named owner/name, got {options.space!r}.")
    pairs = [pair.partition("=") for pair in options.variable]
    if bad := [name for name, equals, _ in pairs if not equals]:
        raise DeployError(f"--variable {bad[0]} has no value. Write {bad[0]}=VALUE.")
    if lacking := [name for name in options.secret if name not in os.environ]:
        raise DeployError(f"--secret {lacking[0]} is not in your environment. Set it there first.")
    return Order(
        options.space, options.private, options.hardware, {name: value for name, _, value in pairs},
        {name: os.environ[name] for name in options.secret}, options.timeout,
    )  # fmt: skip


def _show(order: Order) -> None:
    """The exact files and all else that a deployment would set."""
    files = contents.contents()
    sizes = {name: path.stat().st_size for name, path in files.items()}
    for name, size in sizes.items():
        print(f"{size:>12,}  {name}")
    print(f"{sum(sizes.values()):>12,}  bytes in {len(files)} files for {order.space}, as one commit")
    print(f"visibility: {'private' if order.private else 'as it is, public when new'}")
    print(f"hardware: {order.hardware or 'as it is'}")
    for name in [*order.variables, *order.secrets]:
        print(f"{'variable' if name in order.variables else 'secret'}: {name}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
