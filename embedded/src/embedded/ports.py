"""Which port each process gets on 127.0.0.1."""

import random
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from embedded.versions import PORTS

_HOST = "127.0.0.1"
_FREE_FROM, _FREE_TO = 20_000, 32_000
"""Below Linux's range for outgoing connections, one of which could take a port while its process restarts."""


class PortTaken(Exception):
    """A port that was asked for is not free; the message says which."""


@contextmanager
def claimed(names: Iterable[str], given: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """The given port, which must be free, else the default one, else any free one. Raises PortTaken.

    Until the end no other stack of this machine gets one of them, even while nothing listens there: before its
    process has started, and while that one is killed.
    """
    with ExitStack() as claims:
        yield {name: _claim_for(name, given, claims) for name in names}


def _claim_for(name: str, given: Mapping[str, int], claims: ExitStack) -> int:
    if name in given:
        if not _claim(given[name], claims):
            raise PortTaken(f"port {given[name]} for {name} is taken")
        return given[name]
    free = random.sample(range(_FREE_FROM, _FREE_TO), _FREE_TO - _FREE_FROM)
    return next(port for port in (PORTS[name], *free) if _claim(port, claims))


def _claim(port: int, claims: ExitStack) -> bool:
    """Takes the port unless a stack has it or something listens there.

    The claim is an abstract Unix socket: as ports do, its name belongs to one network namespace and to all users, and
    it ends with its process.
    """
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0holdfast-port-{port}")
    except OSError:
        claim.close()
        return False
    if _is_listened_on(port):
        claim.close()
        return False
    claims.enter_context(claim)
    return True


def _is_listened_on(port: int) -> bool:
    with socket.socket() as probe:
        # Connections that ended a moment ago don't count as taken; a listener does all the same.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return True
        return False


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
