"""Everything that can be refused is refused here, before anything starts."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from embedded import places
from embedded.stack import Stack
from gameday.experiments import capacity
from gameday.experiments.definition import Definition, define
from gameday.experiments.generator import program
from gameday.experiments.phase_lengths import FULL
from gameday.experiments.run import Run, Setup
from gameday.nemesis.fault import Refused
from gameday.target import ROOT, Target, target

REPORTS: Final = ROOT / "reports"
_CALLERS: Final = ("gateway", "query", "command")
"""Whose counters show how often the next hop was tried."""


def prepare(raw: Mapping[str, Any], on: str) -> Run:
    """A run in the full form of an experiment that `chaos run` read from a file. Raises Refused."""
    definition = define(str(raw.get("title", "experiment")), dict(raw))
    shop = target(on)
    check(definition, shop)
    measured = capacity.read(on) or capacity.measure(on, shop.gateways)
    folder = new_folder(Path(os.environ.get("REPORTS", REPORTS)), _name(raw))
    return Run(definition, Setup(shop, metrics(shop), FULL, measured, seed=1, load=program(on)), folder)


def check(definition: Definition, shop: Target) -> None:
    """That every fault can be done to this shop as it runs now. Raises Refused."""
    for fault in definition.faults:
        shop.faults.check(fault)


def new_folder(reports: Path, name: str) -> Path:
    """Makes reports/NAME-TIME. Raises Refused when it cannot be written."""
    folder = reports / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    writable(folder)
    return folder


def writable(folder: Path) -> None:
    """Makes it if need be. Raises Refused when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Refused(f"{folder} cannot be written: {error.strerror}") from error


@contextmanager
def alone() -> Iterator[None]:
    """Holds the shop for one experiment at a time. Raises Refused."""
    state = places.state_dir()
    state.mkdir(parents=True, exist_ok=True)
    with (state / "chaos.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("another experiment runs already") from error
        yield


def metrics(shop: Target) -> dict[str, str]:
    """Where counters are read: of containers only the gateways are in reach."""
    if shop.on != "local":
        return {f"gateway-{number}": url for number, url in enumerate(shop.gateways, 1)}
    listed = Stack().settings.get("STATUS_URLS", "")
    places = dict(entry.split("=", 1) for entry in filter(None, listed.split(",")))
    return {name: url for name, url in places.items() if name.startswith(_CALLERS)}


def _name(raw: Mapping[str, Any]) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in str(raw.get("title", "experiment")).lower())
