"""Where the stack keeps things, and as whom its servers run.

Elasticsearch and PostgreSQL refuse to run as root. Started by root they run as `nobody`, so that what they read and
write must lie where that user can go; the home of root mostly is not such a place.
"""

import hashlib
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path


class NoPlace(Exception):
    """A directory cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group that the servers run as when root starts them."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """`nobody` for root, None (run as whoever starts it) for anybody else."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def cache_dir() -> Path:
    """Programs that are fetched once: HOLDFAST_CACHE, else the user's cache, for root one that others can read."""
    given = os.environ.get("HOLDFAST_CACHE")
    if given:
        path = Path(given).expanduser().resolve()
    elif os.geteuid() == 0:
        path = Path("/var/cache/holdfast")
    else:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast"
    make_directory(path)
    if os.geteuid() == 0 and not open_to_others(path):
        raise NoPlace(f"{path} cannot be entered by nobody, who runs the servers; set HOLDFAST_CACHE to another")
    return path


def state_dir(given: Path | None = None) -> Path:
    """One stack's state, logs and data: `given`, else HOLDFAST_STATE, else .holdfast in the project."""
    if given is None:
        project = Path(__file__).resolve().parents[3]
        root = project if (project / "requirements.lock").exists() else Path.cwd()
        given = Path(os.environ.get("HOLDFAST_STATE") or root / ".holdfast")
    return given.expanduser().resolve()


def servers_dir(state: Path) -> Path:
    """Where the servers of this stack keep configuration and data.

    In the state directory; for root, where others cannot enter that, in a directory of its own below /var/tmp.
    """
    if os.geteuid() != 0 or open_to_others(state):
        return state / "servers"
    name = hashlib.sha256(str(state).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"holdfast-{name}"


def make_directory(path: Path, account: Account | None = None) -> None:
    """Makes the directory, and gives it to `account`; raises NoPlace."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if account is not None:
            os.chown(path, account.uid, account.gid)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise NoPlace(f"{path} cannot be written: {error.strerror}") from error


def open_to_others(path: Path) -> bool:
    """Whether any user can enter the directory and every one above it."""
    return all(entry.stat().st_mode & stat.S_IXOTH for entry in (path, *path.parents))
