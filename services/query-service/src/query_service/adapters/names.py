"""Elasticsearch's address, looked up in the background and never while a shopper waits (CORRECTNESS 27)."""

import asyncio
import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from elastic_transport import AiohttpHttpNode, NodeConfig

from holdfast.resilience.addresses import DnsName, Lookup, Resolver, look_up

_EVERY_S: Final = 1.0


class BackgroundNames(AbstractResolver):
    """aiohttp's resolver out of the last good answer for one name; asks again each second on a thread of its own."""

    def __init__(self, url: str, lookup: Lookup = look_up) -> None:
        parts = urlsplit(url)
        self._name = parts.hostname or ""
        self._addresses: tuple[str, ...] = ()
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._resolver = Resolver(DnsName(self._name, port), self._found, every_s=_EVERY_S, lookup=lookup)
        if not _is_address(self._name):
            self._resolver.start()

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002  # aiohttp's signature
    ) -> list[ResolveResult]:
        """The addresses known by now. Raises OSError while there are none, at once."""
        if host != self._name or not self._addresses:
            raise OSError(f"no address of {host} is known yet")
        return [_result(host, address, port) for address in self._addresses]

    async def close(self) -> None:
        self._resolver.stop()

    def _found(self, _name: DnsName, urls: tuple[str, ...]) -> None:
        self._addresses = tuple(urlsplit(url).hostname or "" for url in urls)


class NamedNode(AiohttpHttpNode):
    """elasticsearch-py's node on a session without DNS and without aiohttp's own repeat of broken requests."""

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self._names = BackgroundNames(f"{config.scheme}://{self.host}:{config.port}", self.lookup)

    lookup: Lookup = staticmethod(look_up)

    async def close(self) -> None:  # type: ignore[override]  # as in its parent
        await super().close()
        await self._names.close()

    def _create_aiohttp_session(self) -> None:
        self._loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(
            limit=self.config.connections_per_node,
            resolver=self._names,
            use_dns_cache=False,
            ssl=self._ssl_context or False,
        )
        self.session = aiohttp.ClientSession(
            headers=self.headers,
            skip_auto_headers=("accept", "accept-encoding", "user-agent"),
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=connector,
            trust_env=False,
        )
        # Retries live at the gateway alone; aiohttp has no public switch for its own.
        self.session._retry_connection = False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
