"""`holdfast-chaos`: experiments on the running shop, one or the gate's nine, and what they showed."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]
from rich.console import Console

from gameday.experiments import capacity, catalogue, estimate
from gameday.experiments.definition import Definition
from gameday.experiments.execution import conduct
from gameday.experiments.generator import program
from gameday.experiments.phase_lengths import FULL, QUICK, PhaseLengths
from gameday.experiments.preparation import REPORTS, alone, check, metrics, new_folder, writable
from gameday.experiments.progress import Progress
from gameday.experiments.run import Run, Setup
from gameday.experiments.started_shop import own_shop
from gameday.experiments.suite import summarise
from gameday.nemesis.fault import Refused
from gameday.report.files import Report
from gameday.report.terminal import show, terminal
from gameday.target import Target, target
from gameday.verdict.verdict import Result

_HIGHEST_SEED: Final = 2**31


def main() -> int:
    """Exit code 0: all passed, 1: one failed, 2: nothing could be said, or the command was refused."""
    options = _options().parse_args()
    if options.list:
        print("\n".join(catalogue.names()))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # outside Chaos Toolkit's own care: as Ctrl-C
    logging.getLogger("chaostoolkit").setLevel(logging.CRITICAL + 1)  # the journal holds it; the terminal is ours
    try:
        chosen = [catalogue.find(name) for name in _names(options)]
        if options.print_:
            print("---\n".join(yaml.safe_dump(one.raw, sort_keys=False, allow_unicode=True) for one in chosen), end="")
            return 0
        writable(options.reports)
        with own_shop(options.on, wanted=options.start):
            shop = target(options.on)
            with alone():
                return _run(chosen, shop, options).exit_code
    except Refused as error:
        print(f"holdfast-chaos: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("holdfast-chaos: interrupted; the shop is calm", file=sys.stderr)
        return 2


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="holdfast-chaos", description=__doc__)
    parser.add_argument(
        "experiments", nargs="*", metavar="EXPERIMENT", help="names or files; none: those of the family"
    )
    parser.add_argument(
        "--quick", action="store_true", help="short phases; without names, those of the family that show most"
    )
    parser.add_argument("--on", choices=("local", "docker"), default="local", help="where the shop runs (local)")
    parser.add_argument("--start", action="store_true", help="start local processes if none run, and end them after")
    parser.add_argument("--seed", type=_seed, default=1, help="of the arrivals and of what shoppers want (1)")
    parser.add_argument(
        "--capacity", type=_capacity, metavar="RATE", help="arrivals a second, instead of what was measured here"
    )
    parser.add_argument("--runs", type=_runs, default=1, help="each experiment so often, pooled (1)")
    parser.add_argument("--reports", type=Path, default=REPORTS, metavar="DIR", help="where the reports go (reports)")
    parser.add_argument(
        "--family", choices=tuple(catalogue.FAMILIES), default="gate", help="which are meant when none is named (gate)"
    )
    parser.add_argument(
        "--print", action="store_true", dest="print_", help="print them as Chaos Toolkit takes them (chaos run FILE)"
    )
    parser.add_argument("--list", action="store_true", help="the names of all experiments")
    return parser


def _seed(text: str) -> int:
    return _whole(text, 0, _HIGHEST_SEED)


def _capacity(text: str) -> int:
    return _whole(text, 1, 10_000)


def _runs(text: str) -> int:
    return _whole(text, 1, 100)


def _whole(text: str, low: int, high: int) -> int:
    if not text.isdigit() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} to {high}")
    return int(text)


def _names(options: argparse.Namespace) -> Sequence[str]:
    names = options.experiments or catalogue.FAMILIES[options.family][options.quick]
    return [name for name in names for _ in range(options.runs)]


def _folder_name(options: argparse.Namespace) -> str:
    if options.family == "gate":
        return "quick" if options.quick else "gate"
    return f"{options.family}-quick" if options.quick else str(options.family)


def _run(chosen: Sequence[Definition], shop: Target, options: argparse.Namespace) -> Result:
    """Checks everything, says how long it takes, then runs one after the other. Raises Refused before that."""
    console = terminal()
    for definition in chosen:
        check(definition, shop)
    measured = options.capacity or capacity.read(shop.on)
    if measured is None:
        console.print("the capacity of this machine is not known yet: it is measured first, in 3 to 5 minutes")
        measured = capacity.measure(shop.on, shop.gateways)
    pace = QUICK if options.quick else FULL
    _say_how_long(console, chosen, pace, measured)
    with Progress(console) as progress:
        setup = Setup(shop, metrics(shop), pace, measured, options.seed, progress.told, program(shop.on))
        if len(chosen) == 1:
            run = Run(chosen[0], setup, new_folder(options.reports, chosen[0].name))
            return _one(run, progress, console).verdict.result
        folder = new_folder(options.reports, _folder_name(options))
        reports: list[tuple[Path, Report]] = []
        for definition in chosen:
            run = Run(definition, setup, new_folder(folder, definition.name))
            reports.append((run.folder, _one(run, progress, console)))
            if run.interrupted_by_hand:
                break
    return summarise(console, folder, reports, len(chosen), pace.bars)


def _one(run: Run, progress: Progress, console: Console) -> Report:
    progress.begins(run.definition.title)
    report = conduct(run)
    show(console, report)
    console.print(f"report: {run.folder / 'report.html'}\n")
    return report


def _say_how_long(console: Console, chosen: Sequence[Definition], pace: PhaseLengths, measured: float) -> None:
    takes = [estimate.run_s(definition, pace, measured) for definition in chosen]
    for definition, seconds in zip(chosen, takes, strict=True):
        rate = definition.settings.share_of_capacity * measured
        console.print(f"  about {estimate.spoken(seconds):>6}  {definition.name}, {rate:.0f} arrivals a second")
    console.print(f"  about {estimate.spoken(sum(takes)):>6}  in all; the capacity is {measured:.0f} a second")
