"""Where a dependency's replicas are: fixed URLs, and names whose every A record is one.

Names are resolved in the background, each on its own thread, and the last good answer is kept: a lookup of a killed
container can hang, and never does so on the request path (CORRECTNESS 27).
"""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

Lookup = Callable[[str, int], list[str]]
"""(name, port) -> addresses; raises OSError."""


@dataclass(frozen=True, slots=True)
class DnsName:
    """`dns+http://name:port`: as many replicas as the name has addresses."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a comma-separated list of base URLs names."""

    urls: tuple[str, ...]
    names: tuple[DnsName, ...]


def parse_urls(text: str) -> Addresses:
    """Parse COMMAND_URLS and the like. Raises ValueError with the entry that is wrong, or when there is none."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if not entries:
        raise ValueError("no URL is given; write for example http://127.0.0.1:8101,http://127.0.0.1:8102")
    parsed = [_parse(entry) for entry in entries]
    urls = dict.fromkeys(entry for entry in parsed if isinstance(entry, str))
    names = dict.fromkeys(entry for entry in parsed if isinstance(entry, DnsName))
    return Addresses(tuple(urls), tuple(names))


def _parse(entry: str) -> str | DnsName:
    try:
        parts = urlsplit(entry)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{entry!r} is no URL: {error}") from error
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{entry!r} must be a scheme, a host and a port, nothing else")
    if parts.scheme == "http":
        return base_url(host, port or 80)
    if parts.scheme == "dns+http" and port:
        return DnsName(host, port)
    raise ValueError(f"{entry!r} must begin with http:// or be dns+http://name:port")


def base_url(host: str, port: int) -> str:
    """`http://host:port`, with an IPv6 address in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def look_up(name: str, port: int) -> list[str]:
    """Every address that the system's resolver gives, without repeats, in order. Blocks; raises OSError."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return sorted({str(address[0]) for *_, address in found})


class Resolver:
    """Looks one name up again and again on a thread of its own, and hands each good answer to `found`.

    A failed or empty answer changes nothing. `found` is called on that thread.
    """

    def __init__(
        self,
        name: DnsName,
        found: Callable[[DnsName, tuple[str, ...]], None],
        *,
        every_s: float,
        lookup: Lookup = look_up,
    ) -> None:
        self._name = name
        self._found = found
        self._every_s = every_s
        self._lookup = lookup
        self._stopped = threading.Event()
        # A daemon: a lookup that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=f"resolve-{name.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; does not wait for a lookup that hangs. Nothing is handed over afterwards."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                addresses = self._lookup(self._name.name, self._name.port)
            except OSError:
                addresses = []  # keep the last good answer
            if addresses and not self._stopped.is_set():
                self._found(self._name, tuple(base_url(address, self._name.port) for address in addresses))
            self._stopped.wait(self._every_s)
