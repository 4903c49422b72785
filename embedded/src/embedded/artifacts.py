"""The servers' files in Maven Central: which they are, by `artifacts.lock`, and where each is kept."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path


class FetchFailed(Exception):
    """A file could not be had whole; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One file: its Maven coordinate, what it must hash to, and its size in bytes."""

    group: str
    name: str
    version: str
    packaging: str
    sha256: str
    size_bytes: int

    def path(self, cache: Path) -> Path:
        """Where the file is kept, as Maven lays its repository out."""
        directory = repository(cache).joinpath(*self.group.split("."), self.name, self.version)
        return directory / f"{self.name}-{self.version}.{self.packaging}"

    def is_whole(self, cache: Path) -> bool:
        """Whether it is there; it was checked when it came, its size tells whether a full disk has cut it since."""
        path = self.path(cache)
        return path.exists() and path.stat().st_size == self.size_bytes


def repository(cache: Path) -> Path:
    """The top of the files in the cache."""
    return cache / "maven"


def read_lock() -> list[Locked]:
    """Every file of the lock, in its order."""
    lines = resources.files("embedded").joinpath("artifacts.lock").read_text().splitlines()
    return [_parse(line) for line in lines if line and not line.startswith("#")]


def _parse(line: str) -> Locked:
    coordinate, sha256, size = line.split()
    group, name, packaging, version = coordinate.split(":")
    return Locked(group, name, version, packaging, sha256, int(size))
