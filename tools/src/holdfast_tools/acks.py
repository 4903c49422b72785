"""What the shop acknowledged, written down before it is counted: the audit asks for all of it afterwards."""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson


@dataclass(frozen=True, slots=True)
class Ack:
    """One acknowledged write. `amount` is an order's total in pence; `quantities` what the order was placed with."""

    kind: Literal["order", "cancel"]
    order_id: str
    customer_id: str
    status: str
    amount: int
    quantities: Mapping[str, int]
    invoice: str


def default_path() -> Path:
    """Where a replay writes: ACKS_PATH, else .holdfast/acks.jsonl."""
    return Path(os.environ.get("ACKS_PATH", ".holdfast/acks.jsonl"))


class AckFile:
    """Appends acknowledgements; a line has reached the operating system when `write` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def write(self, ack: Ack) -> None:
        self._file.write(orjson.dumps(asdict(ack)) + b"\n")

    def close(self) -> None:
        self._file.close()


def read_acks(path: Path) -> Iterator[Ack]:
    """Every whole line of the file, or of the input for the path `-`; none when there is no file."""
    if path != Path("-") and not path.exists():
        return
    with sys.stdin.buffer if path == Path("-") else path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield Ack(**orjson.loads(line))
