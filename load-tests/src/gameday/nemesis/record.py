"""What is faulted and until when, in files: any process may end what another one has begun and left."""

import fcntl
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gameday.nemesis.fault import Kind


@dataclass(frozen=True, slots=True)
class Entry:
    """One fault in effect on the container with that id, which may be gone by now.

    `ends_at` is in seconds of the Unix epoch, `token` tells the fault from one that took its place.
    """

    container: str
    kind: Kind
    ends_at: float
    stopped_share: float
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def left_s(self) -> float:
        """Seconds until it ends; 0 for one that should have."""
        return max(0.0, self.ends_at - time.time())


@dataclass(frozen=True, slots=True)
class Record:
    """A directory with one file for each part that is faulted, and one for its turn."""

    directory: Path

    @contextmanager
    def held(self, part: str) -> Iterator[None]:
        """The turn to change a part; whoever holds it does so for the time of a few Docker commands."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / f"{part}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self, part: str) -> Entry | None:
        """What the part suffers; None for nothing."""
        try:
            row = json.loads(self._file(part).read_text())
        except FileNotFoundError:
            return None
        return Entry(**{**row, "kind": Kind(row["kind"])})

    def write(self, part: str, entry: Entry) -> None:
        """Writes down what the part is about to suffer."""
        partial = self._file(part).with_suffix(".part")
        partial.write_text(json.dumps(asdict(entry)))
        partial.replace(self._file(part))

    def forget(self, part: str) -> None:
        """The part suffers nothing any more."""
        self._file(part).unlink(missing_ok=True)

    def _file(self, part: str) -> Path:
        return self.directory / f"{part}.json"
