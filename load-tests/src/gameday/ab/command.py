"""`holdfast-ab`: what the protections are worth. The same load and trigger with them on, off, and each off in turn."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from gameday.ab import plan
from gameday.ab.plan import FULL, PARTS, PAUSED, QUICK, Planned
from gameday.ab.sequence import Course
from gameday.ab.switches import Switches
from gameday.ab.trial import Lab, arrivals
from gameday.experiments.estimate import spoken
from gameday.experiments.preparation import REPORTS, metrics, new_folder
from gameday.experiments.started_shop import own_shop
from gameday.nemesis.cli import Parser
from gameday.nemesis.fault import Fault, Kind, Refused
from gameday.target import target
from gameday.verdict.verdict import Result

_HIGHEST_SEED: Final = 2**31
_WIDTH: Final = 130  # of a log file, where nobody says
_RATES: Final = (1.0, 1000.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: the claim holds, 1: it does not, 2: nothing could be said, or the command was refused."""
    options = _options().parse_args(argv)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        folder = new_folder(options.reports, "ab")
        try:
            with own_shop(options.on, wanted=True):
                return _run(options, folder).exit_code
        finally:
            if not any(folder.iterdir()):
                folder.rmdir()
    except Refused as error:
        print(f"holdfast-ab: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("holdfast-ab: interrupted; the shop is calm and protected", file=sys.stderr)
    finally:
        signal.signal(signal.SIGTERM, before)
    return 2


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _options() -> argparse.ArgumentParser:
    parser = Parser(prog="holdfast-ab", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="off and on once, without controls and ablation")
    parser.add_argument("--parts", type=_parts, default=PARTS, help=f"some of {','.join(PARTS)} (all)")
    parser.add_argument("--repeats", type=_repeats, default=3, help="of off and on, alternating; the median counts (3)")
    parser.add_argument("--rate", type=_rate, help="arrivals a second; none: the edge of this machine is searched for")
    parser.add_argument("--seed", type=_seed, default=1, help="of the arrivals and of what is searched (1)")
    parser.add_argument("--on", choices=("local", "docker"), default="local", help="where the shop runs (local)")
    parser.add_argument("--reports", type=Path, default=REPORTS, metavar="DIR", help="where the reports go (reports)")
    parser.add_argument("--admin-email", default=os.environ.get("ADMIN_EMAIL", "admin@holdfast.example"))
    parser.add_argument("--admin-password", default=os.environ.get("ADMIN_PASSWORD", "holdfast-admin"))
    return parser


def _parts(text: str) -> Sequence[str]:
    names = text.split(",")
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"there is no part {name!r}; there are {', '.join(PARTS)}")
    return names


def _repeats(text: str) -> int:
    return _whole(text, 1, 20)


def _seed(text: str) -> int:
    return _whole(text, 0, _HIGHEST_SEED)


def _whole(text: str, low: int, high: int) -> int:
    if not text.isdigit() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} to {high}")
    return int(text)


def _rate(text: str) -> float:
    low, high = _RATES
    try:
        rate = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not low <= rate <= high:
        raise argparse.ArgumentTypeError(f"{text} is not from {low:g} to {high:g} arrivals a second")
    return rate


def _run(options: argparse.Namespace, folder: Path) -> Result:
    """Checks that all can be done, says how long it takes, and does it. Raises Refused before the first run."""
    console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH)
    shop = target(options.on)
    shop.faults.check(Fault(PAUSED, Kind.PAUSE, plan.TRIGGER_S))
    switches = Switches(shop.gateways[0], options.admin_email, options.admin_password)
    if off := switches.off():
        raise Refused(f"protections are off already: {', '.join(off)}; switch them on first")
    runs: Sequence[Planned] = (
        plan.planned(("comparison",), 1, QUICK) if options.quick else plan.planned(options.parts, options.repeats, FULL)
    )
    takes_s = plan.takes_s(runs, measures=not options.rate, searches=not (options.rate or options.quick))
    console.print(f"{len(runs)} runs, about {spoken(takes_s)} in all")
    lab = Lab(shop, switches, metrics(shop), options.seed, arrivals(shop.on))
    course = Course(lab, folder, console)
    return course.take(runs, options.rate, searches=not options.quick)


if __name__ == "__main__":
    sys.exit(main())
