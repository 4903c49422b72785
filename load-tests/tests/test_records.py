"""The file of requests: what is written is read, and a half-written line is not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.workload.records import COLUMNS, Outcome, Record, RecordFile, Tail, read_records

_words = st.text(st.characters(codec="ascii", categories=["L", "N", "P"], include_characters=" ,"), max_size=12)
_seconds = st.integers(0, 10**12).map(lambda micros: 1.7e9 + micros / 1e6)
_records = st.builds(
    Record,
    journey=_words,
    call=_words,
    intended=_seconds,
    sent=_seconds,
    ended=_seconds,
    status=st.integers(0, 599),
    code=_words,
    outcome=st.sampled_from(Outcome),
    served_from=_words,
    degraded=_words,
    age_s=st.none() | st.integers(0, 10**6).map(float),
    attempts=st.integers(1, 9),
    gateway=st.integers(-1, 1),
    first_ms=st.integers(0, 10**7).map(float),
    first_outcome=st.sampled_from(Outcome),
)


def _some(**changes: object) -> Record:
    values = dict.fromkeys(COLUMNS, "x") | dict.fromkeys(("intended", "sent", "ended", "first_ms"), 1.5)
    values |= {"status": 200, "attempts": 1, "gateway": 0, "age_s": None}
    return Record(**(values | {"outcome": Outcome.OK, "first_outcome": Outcome.OK} | changes))  # type: ignore[arg-type]


@given(st.lists(_records, max_size=5))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, records: list[Record]) -> None:
    path = tmp_path_factory.mktemp("run") / "requests.csv"
    file = RecordFile(path)
    for record in records:
        file.write(record)
    file.close()
    read = list(read_records(path))
    assert [(one.call, one.code, one.outcome, one.age_s) for one in read] == [
        (one.call, one.code, one.outcome, one.age_s) for one in records
    ]
    assert [one.intended for one in read] == pytest.approx([one.intended for one in records], abs=1e-6)


def test_a_half_written_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    file = RecordFile(path)
    file.write(_some(call="first"))
    file.write(_some(call="second"))
    file.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    tail = Tail(path)
    assert [one.call for one in tail.new()] == ["first"]
    path.write_bytes(whole)
    assert [one.call for one in tail.new()] == ["second"]
    assert list(tail.new()) == []


def test_no_file_yet_has_no_records(tmp_path: Path) -> None:
    assert list(read_records(tmp_path / "requests.csv")) == []


def test_another_file_is_refused_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="its columns are a, b"):
        list(read_records(path))
