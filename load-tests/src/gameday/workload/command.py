"""`holdfast-load`: open arrivals of shoppers against the running shop, every request written down."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gevent
from rich.console import Console

from gameday.workload import locust_run
from gameday.workload.client import TIMEOUT_S, TRIES, Client
from gameday.workload.dataset import read_dataset
from gameday.workload.figures import Tally
from gameday.workload.folder import RunFolder
from gameday.workload.generator import LEAD_S, Played
from gameday.workload.mix import Step, WrongMix, parse, percents
from gameday.workload.options import add_sources, number, refusing, sources, whole
from gameday.workload.records import Record
from gameday.workload.schedule import poisson
from gameday.workload.workload import Admin, Workload
from holdfast_tools.command_line import UserError, add_data, add_shop, parser, urls

_NAME: Final = "holdfast-load"
_FLUSH_S: Final = 0.4
_SHORT: Final = 0.99
_LATE_MS: Final = 50.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for, checked."""

    rate: float
    seconds: float
    seed: int
    mix: Sequence[Step]
    urls: Sequence[str]
    tries: int
    sources: Sequence[str]

    def described(self) -> dict[str, Any]:
        return {
            "rate": self.rate,
            "seconds": self.seconds,
            "seed": self.seed,
            "mix": percents(self.mix),
            "urls": list(self.urls),
            "tries": self.tries,
            "sources": len(self.sources),
            "timeout_s": TIMEOUT_S,
            "pid": os.getpid(),
        }


def plan(options: argparse.Namespace) -> Plan:
    """Raises UserError."""
    try:
        mix = parse(options.mix)
    except WrongMix as error:
        raise UserError(f"--mix: {error}") from error
    return Plan(
        rate=number("--rate", options.rate, 0.1, 5_000),
        seconds=number("--seconds", options.seconds, 1, 86_400),
        seed=whole("--seed", options.seed, 0, 2**53),
        mix=mix,
        urls=urls(options.url),
        tries=whole("--tries", options.tries, 1, 10),
        sources=sources(options),
    )


class Run:
    """One run in its folder."""

    def __init__(self, plan: Plan, folder: RunFolder, options: argparse.Namespace, console: Console) -> None:
        self._plan = plan
        self._folder = folder
        self._options = options
        self._console = console
        self._tally = Tally()
        self._client = Client(plan.urls, tries=plan.tries, history=folder.history)

    def work(self, told: Callable[[Record], None]) -> None:
        """Prepare, play, tell. Raises UserError when the shop is not fit for it before the schedule begins."""
        for name in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(name, self._client.stopping.set)

        def record(record: Record) -> None:
            self._folder.records.write(record)
            self._tally.take(record)
            told(record)

        dataset = read_dataset(self._options.data)
        admin = Admin(self._options.admin_email, self._options.admin_password)
        workload = Workload(self._client, dataset, self._folder.acks, admin, record, self._plan.sources)
        workload.check()
        came = workload.prepare(self._plan.mix, self._plan.rate)
        self._console.print(f"{came:,} shoppers are ready; {self._plan.rate:g} arrivals a second begin")
        flushing = gevent.spawn(self._flush)
        try:
            self._play(workload)
        finally:
            flushing.kill()
            self._client.close()

    def _play(self, workload: Workload) -> None:
        plan = self._plan
        arrivals = poisson(plan.rate, plan.seconds, plan.seed, plan.mix)
        described = {"run": self._folder.history.run, "began": self._client.now() + LEAD_S, **plan.described()}
        self._folder.write(described)
        played = workload.play(plan.mix, plan.rate, arrivals, described["began"])
        self._folder.flush()
        self._folder.write({**described, **played.described()})
        self._tell(played)

    def _flush(self) -> None:
        while True:
            gevent.sleep(_FLUSH_S)
            self._folder.flush()

    def _tell(self, played: Played) -> None:
        self._console.print(self._tally.table())
        for what, count in sorted(self._tally.codes.items()):
            self._console.print(f"  {what}: {count:,}", highlight=False)
        self._console.print(
            f"{played.sent:,} of {played.planned:,} arrivals sent, {played.lag_p99_ms:.1f} ms late (p99), with "
            f"{played.cpu_share:.0%} of one core; written to {self._folder.path}"
        )
        if played.sent < _SHORT * played.planned or played.lag_p99_ms > _LATE_MS:
            self._console.print("the load fell short of its plan or came late: this run says nothing about the shop")


def main() -> int:
    options = _options().parse_args()

    def work() -> int:
        checked = plan(options)
        console = Console(stderr=True, width=None if sys.stderr.isatty() else 110)
        folder = RunFolder(options.out)
        try:
            locust_run.run(Run(checked, folder, options, console).work, options.out / "locust")
        finally:
            folder.close()
            folder.discard()
        return 0

    return refusing(_NAME, work)


def _options() -> argparse.ArgumentParser:
    arguments = parser(
        _NAME,
        "Shoppers who come when they come: open arrivals from a seeded Poisson schedule. Writes load.json, "
        "requests.csv, history.jsonl, acks.jsonl and Locust's statistics into a new folder.",
    )
    add_shop(arguments)
    add_data(arguments)
    arguments.add_argument("--rate", default="30", help="arrivals a second, on average")
    arguments.add_argument("--seconds", default="60", help="how long they come")
    arguments.add_argument("--seed", default="1", help="the same seed is the same plan")
    arguments.add_argument("--mix", default="", help="journey=share,…; journeys left out do not occur")
    arguments.add_argument("--tries", default=str(TRIES), help="attempts at one request at most")
    add_sources(arguments)
    arguments.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder for the run")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
