"""Git revisions and worktrees of the repository that this tool belongs to."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from holdfast_tools.compare_cpu.commands import run
from holdfast_tools.compare_cpu.errors import Refused

REPOSITORY: Final = Path(__file__).resolve().parents[4]
UNCOMMITTED: Final = (".", "WORKTREE")
_AUTHOR: Final = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "compare-cpu"), ("EMAIL", "compare-cpu@localhost"))
}


def commit_of(revision: str, repository: Path = REPOSITORY) -> str:
    """The full id of the commit that a revision names; `.` or WORKTREE names the files as they are now.

    For these a commit is made that no branch contains; new files are in it, ignored ones are not. Raises Refused.
    """
    if revision in UNCOMMITTED:
        return _snapshot(repository)
    try:
        return run(
            ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"], repository
        )
    except Refused:
        raise Refused(f"{revision!r} is no commit of this repository; see git log") from None


def _snapshot(repository: Path) -> str:
    with tempfile.TemporaryDirectory() as directory:
        env = {**_AUTHOR, "GIT_INDEX_FILE": str(Path(directory) / "index")}
        run(["git", "read-tree", "HEAD"], repository, env=env)
        run(["git", "add", "--all"], repository, env=env)
        tree = run(["git", "write-tree"], repository, env=env)
        return run(["git", "commit-tree", tree, "-p", "HEAD", "-m", "uncommitted files"], repository, env=env)


@contextmanager
def worktree(commit: str, path: Path, repository: Path = REPOSITORY) -> Iterator[None]:
    """The commit's files in a worktree at `path`, removed at the end."""
    try:
        run(["git", "worktree", "add", "--quiet", "--detach", path, commit], repository, timeout_s=120)
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)  # git does not remove a worktree that it made in part
        with suppress(Refused):  # it was not made
            run(["git", "worktree", "remove", "--force", "--force", path], repository)  # twice: also while git locks it
