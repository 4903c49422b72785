"""The containers of one compose project, by the names that the parts have on both ways to run."""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gameday.nemesis.fault import Refused

_LABEL: Final = "com.docker.compose"
_SINGLE: Final = {
    "postgres": "postgres",
    "kafka": "kafka",
    "elasticsearch": "elasticsearch",
    "payment-service": "payment",
    "outbox-relay": "relay",
    "settlement": "settlement",
    "migrations": "migrations",
    "projector-service": "projector",
}
_REPLICATED: Final = {"command-service": "command", "query-service": "query", "gateway": "gateway"}
_PUBLISHED: Final = frozenset({"gateway"})
"""Services of the shop that belong to the network `edge` beside `inner`, as docker-compose.yml has it."""
_TIMEOUT_S: Final = 30.0
_SIZE: Final = re.compile(r"([0-9.]+)([KMGT]?i?B)")
_UNITS: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


@dataclass(frozen=True, slots=True)
class Container:
    """One container as it is now. `test` is its health check's command, `ports` where its ports are published."""

    id: str
    name: str
    service: str
    running: bool
    paused: bool
    networks: frozenset[str]
    test: tuple[str, ...]
    ports: tuple[int, ...]

    def ails(self, networks: "Networks") -> str | None:
        """Why it cannot serve: it is down, paused, or cut off from one of its networks."""
        if not self.running:
            return "down"
        if self.paused:
            return "paused"
        return "cut off" if self.cut_off_from(networks) else None

    def cut_off_from(self, networks: "Networks") -> list[str]:
        """The networks that it belongs to and is not in."""
        return [network for network in networks.of(self.service) if network not in self.networks]


@dataclass(frozen=True, slots=True)
class Networks:
    """The project's networks: their names in Docker by those in docker-compose.yml."""

    names: Mapping[str, str]

    def of(self, service: str) -> list[str]:
        """The names of those that a service belongs to."""
        wanted = ("inner", "edge") if service in _PUBLISHED else ("inner",)
        return [self.names[one] for one in wanted if one in self.names]


def docker(*arguments: str, given: bytes = b"", timeout_s: float = _TIMEOUT_S) -> str:
    """Runs one command of the Docker CLI and returns what it printed. Raises Refused."""
    try:
        done = subprocess.run(("docker", *arguments), input=given, capture_output=True, check=False, timeout=timeout_s)
    except OSError as error:
        raise Refused(f"docker cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Refused(f"docker {arguments[0]} did not end within {timeout_s:g} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"it ended with {done.returncode}"]
        raise Refused(f"docker {arguments[0]}: {said[0].removeprefix('Error response from daemon: ')}")
    return done.stdout.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Project:
    """One compose project, whose containers and networks Docker knows by their labels."""

    name: str

    @classmethod
    def of_environment(cls) -> "Project":
        """COMPOSE_PROJECT_NAME, else the name that docker-compose.yml gives itself."""
        return cls(os.environ.get("COMPOSE_PROJECT_NAME") or "holdfast")

    def containers(self) -> dict[str, Container]:
        """Every container of the shop by its part's name, up or down. Raises Refused when there is none."""
        mine = ("--filter", f"label={_LABEL}.project={self.name}", "--filter", f"label={_LABEL}.oneoff=False")
        ids = docker("ps", "--all", "--quiet", *mine).split()
        rows = json.loads(docker("inspect", *ids)) if ids else []
        ours = [row for row in rows if _label(row, "service") in {**_SINGLE, **_REPLICATED}]
        if not ours:
            raise Refused(f"no shop runs in the compose project {self.name}; `docker compose up --wait` starts one")
        replicas = Counter(service for service, _ in {(_label(row, "service"), _number(row)) for row in ours})
        found = [(_part(row, replicas), _container(row)) for row in ours]
        # While compose puts a new container in another's place there are two by one number: the one that runs counts.
        return dict(sorted(found, key=lambda pair: (pair[0], pair[1].running)))

    def memory(self) -> dict[str, int]:
        """The bytes that each running part holds, as Docker counts them against its limit. Raises Refused."""
        by_id = {one.id: part for part, one in self.containers().items() if one.running}
        table = docker("stats", "--no-stream", "--no-trunc", "--format", "{{.ID}} {{.MemUsage}}", *by_id)
        rows = (line.split() for line in table.splitlines())
        return {by_id[row[0]]: in_bytes(row[1]) for row in rows if row[0] in by_id}

    def heal(self, part: str) -> bool:
        """Makes a part, if there is such a one, run in all its networks; whether it did not before. Raises Refused."""
        container, networks = self.containers().get(part), self.networks()
        if container is None:
            return False
        if container.paused:
            docker("unpause", container.id)
        elif not container.running:
            docker("start", container.id)
        for network in container.cut_off_from(networks):
            # Under these names it is found by the others, as compose's own containers are.
            names = [container.service, container.name]
            if container.service in _PUBLISHED and network == networks.names.get("inner"):
                names.append(f"{container.service}-inner")
            aliases = [word for name in names for word in ("--alias", name)]
            docker("network", "connect", *aliases, network, container.id)
        return container.ails(networks) is not None

    def networks(self) -> Networks:
        """Its networks. Raises Refused."""
        wanted = f'{{{{.Label "{_LABEL}.network"}}}} {{{{.Name}}}}'
        table = docker("network", "ls", "--filter", f"label={_LABEL}.project={self.name}", "--format", wanted)
        return Networks(dict(line.split() for line in table.splitlines()))


def service_of(part: str) -> str:
    """The compose service of a part: `command-service` of `command-1`. Raises KeyError."""
    services = {part: service for service, part in {**_SINGLE, **_REPLICATED}.items()}
    return services[part if part in services else part.rpartition("-")[0]]


def in_bytes(text: str) -> int:
    """Docker's `81.5MiB` in bytes."""
    found = _SIZE.fullmatch(text)
    return round(float(found[1]) * _UNITS[found[2]]) if found else 0


def _label(row: Mapping[str, Any], name: str) -> str:
    return str(row["Config"]["Labels"][f"{_LABEL}.{name}"])


def _number(row: Mapping[str, Any]) -> str:
    return _label(row, "container-number")


def _part(row: Mapping[str, Any], replicas: Mapping[str, int]) -> str:
    """A service that was scaled up has numbered parts too, so that its own name means all of them."""
    service = _label(row, "service")
    if service in _SINGLE and replicas[service] == 1:
        return _SINGLE[service]
    return f"{ {**_SINGLE, **_REPLICATED}[service] }-{_number(row)}"


def _container(row: Mapping[str, Any]) -> Container:
    published = (row["NetworkSettings"]["Ports"] or {}).values()
    test = (row["Config"].get("Healthcheck") or {}).get("Test", [])
    return Container(
        id=row["Id"],
        name=row["Name"].removeprefix("/"),
        service=_label(row, "service"),
        running=row["State"]["Running"],
        paused=row["State"]["Paused"],
        networks=frozenset(row["NetworkSettings"]["Networks"]),
        test=tuple(test[1:]) if test[:1] == ["CMD"] else ("sh", "-c", *test[1:]),
        ports=tuple(int(bound["HostPort"]) for ends in published for bound in ends or ()),
    )
