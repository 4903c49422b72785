"""Open load on a shop under test: `holdfast-load` beside the test, and what became of its requests."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.workload.records import Outcome, Record, read_records
from running import ROOT, Running

LATE_MS = 50.0  # p99 of the generator's own delay: above it the run says nothing
SHORT = 0.99
_PREPARED_WITHIN_S = 90.0
_FINISHED_WITHIN_S = 40.0
_LOST = (Outcome.CONTAINED, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Load:
    """A run in its folder; `began` is when its schedule began, unix seconds."""

    folder: Path

    @property
    def described(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "load.json").read_text())
        return found

    @property
    def requests(self) -> Sequence[Record]:
        """What shoppers asked; not what prepared them."""
        return [record for record in read_records(self.folder / "requests.csv") if record.journey != "admin"]

    @property
    def lost(self) -> Sequence[Record]:
        """Those that were not served, nor rightly refused."""
        return [record for record in self.requests if record.outcome in _LOST]

    @property
    def fell_short(self) -> bool:
        """Came too late or too little: nothing follows from it about the shop."""
        run = self.described
        return bool(run["lag_p99_ms"] > LATE_MS or run["sent"] < SHORT * run["planned"])

    def wait_until(self, second: float) -> None:
        """So many seconds after the schedule began."""
        time.sleep(max(0.0, self.described["began"] + second - time.time()))

    def __str__(self) -> str:
        run = self.described
        named = Counter(f"{one.call} at {one.intended - run['began']:.1f} s: {one.code}" for one in self.lost)
        return (
            f"{len(self.lost)} of {len(self.requests)} requests lost, {run['sent']} of {run['planned']} arrivals sent, "
            f"{run['lag_p99_ms']:.0f} ms late (p99). {', '.join(list(named)[:20])}"
        )


@contextmanager
def driven(shop: Running, folder: Path, rate: float, seconds: float, *more: str) -> Iterator[Load]:
    """Arrivals come while the block runs, from its start to `seconds` later; after it the run is over."""
    command = ["holdfast-load", "--rate", f"{rate:g}", "--seconds", f"{seconds:g}", "--out", str(folder), *more]
    with subprocess.Popen(
        shop.command(*command),
        cwd=ROOT,
        env=dict(shop.environment()),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            ends_at = time.monotonic() + _PREPARED_WITHIN_S
            while not (folder / "load.json").exists():
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < ends_at, "the load did not begin"
                time.sleep(0.05)
            yield Load(folder)
            said = process.communicate(timeout=seconds + _FINISHED_WITHIN_S)[1]
            assert process.returncode == 0, said
        finally:
            process.kill()
