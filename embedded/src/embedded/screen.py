"""What the commands print."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embedded.supervisor import Supervisor

_FOLLOW_POLL_S = 0.2
_TAIL_BYTES_A_LINE = 400


def print_status(rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of the processes and what they hold in memory together."""
    head = ("NAME", "STATE", "PID", "SINCE", "PORT", "MEMORY", "RESTARTS")
    table = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print(f"{len(rows)} processes, {sum(row['memory_bytes'] for row in rows) / (1 << 30):.2f} GiB")
    for row in rows:
        if row["error"]:
            print(f"{row['name']}: {row['error']}")


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["name"],
        row["state"],
        "-" if row["pid"] is None else str(row["pid"]),
        time.strftime("%H:%M:%S", time.localtime(row["since"])),
        "-" if row["port"] is None else str(row["port"]),
        f"{row['memory_bytes'] >> 20} MiB",
        str(row["restarts"]),
    )


async def tell_ready(supervisor: Supervisor, seconds: float) -> None:
    """The table and the time it took."""
    print_status([asdict(row) for row in await supervisor.status()])
    print(f"ready after {seconds:.1f} s", flush=True)


def print_log(log: Path, lines: int, follow: bool) -> None:
    """The last lines of a log; with `follow` also what comes, until Ctrl-C."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - lines * _TAIL_BYTES_A_LINE))
        for line in file.read().decode(errors="replace").splitlines()[-lines:] if lines > 0 else ():
            print(line)
        try:
            while follow:
                print(file.read().decode(errors="replace"), end="", flush=True)
                if file.tell() > log.stat().st_size:
                    file.seek(0)  # it had grown too large and was emptied
                time.sleep(_FOLLOW_POLL_S)
        except KeyboardInterrupt:
            return
