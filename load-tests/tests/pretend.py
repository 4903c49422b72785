"""A pretended load and a pretended shop, so that a whole experiment takes seconds: what is real is the experiment.

`python pretend.py load …` takes holdfast-load's arguments and writes its files: 40 requests a second that are served,
or as the file `suffering` beside the run's folder says. `python pretend.py run FOLDER` conducts an experiment.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gameday.experiments.catalogue import find
from gameday.experiments.execution import conduct
from gameday.experiments.phase_lengths import PhaseLengths
from gameday.experiments.run import Run, Setup
from gameday.nemesis.fault import Fault, Suffering
from gameday.target import Target
from gameday.verdict.bars import QUICK_BARS
from gameday.verdict.phases import Phase
from gameday.workload.history import HistoryFile
from gameday.workload.operation import Operation
from gameday.workload.records import Outcome, Record, RecordFile

RATE = 40
LASTS_S = {Phase.HEALTHY: 1.5, Phase.FAULT: 3.0, Phase.RECOVERY: 1.0, Phase.AFTER: 6.0}
TINY_BARS = replace(QUICK_BARS, served={"cart": 0.9}, in_time={"cart": 0.9}, promised={"cart": 0.9})
TINY = PhaseLengths(
    "tiny",
    warm_up_s=0.5,
    at_least_s=LASTS_S,
    at_most_s=6.0,
    counts={phase: {"cart": 10} for phase in LASTS_S},
    bars=TINY_BARS,
    settles_within_s=1.0,
)
CLEAN = {"checks": [{"claim": "nothing is lost", "looked_at": 1, "differences": []}]}


class PretendedFaults:
    """Remembers what was done, and lets the load suffer as `suffers` says: the outcome of every request meanwhile."""

    def __init__(self, folder: Path, suffers: Outcome = Outcome.OK) -> None:
        self.suffering_file = folder / "suffering"
        self.did: list[str] = []
        self._suffers = suffers

    def parts(self) -> Sequence[str]:
        return ["query-1"]

    def check(self, fault: Fault) -> None:
        pass

    def inject(self, fault: Fault) -> None:
        self.did.append(f"{fault.kind} {fault.part}")
        self.suffering_file.write_text(self._suffers.value)

    def lift(self, part: str) -> None:
        self.did.append(f"lift {part}")
        self.suffering_file.unlink(missing_ok=True)

    def serves(self, part: str) -> bool:
        return True

    def calm(self) -> Sequence[str]:
        self.did.append("calm")
        self.suffering_file.unlink(missing_ok=True)
        return []

    def suffering(self) -> Sequence[Suffering]:
        return []


def pretended(
    folder: Path,
    faults: PretendedFaults,
    name: str = "query-replica-paused",
    gateway: str = "http://127.0.0.1:1",
    memory: Mapping[str, int] = {},
) -> Run:
    """An experiment on the pretended shop in this folder, ready to be conducted. `memory`: bytes that parts hold."""
    inside = (sys.executable, "-c", f"print('''{json.dumps(CLEAN)}''')")
    shop = Target("local", [gateway], faults, inside, lambda: memory)
    load = (sys.executable, str(Path(__file__)), "load")
    (folder / "run").mkdir()
    return Run(find(name), Setup(shop, {}, TINY, 80.0, seed=1, load=load), folder / "run")


def _load(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seconds", type=float)
    options, _ = parser.parse_known_args(arguments)
    out = options.out
    ends = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ends.set())
    began = time.time()
    (out / "load.json").write_text(json.dumps({"began": began, "pid": os.getpid()}))
    file, history = RecordFile(out / "requests.csv"), HistoryFile(out / "history.jsonl")
    looks = Operation("GET", "/api/cart", call="view", process="somebody")
    number = 0
    while time.time() < began + options.seconds and not ends.wait(max(0.0, began + number / RATE - time.time())):
        number += 1
        try:
            outcome = Outcome((out.parent / "suffering").read_text())
        except (FileNotFoundError, ValueError):
            outcome = Outcome.OK
        at = time.time()
        file.write(Record("cart", "view", at, at, at + 0.01, 200, "", outcome, "", "", None, 1, 0, 10.0, outcome))
        file.flush()
        history.complete(history.invoke(looks), looks, outcome, "", None, 1, 0)
        history.flush()
    facts = {"began": began, "planned": number, "sent": number, "lag_p99_ms": 1.0, "ended": time.time()}
    (out / "load.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    if sys.argv[1] == "load":
        _load(sys.argv[2:])
    else:
        conduct(pretended(Path(sys.argv[2]), PretendedFaults(Path(sys.argv[2]))))
