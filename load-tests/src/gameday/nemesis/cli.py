"""`holdfast-fault`: hurts one part of the running shop for a while, and heals it again."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from gameday.nemesis.fault import KNOBS, LONGEST_S, Fault, Faults, Kind, Refused
from gameday.target import target

_TEXTS: Final = {
    Kind.KILL: "kill a part with all its processes",
    Kind.PAUSE: "stop a part in its tracks",
    Kind.SLOW: "let a part stand still most of the time",
    Kind.PARTITION: "cut a part off the network (docker only)",
    Kind.LATENCY: "let payment answer later",
    Kind.ERRORS: "let payment answer with errors",
    Kind.HANG: "let payment not answer at all",
}


class Parser(argparse.ArgumentParser):
    """Bad input is one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. What cannot be done is one line on stderr and exit code 2, and nothing was done."""
    options = _parser().parse_args(arguments)
    try:
        _COMMANDS[options.command](options)
    except Refused as error:
        print(f"holdfast-fault: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="holdfast-fault", description="Faults on the running shop. Each ends by itself.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--on", choices=("local", "docker"), default="local", help="default: local")
        return made

    for kind, text in _TEXTS.items():
        made = add(kind, text)
        made.add_argument("part", metavar="PART", help="such as query-1 or, for all replicas, query")
        made.add_argument(
            "--for", dest="for_s", type=float, default=LONGEST_S, metavar="SECONDS", help="default and most: an hour"
        )
        if kind is Kind.SLOW:
            made.add_argument("--percent", type=float, default=80, help="share of the time it stands still (80)")
        if kind in KNOBS:
            made.add_argument("--percent", type=float, default=100, help="share of the calls that are hit (100)")
        if kind is Kind.LATENCY:
            made.add_argument("--ms", type=int, required=True, help="milliseconds more")
    add("lift", "end what a part suffers; start it when it is down").add_argument("part", metavar="PART")
    add("calm", "lift all faults and start what is down")
    add("list", "what every part suffers that does not run as it should")
    return parser


def _faults(options: argparse.Namespace) -> Faults:
    return target(options.on).faults


def _hurt(options: argparse.Namespace) -> None:
    kind = Kind(options.command)
    fault = Fault(
        part=options.part,
        kind=kind,
        for_s=options.for_s,
        stopped_share=options.percent / 100 if kind is Kind.SLOW else 0.8,
        latency_ms=options.ms if kind is Kind.LATENCY else 0,
        percent=options.percent if kind in KNOBS else 100,
    )
    _faults(options).inject(fault)
    print(f"{fault.part}: {kind} for {fault.for_s:g} s")


def _lift(options: argparse.Namespace) -> None:
    _faults(options).lift(options.part)


def _calm(options: argparse.Namespace) -> None:
    print(", ".join(_faults(options).calm()) or "nothing was faulted or down")


def _list(options: argparse.Namespace) -> None:
    suffering = _faults(options).suffering()
    if not suffering:
        print("nothing is faulted or down")
    for one in suffering:
        end = "until it is lifted" if one.left_s is None else f"for {one.left_s:.0f} s more"
        print(f"{one.part} {one.what} {end}")


_COMMANDS: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    **dict.fromkeys(Kind, _hurt),
    "lift": _lift,
    "calm": _calm,
    "list": _list,
}
