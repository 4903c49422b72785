"""`holdfast-capacity`: how many arrivals a second the healthy shop serves, by trying."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import gevent
from rich.console import Console

from embedded import places
from gameday.workload.capacity import GOOD_SHARE, P99_MS, Probe, best, highest_good, lasting
from gameday.workload.client import Client
from gameday.workload.dataset import read_dataset
from gameday.workload.figures import Tally
from gameday.workload.generator import LEAD_S
from gameday.workload.mix import Step, WrongMix, parse, percents
from gameday.workload.options import add_sources, number, refusing, sources
from gameday.workload.records import Outcome, Record
from gameday.workload.schedule import poisson
from gameday.workload.workload import Admin, Workload
from holdfast_tools.acks import AckFile, default_path
from holdfast_tools.command_line import UserError, add_data, add_shop, parser, urls

_NAME: Final = "holdfast-capacity"
_PROBE_S: Final = 8.0  # several windows of the gateways' limits; at 100 a second 800 requests
_LASTING_S: Final = 25.0  # of what was found: by then a queue that grows, or a heap that fills, has shown
_CALM_S: Final = 2.0
_CALM_AFTER_BAD_S: Final = 6.0  # the longest open time of a breaker, and a window of the limits


class Measurement:
    """Probes one running shop."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._client = Client(urls(options.url), tries=1)
        self._tally = Tally()
        self._seed = 0
        self._console = Console(stderr=True)
        admin = Admin(options.admin_email, options.admin_password)
        acks = AckFile(options.acks)
        self._workload = Workload(self._client, read_dataset(options.data), acks, admin, self._take, sources(options))
        self._workload.check()
        try:
            self.mix = parse(options.mix)
        except WrongMix as error:
            raise UserError(f"--mix: {error}") from error

    def _take(self, record: Record) -> None:
        if record.journey != "admin":
            self._tally.take(record)

    def probe(self, rate: float, seconds: float = _PROBE_S) -> Probe:
        """So many seconds at that rate. Good is what a healthy shop answers: nothing kept for want of better."""
        self._workload.prepare(self.mix, rate)
        gevent.sleep(_CALM_S)
        self._tally = Tally()
        self._seed += 1
        arrivals = poisson(rate, seconds, self._seed, self.mix)
        played = self._workload.play(self.mix, rate, arrivals, self._client.now() + LEAD_S)
        good = self._tally.share(Outcome.OK, Outcome.REFUSED) * played.sent / max(1, played.planned)
        made = Probe(rate, played.planned, good, self._tally.percentile_ms(99), played.lag_p99_ms)
        self._console.print(str(made), highlight=False)
        if not made.good:
            gevent.sleep(_CALM_AFTER_BAD_S)
        return made


def machine() -> dict[str, Any]:
    """What the figure holds for."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.processor())
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "cpu": cpu,
        "memory_gib": round(memory_bytes / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def main() -> int:
    arguments = parser(
        _NAME,
        f"The highest rate of open arrivals, in the usual mix, of which {GOOD_SHARE:.0%} are answered well and 99 % "
        f"within {P99_MS:.0f} ms, for {_LASTING_S:.0f} s. Takes three to five minutes. The load runs on the same "
        f"machine and counts.",
    )
    add_shop(arguments)
    add_data(arguments)
    arguments.add_argument("--acks", type=Path, default=default_path(), help="where acknowledgements are written")
    arguments.add_argument("--from", dest="first", default="40", metavar="RATE", help="arrivals a second to begin with")
    arguments.add_argument("--out", type=Path, default=places.state_dir() / "capacity.json", metavar="FILE")
    arguments.add_argument("--mix", default="", help="journey=share,… as of holdfast-load; none: the usual mix")
    add_sources(arguments)
    arguments.add_argument("--longest", default="170", metavar="SECONDS", help="no new probe begins after so long")
    return refusing(_NAME, lambda: _work(arguments.parse_args()))


def _work(options: argparse.Namespace) -> int:
    first, longest_s = number("--from", options.first, 1, 1_000), number("--longest", options.longest, 10, 600)
    if not os.access(options.out.parent, os.W_OK):
        raise UserError(f"{options.out} cannot be written")
    measurement = Measurement(options)
    ends_at = time.monotonic() + longest_s
    probes = highest_good(measurement.probe, first, lambda: time.monotonic() < ends_at)
    probes += lasting(lambda rate: measurement.probe(rate, _LASTING_S), best(probes).rate)
    found = probes[-1]
    if not found.good:
        raise UserError(f"no rate lasts: {found}")
    options.out.write_text(json.dumps(_result(found, probes, measurement.mix), indent=2) + "\n", encoding="utf-8")
    print(f"capacity: {found.rate:.0f} arrivals a second; written to {options.out}")
    return 0


def _result(found: Probe, probes: Sequence[Probe], mix: Sequence[Step]) -> dict[str, Any]:
    return {
        "capacity_per_s": round(found.rate, 1),
        "good_share": found.good_share,
        "p99_ms": found.p99_ms,
        "means": f"open arrivals, each sent once: at least {GOOD_SHARE:.0%} good, p99 at most {P99_MS:.0f} ms",
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "mix": percents(mix),
        "machine": machine(),
        "probes": [asdict(made) for made in probes],
    }


if __name__ == "__main__":
    sys.exit(main())
