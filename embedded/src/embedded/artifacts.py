"""The servers' files in Maven Central: which they are, where each is kept, and that it is whole.

`artifacts.lock` lists every file with its SHA-256 and size. jgo's own download keeps a cut-off file and only warns
of a wrong checksum; here a file appears under its name when it has been read to its end and its checksum is right.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import requests
from jgo.maven import Artifact, MavenContext, PythonResolver

from embedded.versions import ELASTICSEARCH_VERSION, KAFKA_VERSION

KAFKA = ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION)
KAFKA_LOGGING = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3")
ELASTICSEARCH = ("org.elasticsearch.distribution.integ-test-zip", "elasticsearch", ELASTICSEARCH_VERSION)

_CHUNK_BYTES = 1 << 16
_TIMEOUT_S = 30
_ATTEMPTS = 3

Progress = Callable[[int], None]
"""Takes the number of bytes that have just been read (negative: read in vain and to be read again)."""


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


def read_lock() -> list[Locked]:
    """Every file of the lock, in its order."""
    lines = resources.files("embedded").joinpath("artifacts.lock").read_text().splitlines()
    return [_parse(line) for line in lines if line and not line.startswith("#")]


def _parse(line: str) -> Locked:
    coordinate, sha256, size = line.split()
    group, name, packaging, version = coordinate.split(":")
    return Locked(group, name, version, packaging, sha256, int(size))


def context(cache: Path, progress: Progress, locked: list[Locked]) -> MavenContext:
    """A Maven context that keeps files in `cache`; HOLDFAST_MAVEN_URL names a mirror of Maven Central."""
    mirror = os.environ.get("HOLDFAST_MAVEN_URL")
    return MavenContext(
        resolver=CheckedResolver(progress, locked),
        repo_cache=cache / "maven",
        remote_repos={"mirror": mirror.rstrip("/")} if mirror else None,
        timeout=_TIMEOUT_S,
    )


def artifact(maven: MavenContext, file: Locked) -> Artifact:
    """The file as jgo sees it; its `resolve()` returns the path and downloads what is missing."""
    component = maven.project(file.group, file.name).at_version(file.version)
    return component.artifact(packaging=file.packaging)


class CheckedResolver(PythonResolver):
    """jgo's resolver with downloads that are whole or absent, safe in several threads and processes."""

    def __init__(self, progress: Progress, locked: list[Locked]) -> None:
        super().__init__()
        self._progress = progress
        self._locked = {(file.group, file.name, file.version, file.packaging): file for file in locked}

    def download(self, artifact: Artifact) -> Path:
        """Downloads one file under its name in the cache; raises FetchFailed."""
        key = (artifact.groupId, artifact.artifactId, artifact.version, artifact.packaging)
        target = artifact.cached_path
        assert target is not None, "the context has a cache"
        target.parent.mkdir(parents=True, exist_ok=True)
        failure: Exception | None = None
        for base in artifact.context.remote_repos.values():
            url = f"{base}/{artifact.component.path_prefix.as_posix()}/{artifact.filename}"
            for _ in range(_ATTEMPTS):
                try:
                    return self._read(url, target, self._locked.get(key))
                except (requests.RequestException, FetchFailed) as error:
                    failure = error
        raise FetchFailed(f"{artifact.filename} could not be fetched: {failure}") from failure

    def _read(self, url: str, target: Path, locked: Locked | None) -> Path:
        partial = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
        counted = 0
        try:
            with requests.get(url, stream=True, timeout=_TIMEOUT_S) as answer, partial.open("wb") as file:
                answer.raise_for_status()
                digest = hashlib.sha256()
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    file.write(chunk)
                    digest.update(chunk)
                    counted += len(chunk)
                    self._progress(len(chunk))
            _check(target.name, locked, counted, digest.hexdigest(), answer.headers.get("Content-Length"))
            partial.replace(target)
        except BaseException:
            self._progress(-counted)
            partial.unlink(missing_ok=True)
            raise
        return target


def _check(name: str, locked: Locked | None, size: int, sha256: str, announced: str | None) -> None:
    if locked is not None and sha256 != locked.sha256:
        raise FetchFailed(f"{name} has {size} bytes and SHA-256 {sha256}, want {locked.size_bytes} and {locked.sha256}")
    if locked is None and announced is not None and int(announced) != size:
        raise FetchFailed(f"{name} was cut off after {size} of {announced} bytes")
