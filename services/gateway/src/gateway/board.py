"""What every process says of itself, asked once a second in the background: /api/ops/status answers from memory."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog

from holdfast.contracts.messages import rfc3339
from holdfast.resilience.addresses import Addresses, DnsName, Resolver, parse_urls
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DeadlineExceeded
from holdfast.resilience.wire import Wire, WireError
from holdfast.service.credentials import Signer

log = structlog.get_logger(__name__)
DOWN: Final = "down"
ANSWER_LIMIT_S: Final = 0.5  # /status is answered out of memory; a second poll never overtakes the first
KEPT_S: Final = 60.0  # a replica that has left its name's addresses is shown as down for this long
MAX_ANSWER_BYTES: Final = 1024 * 1024


@dataclass(slots=True)
class Seen:
    """The last that is known of one process. `since` is RFC 3339, `listed_s` the clock when it was last to be asked."""

    name: str
    service: str
    replica: str
    state: str
    since: str
    listed_s: float
    dependencies: Sequence[Mapping[str, Any]] = ()
    outbox: Mapping[str, Any] | None = None
    projection: Mapping[str, Any] | None = None
    protections_off: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """Where a process is to be asked. `replica` is its own name as far as it is known, else host:port."""

    name: str
    replica: str
    url: str


@dataclass(frozen=True, slots=True)
class Watched:
    """One entry of STATUS_URLS and what its DNS names stand for now."""

    name: str
    addresses: Addresses
    resolved: dict[DnsName, tuple[str, ...]] = field(default_factory=dict)

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.addresses.urls, *(url for urls in self.resolved.values() for url in urls)]))


class StatusBoard:
    """Polls; `processes`, `outbox` and `projection` are the newest answers. One event loop."""

    def __init__(
        self,
        entries: Sequence[tuple[str, str]],
        interval_s: float,
        services: Signer,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._services = services
        self._service_of: dict[str, str] = {}
        self._watched = [Watched(name, parse_urls(url)) for name, url in entries]
        self._interval_s = interval_s
        self._clock = clock
        self._seen: dict[str, Seen] = {}
        self._wire = Wire(connect_timeout_s=0.2, keep_alive_s=4.0, connections=0, max_answer_bytes=MAX_ANSWER_BYTES)
        self._resolvers: list[Resolver] = []
        self._task: asyncio.Task[None] | None = None
        self.as_of = rfc3339(datetime.now(UTC))

    async def start(self) -> None:
        """Begin to resolve and to poll; waits for neither."""
        loop = asyncio.get_running_loop()

        def found(name: DnsName, urls: tuple[str, ...]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.resolved, name, urls)

        names = {name for watched in self._watched for name in watched.addresses.names}
        self._resolvers = [Resolver(name, found, every_s=self._interval_s) for name in names]
        for resolver in self._resolvers:
            resolver.start()
        self._task = asyncio.create_task(self._run(), name="status-board")

    def resolved(self, name: DnsName, urls: tuple[str, ...]) -> None:
        """A DNS name stands for these URLs from now on."""
        for watched in self._watched:
            if name in watched.addresses.names:
                watched.resolved[name] = urls

    async def close(self) -> None:
        for resolver in self._resolvers:
            resolver.stop()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._wire.close()

    @property
    def processes(self) -> list[Seen]:
        """Each process that is to run, by name and replica."""
        return sorted(self._seen.values(), key=lambda seen: (seen.name, seen.replica))

    @property
    def to_ask(self) -> list[Process]:
        """Each process that is to run, as its names stand for now."""
        return [
            Process(watched.name, self._seen[url].replica if url in self._seen else _host_of(url), url)
            for watched in self._watched
            for url in watched.urls
        ]

    @property
    def outbox(self) -> Mapping[str, Any] | None:
        """The relay's; None while no relay answers."""
        return _telling([seen.outbox for seen in self._seen.values()], "pending")

    @property
    def projection(self) -> Mapping[str, Any] | None:
        """The projector's; None while no projector answers."""
        return _telling([seen.projection for seen in self._seen.values()], "lag_events")

    async def poll(self) -> None:
        """Ask every process once and take the answers over."""
        asked = self.to_ask
        answers = await asyncio.gather(*(self._status(process.url) for process in asked))
        now_s, now = self._clock.now(), rfc3339(datetime.now(UTC))
        listed = {process.url for process in asked}
        for process, answer in zip(asked, answers, strict=True):
            url = process.url
            self._seen[url] = _seen(process.name, url, answer, self._seen.get(url), now_s, now)
        for url, seen in list(self._seen.items()):
            if url not in listed:
                self._seen[url] = _seen(seen.name, url, None, seen, seen.listed_s, now)
                if now_s - seen.listed_s > KEPT_S:
                    del self._seen[url]
        self.as_of = now

    async def _run(self) -> None:
        while True:
            try:
                await self.poll()
            except Exception:  # one odd answer must not end the polling for good
                log.exception("status_poll_failed")
            await asyncio.sleep(self._interval_s)

    async def _status(self, url: str) -> Mapping[str, Any] | None:
        try:
            with Deadline.after(ANSWER_LIMIT_S, clock=self._clock).limit(url):
                headers = (self._services.header(await self.service_at(url)),)
                answer = await self._wire.exchange("GET", f"{url}/status", headers, b"")
            if answer.status == 401:
                self._service_of.pop(url, None)  # another service has its address now
            found = orjson.loads(answer.body) if answer.status == 200 else None
        except (DeadlineExceeded, WireError, orjson.JSONDecodeError, KeyError, TypeError):
            return None
        return found if isinstance(found, dict) else None

    async def service_at(self, url: str) -> str:
        """Which service answers there: what is signed for it is of no use to another.

        Raises WireError, JSONDecodeError, KeyError and TypeError.
        """
        if url in self._service_of:
            return self._service_of[url]
        answer = await self._wire.exchange("GET", f"{url}/healthz", (), b"")
        self._service_of[url] = service = str(orjson.loads(answer.body)["service"])
        return service


def _seen(
    name: str, url: str, answer: Mapping[str, Any] | None, before: Seen | None, listed_s: float, now: str
) -> Seen:
    if answer is None:
        replica = before.replica if before else _host_of(url)
        since = before.since if before and before.state == DOWN else now
        return Seen(name, before.service if before else "", replica, DOWN, since, listed_s)
    return Seen(
        name,
        str(answer.get("service", "")),
        str(answer.get("replica", _host_of(url))),
        str(answer.get("state", "up")),
        str(answer.get("since", now)),
        listed_s,
        [line for line in answer.get("dependencies", ()) if isinstance(line, dict)],
        _mapping(answer.get("outbox")),
        _mapping(answer.get("projection")),
        [str(name) for name in answer.get("protections_off") or ()],
    )


def _host_of(url: str) -> str:
    return url.removeprefix("http://")


def _telling(found: Sequence[Mapping[str, Any] | None], member: str) -> Mapping[str, Any] | None:
    """The one that says most: of several relays only the leader knows, of several projectors the furthest behind."""

    def says(one: Mapping[str, Any]) -> int:
        value = one.get(member)
        return value if isinstance(value, int) else -1

    return max((one for one in found if one is not None), key=says, default=None)


def _mapping(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None
