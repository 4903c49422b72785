"""A run's folder: `load.json`, `requests.csv`, `history.jsonl` and `acks.jsonl`."""

import json
import os
from pathlib import Path
from typing import Any

from gameday.workload.history import HistoryFile
from gameday.workload.records import RecordFile
from holdfast_tools.acks import AckFile
from holdfast_tools.command_line import UserError


class RunFolder:
    """Opened before anything starts. Raises UserError when it cannot be written or holds a run already."""

    def __init__(self, path: Path) -> None:
        self.path = path
        requests = path / "requests.csv"
        if requests.exists():
            raise UserError(f"{path} holds a run already; name another folder")
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.records = RecordFile(requests)
            self.history = HistoryFile(path / "history.jsonl")
            self.acks = AckFile(path / "acks.jsonl")
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from error

    def write(self, load: dict[str, Any]) -> None:
        """`load.json`, whole at any time."""
        new = self.path / "load.json.new"
        new.write_text(json.dumps(load, indent=2) + "\n", encoding="utf-8")
        os.replace(new, self.path / "load.json")

    def flush(self) -> None:
        """Give the operating system what was written."""
        self.records.flush()
        self.history.flush()

    def discard(self) -> None:
        """A run that never began leaves nothing behind."""
        if not (self.path / "load.json").exists():
            names = ("requests.csv", "history.jsonl", "acks.jsonl")
            for file in (*(self.path / name for name in names), *self.path.glob("locust_*.csv")):
                file.unlink(missing_ok=True)
            if not any(self.path.iterdir()):
                self.path.rmdir()

    def close(self) -> None:
        self.records.close()
        self.history.close()
        self.acks.close()
