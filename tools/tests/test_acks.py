"""Acknowledgements come back as they were written, from a file and from the input, whole lines only."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from holdfast_tools.acks import Ack, AckFile, read_acks

ACK = Ack("order", "o-1", "c-1", "paid", 500, {"71053": 2}, "536365")


def test_they_come_back_as_written_and_half_a_line_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "acks.jsonl"
    file = AckFile(path)
    file.write(ACK)
    file.close()
    with path.open("ab") as more:
        more.write(b'{"kind": "order", "order')
    assert list(read_acks(path)) == [ACK]
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
    assert list(read_acks(Path("-"))) == [ACK]


def test_a_file_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert list(read_acks(tmp_path / "nowhere.jsonl")) == []
