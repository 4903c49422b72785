"""Worktrees of a real repository come and go; the files as they are become a commit of their own."""

import subprocess
from pathlib import Path

import pytest

from holdfast_tools.compare_cpu.errors import Refused
from holdfast_tools.compare_cpu.revisions import commit_of, worktree


def git(repository: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "-q")
    (path / ".gitignore").write_text("ignored\n")
    (path / "file").write_text("first\n")
    git(path, "add", "--all")
    git(path, "commit", "-qm", "first")
    git(path, "tag", "-a", "v1", "-m", "v1")
    return path


def test_a_revision_names_its_commit(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert {commit_of(name, repository) for name in ("HEAD", "v1", head[:10])} == {head}


@pytest.mark.parametrize("revision", ["nothing", "", "--help", "HEAD~9", "HEAD:file", "; true"])
def test_what_names_no_commit_is_refused_by_name(revision: str, repository: Path) -> None:
    with pytest.raises(Refused, match=f"^{revision!r} is no commit"):
        commit_of(revision, repository)


@pytest.mark.parametrize("name", [".", "WORKTREE"])
def test_the_files_as_they_are_become_a_commit_and_stay_as_they_are(
    name: str, repository: Path, tmp_path: Path
) -> None:
    (repository / "file").write_text("changed\n")
    (repository / "new").write_text("new\n")
    (repository / "ignored").write_text("ignored\n")
    status = git(repository, "status", "--porcelain")
    commit = commit_of(name, repository)
    assert git(repository, "status", "--porcelain") == status
    with worktree(commit, tmp_path / "tree", repository):
        assert (tmp_path / "tree" / "file").read_text() == "changed\n"
        assert (tmp_path / "tree" / "new").read_text() == "new\n"
        assert not (tmp_path / "tree" / "ignored").exists()
    assert git(repository, "branch", "--contains", commit) == ""


@pytest.mark.parametrize("end", [None, KeyboardInterrupt, Refused])
def test_a_worktree_is_removed_however_its_use_ends(
    end: type[BaseException] | None, repository: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tree"
    try:
        with worktree("HEAD", path, repository):
            assert (path / "file").read_text() == "first\n"
            (path / "made").write_text("of no commit\n")
            if end is not None:
                raise end("ended")
    except (KeyboardInterrupt, Refused):
        pass
    assert not path.exists()
    assert git(repository, "worktree", "list").count("\n") == 0


def test_a_worktree_that_git_was_interrupted_in_making_is_removed(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "tree"
    with worktree("HEAD", path, repository):
        git(repository, "worktree", "lock", "--reason", "initializing", str(path))
        (path / ".git").unlink()
    assert not path.exists()
    assert git(repository, "worktree", "list").count("\n") == 0


def test_one_commit_can_be_had_twice(repository: Path, tmp_path: Path) -> None:
    with worktree("HEAD", tmp_path / "old", repository), worktree("HEAD", tmp_path / "new", repository):
        assert (tmp_path / "old" / "file").read_text() == (tmp_path / "new" / "file").read_text()
