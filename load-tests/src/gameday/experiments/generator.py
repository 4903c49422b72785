"""The load of one run: `holdfast-load` as a process of its own, so that nothing here delays its arrivals."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from gameday.nemesis.fault import Refused
from gameday.target import ROOT
from gameday.verdict.verdict import LoadFacts

_BEGINS_WITHIN_S: Final = 120.0  # shoppers with accounts and orders are prepared first
_ENDS_WITHIN_S: Final = 30.0
_POLL_S: Final = 0.2
_FIRST: Final = -10
"""Its niceness, where that is allowed: it stands for people elsewhere, whom a busy shop does not make late."""
HOLDFAST_LOAD: Final = (str(Path(sys.executable).parent / "holdfast-load"),)


def program(on: str) -> Sequence[str]:
    """holdfast-load as it suits a shop that runs `local` or in `docker`.

    A published port shows all callers of this machine as one address: more of them would only cost connections.
    """
    return HOLDFAST_LOAD if on == "local" else (*HOLDFAST_LOAD, "--sources", "0")


class Generator:
    """Open arrivals from `start` to `stop`; by itself it ends after `seconds`. Its files are in `folder`.

    `program`: what makes them, holdfast-load or what takes the same arguments and writes the same files.
    """

    def __init__(
        self, program: Sequence[str], folder: Path, urls: Sequence[str], rate: float, seconds: float, seed: int
    ) -> None:
        self.folder = folder
        self.rate = rate
        tied = [sys.executable, "-m", "gameday.experiments.parent_death", *program]
        plan = ["--rate", f"{rate:.1f}", "--seconds", f"{seconds:.0f}", "--seed", str(seed)]
        self.command = [*tied, "--url", ",".join(urls), "--out", str(folder.resolve()), *plan]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def records(self) -> Path:
        return self.folder / "requests.csv"

    @property
    def history(self) -> Path:
        return self.folder / "history.jsonl"

    @property
    def acks(self) -> Path:
        return self.folder / "acks.jsonl"

    def start(self) -> float:
        """Returns, when its schedule begins, that moment in unix seconds. Raises Refused with its last words."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "load.log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        _prefer(self._process.pid)
        ends_at = time.monotonic() + _BEGINS_WITHIN_S
        while time.monotonic() < ends_at:
            if not self.lives():
                raise Refused(f"the load ended before it began: {self._last_words()}")
            if told := self._told():
                return float(told["began"])
            time.sleep(_POLL_S)
        raise Refused(f"the load did not begin within {_BEGINS_WITHIN_S:.0f} s: {self._last_words()}")

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Lets it finish what is under way; ends it when it does not. Nothing happens twice."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def facts(self) -> LoadFacts:
        """What it says of itself; one that never told how it ended has not ended well."""
        told = self._told()
        if "sent" not in told:
            return LoadFacts(planned=0, sent=0, lag_p99_ms=0.0, ended=False)
        return LoadFacts(told["planned"], told["sent"], told["lag_p99_ms"])

    def _told(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.folder / "load.json").read_text()))
        except (FileNotFoundError, ValueError):
            return {}

    def _last_words(self) -> str:
        lines = (self.folder / "load.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it says nothing"


def _prefer(pid: int) -> None:
    """Lets it run first; Linux may compare sessions instead of processes, so both are told."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _FIRST)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(_FIRST))


def together(facts: Sequence[LoadFacts]) -> LoadFacts:
    """Several generators as one: the latest of them counts."""
    return LoadFacts(
        planned=sum(one.planned for one in facts),
        sent=sum(one.sent for one in facts),
        lag_p99_ms=max(one.lag_p99_ms for one in facts),
        ended=all(one.ended for one in facts),
    )
