"""The shop's own processes: how each is started and the settings that join them (docs/INTERNALS.md)."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from embedded import probes, servers
from embedded.program import Program

SERVERS = ("postgres", "kafka", "elasticsearch")
MODULES = {
    "payment": "payment_service",
    "command-1": "command_service",
    "command-2": "command_service",
    "query-1": "query_service",
    "query-2": "query_service",
    "gateway-1": "gateway",
    "gateway-2": "gateway",
    "relay": "command_service.entrypoints.relay",
    "settlement": "command_service.entrypoints.settlement",
    "migrations": "command_service.entrypoints.migrations",
    "projector": "projector_service",
}
NAMES = (*SERVERS, *MODULES)
"""Every process of the stack; the servers come first because they take longest to start."""

SECRETS: Mapping[str, Sequence[str]] = {
    "POSTGRES_DSN": ("command", "relay", "settlement", "migrations"),
    "POSTGRES_OWNER_DSN": ("migrations",),
    "CHECKPOINT_PRIVATE_KEY": ("migrations",),
    "TOKEN_PRIVATE_KEY": ("gateway",),
    "ADMIN_PASSWORD": ("command",),
    "SERVICE_PRIVATE_KEY": ("gateway", "command", "settlement", "query"),
}
"""Each setting that is secret, and whose processes use it: no other has it in its environment."""

_INNER_PORTS = {"kafka": "kafka-controller", "elasticsearch": "elasticsearch-transport"}


def port_names(names: Iterable[str]) -> list[str]:
    """The names of all ports that these processes need."""
    wanted = list(names)
    return wanted + [inner for name, inner in _INNER_PORTS.items() if name in wanted]


def addresses(ports: Mapping[str, int]) -> dict[str, str]:
    """The settings by which the processes with these ports are found.

    What does not run here has none: its address comes from the environment that the stack was started in.
    """
    found: dict[str, str] = {}
    if "postgres" in ports:
        found["POSTGRES_DSN"] = servers.postgres_dsn(ports["postgres"])
    if "kafka" in ports:
        found["KAFKA_BOOTSTRAP"] = f"127.0.0.1:{ports['kafka']}"
    if "elasticsearch" in ports:
        found["ELASTICSEARCH_URL"] = f"http://127.0.0.1:{ports['elasticsearch']}"
    for kind in ("gateway", "command", "query", "payment"):
        urls = [_url(port) for name, port in ports.items() if _is(name, kind)]
        if urls:
            found[f"{kind.upper()}_URLS"] = ",".join(urls)
    watched = [f"{name}={_url(port)}" for name, port in ports.items() if name in MODULES]
    if watched:
        found["STATUS_URLS"] = ",".join(watched)
    return found


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def service(name: str, state: Path, ports: Mapping[str, int]) -> Program:
    """One service of the shop, in a working directory of its own below `state`."""
    home, withheld = state / "run" / name, _withheld(name)
    owner = {"POSTGRES_OWNER_DSN": servers.postgres_owner_dsn(ports["postgres"])} if "postgres" in ports else {}
    return Program(
        name=name,
        argv=(sys.executable, "-m", MODULES[name]),
        cwd=home,
        withheld=withheld,
        env={
            **{setting: value for setting, value in {**addresses(ports), **owner}.items() if setting not in withheld},
            "HOST": "127.0.0.1",
            "PORT": str(ports[name]),
            "REPLICA": name,
            "LEDGER_PATH": str(home / "ledger.sqlite3"),
            "PYTHONUNBUFFERED": "1",
        },
        port=ports[name],
        ready=partial(probes.service_ready, ports[name]),
    )


def _withheld(name: str) -> frozenset[str]:
    """The secrets that a process does not use."""
    return frozenset(secret for secret, kinds in SECRETS.items() if not any(_is(name, kind) for kind in kinds))


def shop_serves(ports: Mapping[str, int]) -> bool:
    """Whether a search is answered by every gateway, if query-services run as well.

    These are ready by then, so that Elasticsearch has answered them: to a cold one gateways would open their breakers.
    """
    answering = [port for name, port in ports.items() if _is(name, "gateway")]
    return not any(_is(name, "query") for name in ports) or all(map(probes.answers_search, answering))


def _is(name: str, kind: str) -> bool:
    return name in MODULES and name.startswith(kind)


def programs(
    names: Iterable[str], state: Path, ports: Mapping[str, int], ground: servers.Ground | None
) -> list[Program]:
    """The processes by these names; `ground` is what the servers among them stand on."""
    made: list[Program] = []
    make = {"postgres": servers.postgres, "kafka": servers.kafka, "elasticsearch": servers.elasticsearch}
    for name in names:
        if name in make:
            assert ground is not None, "a server needs its ground"
            made.append(replace(make[name](ground), withheld=frozenset(SECRETS)))
        else:
            made.append(service(name, state, ports))
    return made
