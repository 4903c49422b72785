"""What an attacker says of itself when it ends: `attack.json` of a run's folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WINDOW_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Summary:
    """One attack that was made.

    answers: calls by outcome: a status with the problem's code, or `closed`, `reset`, `refused`, `timeout`, `held`.
    windows: calls under way in each 2 s. least: how many of these there have to be. cpu_share: of one core.
    busy_share: of its clients, on the average.
    """

    attack: str
    least: int
    began: float
    ended: float
    sent: int
    answers: Mapping[str, int]
    windows: Sequence[int]
    cpu_share: float
    busy_share: float

    @property
    def per_s(self) -> float:
        """Calls a second."""
        return self.sent / max(self.ended - self.began, 1e-3)


def read_summary(path: Path) -> Summary | None:
    """None when the attack did not come to its end."""
    try:
        told = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return Summary(**told) if "sent" in told else None
