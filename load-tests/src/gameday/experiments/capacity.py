"""What the running shop can do, as `holdfast-capacity` measured it on this machine."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from embedded import places
from gameday.nemesis.fault import Refused
from gameday.target import ROOT

_MEASURES_WITHIN_S: Final = 600.0


def path(on: str) -> Path:
    """Local processes and containers of one machine differ."""
    return places.state_dir() / ("capacity.json" if on == "local" else f"capacity-{on}.json")


def read(on: str) -> float | None:
    """Requests a second; None when it was never measured. Raises Refused for a file that says no such thing."""
    try:
        told = json.loads(path(on).read_text())
        capacity = float(told["capacity_per_s"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(
            f"{path(on)} does not say capacity_per_s: delete it, and `make capacity` measures anew"
        ) from error
    if not 0 < capacity < 1e6:
        raise Refused(f"{path(on)} says {capacity:g} requests a second: delete it, and `make capacity` measures anew")
    return capacity


def measure(on: str, urls: Sequence[str]) -> float:
    """Measures now, some minutes. Raises Refused."""
    command = [str(Path(sys.executable).parent / "holdfast-capacity"), "--url", ",".join(urls), "--out", str(path(on))]
    command += [] if on == "local" else ["--sources", "0"]
    done = subprocess.run(command, cwd=ROOT, check=False, timeout=_MEASURES_WITHIN_S)
    capacity = read(on) if done.returncode == 0 else None
    if capacity is None:
        raise Refused("the capacity could not be measured, see above")
    return capacity
