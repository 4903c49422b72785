"""The running shop that load, faults and the audit act on: local processes or containers."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from embedded.control import NotRunning
from embedded.places import state_dir
from embedded.stack import Stack
from gameday.nemesis.docker import DockerFaults
from gameday.nemesis.embedded import EmbeddedFaults
from gameday.nemesis.engine import Project
from gameday.nemesis.fault import Faults, Refused

ROOT: Final = Path(__file__).resolve().parents[3]
"""The project's directory, where docker-compose.yml is."""

_AUDIT_TAKES_S: Final = 300.0


class AuditRow(NamedTuple):
    """One claim of the audit: how many things it looked at, and how many do not bear the claim out."""

    claim: str
    looked_at: int
    differences: int


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What the audit found; `text` is what it would have shown on a terminal."""

    differences: int
    table: Sequence[AuditRow]
    text: str


@dataclass(frozen=True, slots=True)
class Target:
    """One running shop. `gateways` are base URLs; `inside` precedes the command line of a tool that runs within;
    `memory` tells the bytes that each part holds and raises Refused when nobody can tell.
    """

    on: str
    gateways: list[str]
    faults: Faults
    inside: tuple[str, ...]
    memory: Callable[[], Mapping[str, int]] = dict

    def run(
        self, *argv: str, given: bytes = b"", timeout_s: float = _AUDIT_TAKES_S
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a tool inside to its end, with `given` as its input. Raises subprocess.TimeoutExpired."""
        return subprocess.run(
            [*self.inside, *argv], cwd=ROOT, input=given, capture_output=True, check=False, timeout=timeout_s
        )

    def audit(self, acks: Path, wait_s: int) -> AuditResult:
        """Compares all that `acks` (there may be none) and the stores say. Raises Refused when it cannot be done."""
        given = acks.read_bytes() if acks.exists() else b""
        asked = ("holdfast-audit", "--json", "--acks", "-", "--wait", str(wait_s))
        done = self.run(*asked, given=given, timeout_s=wait_s + _AUDIT_TAKES_S)
        text = done.stderr.decode(errors="replace")
        try:
            checks = json.loads(done.stdout)["checks"]
        except (ValueError, KeyError) as error:
            raise Refused(
                f"the audit cannot be made: {(text.strip().splitlines() or ['it says nothing'])[-1]}"
            ) from error
        rows = [AuditRow(check["claim"], check["looked_at"], len(check["differences"])) for check in checks]
        return AuditResult(sum(row.differences for row in rows), rows, text)


def target(on: str) -> Target:
    """The shop that runs `local` (HOLDFAST_STATE, else .holdfast) or in `docker` (COMPOSE_PROJECT_NAME, else holdfast).

    Raises Refused when none runs there.
    """
    ways = {"local": _local, "docker": _docker}
    if on not in ways:
        raise Refused(f"a shop runs on {' or '.join(ways)}, not on {on!r}")
    return ways[on]()


def _local() -> Target:
    stack = Stack()
    try:
        gateways = stack.settings.get("GATEWAY_URLS", "")
    except NotRunning as error:
        raise Refused(str(error)) from error
    inside = (sys.executable, "-m", "embedded", "run", "--state", str(stack.state.path))
    return Target("local", list(filter(None, gateways.split(","))), EmbeddedFaults(stack), inside, lambda: _held(stack))


def _held(stack: Stack) -> Mapping[str, int]:
    try:
        return {row["name"]: row["memory_bytes"] for row in stack.status()}
    except NotRunning as error:
        raise Refused(str(error)) from error


def _docker() -> Target:
    project = Project.of_environment()
    gateways = [
        f"http://127.0.0.1:{port}"
        for container in project.containers().values()
        if container.service == "gateway"
        for port in container.ports
    ]
    inside = ("docker", "compose", "run", "--rm", "-T", "tools")
    return Target("docker", gateways, DockerFaults(project, state_dir()), inside, project.memory)
