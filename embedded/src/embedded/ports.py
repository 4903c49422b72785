"""Which port each process gets on 127.0.0.1."""

import random
import socket
from collections.abc import Iterable, Mapping

from embedded.versions import PORTS

_HOST = "127.0.0.1"
_FREE_FROM, _FREE_TO = 20_000, 32_000
"""Below Linux's range for outgoing connections, one of which could take a port while its process restarts."""


class PortTaken(Exception):
    """A port that was asked for is not free; the message says which."""


def choose(names: Iterable[str], given: Mapping[str, int]) -> dict[str, int]:
    """The given port, which must be free, else the default one, else any free one. Raises PortTaken."""
    chosen: dict[str, int] = {}
    for name in names:
        port = given.get(name)
        if port is None:
            port = PORTS[name] if _free(PORTS[name], chosen) else _any_free(chosen)
        elif not _free(port, chosen):
            raise PortTaken(f"port {port} for {name} is taken")
        chosen[name] = port
    return chosen


def _free(port: int, chosen: Mapping[str, int]) -> bool:
    if port in chosen.values():
        return False
    with socket.socket() as probe:
        # Connections that ended a moment ago don't count as taken; a listener does all the same.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
        return True


def _any_free(chosen: Mapping[str, int]) -> int:
    candidates = range(_FREE_FROM, _FREE_TO)
    return next(port for port in random.sample(candidates, len(candidates)) if _free(port, chosen))


def parse(text: str) -> dict[str, int]:
    """Reads `gateway-1=8090,postgres=5433`; raises ValueError naming what is wrong."""
    ports: dict[str, int] = {}
    for item in filter(None, text.split(",")):
        name, _, number = item.partition("=")
        if name not in PORTS:
            raise ValueError(f"{name!r} has no port; these have: {', '.join(PORTS)}")
        if not number.isdecimal() or not 0 < int(number) < 1 << 16:
            raise ValueError(f"{item!r} is not NAME=PORT with a port of 1 to 65535")
        ports[name] = int(number)
    return ports
