"""An attacker as a process of its own: prepared before the run, started when the attack begins, ended with it."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gameday.hostile.summary import Summary, read_summary
from gameday.nemesis.fault import Refused

_PREPARED_WITHIN_S: Final = 300.0  # the longest makes a stream of 10,000 events
_ENDS_WITHIN_S: Final = 15.0
_POLL_S: Final = 0.1


class AttackProcess:
    """Linux ends it when whoever started it ends (gameday.experiments.parent_death). Its files are in `folder`."""

    def __init__(self, name: str, urls: Sequence[str], folder: Path) -> None:
        self.name = name
        self._summary = folder / "attack.json"
        self._log = folder / "attack.log"
        self._summary.unlink(missing_ok=True)
        tied = [sys.executable, "-m", "gameday.experiments.parent_death", sys.executable]
        command = [*tied, "-m", "gameday.hostile.attacker", name, ",".join(urls), str(self._summary)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )

    def await_prepared(self) -> None:
        """Raises Refused with its last words when it cannot be prepared."""
        ends_at = time.monotonic() + _PREPARED_WITHIN_S
        while time.monotonic() < ends_at:
            with contextlib.suppress(FileNotFoundError, ValueError):
                if json.loads(self._summary.read_text()):
                    return
            if self._process.poll() is not None:
                break
            time.sleep(_POLL_S)
        words = self._log.read_text(errors="replace").strip().splitlines() or ["it says nothing"]
        raise Refused(f"attack {self.name} is not ready: {words[-1]}")

    def begin(self) -> None:
        """Raises Refused when it has ended meanwhile."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"begin\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Refused(f"attack {self.name} ended before it began, see {self._log}") from error

    def stop(self) -> None:
        """Ends it and waits for that. Nothing happens twice."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def summary(self) -> Summary | None:
        """What it did; None while it has not ended well."""
        return read_summary(self._summary)
