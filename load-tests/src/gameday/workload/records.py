"""One line for each logical request of a run: `requests.csv`, written as it goes and read while it grows."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Final

DECLINED: Final = "payment-declined"
"""The refusal that some shoppers operation for, with a card that is meant to be declined."""


class Outcome(StrEnum):
    """What an answer is worth to the shopper.

    `degraded` is a 2xx that says so or a checkout's 202, `refused` a refusal that the contract allows for this call,
    `contained` a 503 with Retry-After; `failed` is all else: no answer in time, a reset, another 5xx, a wrong body.
    """

    OK = "ok"
    DEGRADED = "degraded"
    REFUSED = "refused"
    CONTAINED = "contained"
    FAILED = "failed"


SERVED: Final = (Outcome.OK, Outcome.DEGRADED)


@dataclass(frozen=True, slots=True)
class Record:
    """One logical request, however many HTTP calls (`attempts`) it took.

    `intended`, `sent` and `ended` are unix seconds; its latency is `ended - intended`, and `first_ms` the first
    attempt's, also from `intended`. `status` is the last HTTP status (0: none), `code` the problem's code or the
    client error's name, `gateway` the index of the one that answered (-1: none), `age_s` the Age header (None: none).
    """

    journey: str
    call: str
    intended: float
    sent: float
    ended: float
    status: int
    code: str
    outcome: Outcome
    served_from: str
    degraded: str
    age_s: float | None
    attempts: int
    gateway: int
    first_ms: float
    first_outcome: Outcome


COLUMNS: Final = tuple(field.name for field in fields(Record))


class RecordFile:
    """Writes a new file. Lines reach the operating system at `flush`, whole or not at all for a reader."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)
        self._file.flush()

    def write(self, record: Record) -> None:
        self._writer.writerow(_cell(getattr(record, name)) for name in COLUMNS)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _cell(value: object) -> object:
    return f"{value:.6f}" if isinstance(value, float) else "" if value is None else value


class Tail:
    """Reads a file that is still written: `new` gives what has come since the last call, whole lines only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new(self) -> Iterator[Record]:
        """Nothing when there is no file yet. Raises ValueError when it is no such file."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                first = self._offset == 0
                self._offset += len(line)
                cells = next(csv.reader([line.decode()]))
                if not first:
                    yield _record(cells)
                elif tuple(cells) != COLUMNS:
                    raise ValueError(f"{self._path} is no file of requests: its columns are {', '.join(cells)}")


def read_records(path: Path) -> Iterator[Record]:
    """Every whole line of the file. Raises ValueError when it is no such file."""
    return Tail(path).new()


def _record(cells: list[str]) -> Record:
    row = dict(zip(COLUMNS, cells, strict=True))
    return Record(
        journey=row["journey"],
        call=row["call"],
        intended=float(row["intended"]),
        sent=float(row["sent"]),
        ended=float(row["ended"]),
        status=int(row["status"]),
        code=row["code"],
        outcome=Outcome(row["outcome"]),
        served_from=row["served_from"],
        degraded=row["degraded"],
        age_s=float(row["age_s"]) if row["age_s"] else None,
        attempts=int(row["attempts"]),
        gateway=int(row["gateway"]),
        first_ms=float(row["first_ms"]),
        first_outcome=Outcome(row["first_outcome"]),
    )
