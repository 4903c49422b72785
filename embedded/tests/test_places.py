"""Where things lie, for root and for others."""

import os
from pathlib import Path

import pytest

from embedded import places
from embedded.places import NoPlace

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="what root's servers need is tried as root")


@as_root
def test_data_of_roots_servers_lie_where_nobody_can_go(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    hidden = places.servers_dir(tmp_path)
    assert not hidden.is_relative_to(tmp_path)
    assert places.open_to_others(hidden.parent)
    assert places.servers_dir(tmp_path) == hidden


@as_root
def test_a_cache_that_nobody_can_enter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    with pytest.raises(NoPlace, match="HOLDFAST_CACHE"):
        places.cache_dir()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NoPlace, match="file/below cannot be written"):
        places.make_directory(tmp_path / "file" / "below")


def test_the_state_lies_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_STATE", str(tmp_path / "elsewhere"))
    assert places.state_dir() == tmp_path / "elsewhere"
    assert places.state_dir(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv("HOLDFAST_STATE")
    assert places.state_dir() == Path(__file__).parents[2] / ".holdfast"
