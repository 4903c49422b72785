"""What a reader has to know to run it again: the command, the machine, versions, seed and load."""

import os
import platform
import shlex
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from embedded.versions import ELASTICSEARCH_VERSION, KAFKA_VERSION
from gameday.target import ROOT

_TOOLS: Final = ("chaostoolkit", "chaostoolkit-lib", "locust")


@dataclass(frozen=True, slots=True)
class Facts:
    """began: RFC 3339. rate, capacity_per_s: arrivals a second."""

    experiment: str
    title: str
    description: str
    row: str
    hypothesis: dict[str, str]
    on: str
    pace: str
    seed: int
    rate: float
    capacity_per_s: float
    began: str
    command: str
    machine: str
    versions: str


def command() -> str:
    """The command that this process was started by."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def machine() -> str:
    memory_gib = psutil.virtual_memory().total / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}"


def versions() -> str:
    tools = ", ".join(f"{name} {version(name)}" for name in _TOOLS)
    servers = f"Kafka {KAFKA_VERSION}, Elasticsearch {ELASTICSEARCH_VERSION}"
    return f"Holdfast {_commit()}, Python {platform.python_version()}, {servers}, {tools}"


def _commit() -> str:
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "(no commit known)"


def _processor() -> str:
    """Linux names it in /proc/cpuinfo only."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
