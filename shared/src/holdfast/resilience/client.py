"""The one way out to another service: bulkhead, total deadline, the route group's breaker, retry, balancing, the
replica's breaker, attempt timeout, wire.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import NoReturn

from holdfast.resilience.addresses import DnsName, Resolver, parse_urls
from holdfast.resilience.attempt import Attempts, Ending, Observe, Unanswered
from holdfast.resilience.breaker import OPEN, StateChanged
from holdfast.resilience.bulkhead import Bulkhead
from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DeadlineExceeded, DependencyUnavailable, Unsendable
from holdfast.resilience.outcome import NEUTRAL
from holdfast.resilience.policy import CallPolicy
from holdfast.resilience.probe import Prober
from holdfast.resilience.protections import NAIVE_ATTEMPTS, NAIVE_PAUSE_S, PROTECTIONS
from holdfast.resilience.replicas import Replica, Replicas
from holdfast.resilience.retry import RetryBudget, backoff_s, failed_harmlessly, met_itself, unsent, worth_repeating
from holdfast.resilience.route_groups import EVERY_CALL, RouteGroups
from holdfast.resilience.settings import ClientSettings
from holdfast.resilience.wire import Answer, Header, Wire

Attempt = Callable[[Replica, int], Awaitable[Ending]]
"""The call, at this replica, as its attempt of this number."""

Credential = Callable[[], Header]
"""The header by which the service that is called knows who calls."""

_USEFUL_MS = 20  # a repeat with less than this left could not be answered
_TIMER_GRAIN_MS = 5  # event loops round timers: one that ended this close to the deadline was the deadline's


class OutboundClient:
    """Calls one service, whichever of its replicas answers. Make it at start, `start` it on the loop, `close` it last.

    `urls` is a comma-separated list of base URLs (`http://host:port`, `dns+http://name:port`); a wrong one raises
    ValueError. `credential` is asked for each call. Before `start` nothing is resolved or probed, and so a breaker that
    opened stays open.
    """

    def __init__(
        self,
        name: str,
        urls: str,
        settings: ClientSettings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        rng: random.Random | None = None,
        observe: Observe | None = None,
        credential: Credential | None = None,
    ) -> None:
        self.name = name
        self._credential = credential
        self.bulkhead = Bulkhead(name, settings.bulkhead)
        self._settings = settings
        self._rng = rng or random.Random()
        self._addresses = parse_urls(urls)
        self.replicas = Replicas(name, self._addresses, settings.breaker, settings.probe, clock=clock, rng=self._rng)
        self.groups = RouteGroups(name, settings.breaker, clock=clock, rng=self._rng.random)
        self._budget = RetryBudget(settings.retry, clock=clock)
        self._wire = _wire(settings)  # the bulkhead bounds its connections too, unless it is switched off
        margin_s = settings.breaker.lease_margin_s
        self._attempts = Attempts(name, self._wire, lease_margin_s=margin_s, clock=clock, observe=observe)
        self._prober = Prober(self.replicas, settings.probe, _wire(settings), credential)
        self._resolvers: list[Resolver] = []

    async def start(self) -> None:
        """Begin to resolve names and to probe replicas in the background. Does not wait for either."""
        loop = asyncio.get_running_loop()

        def found(name: DnsName, urls: tuple[str, ...]) -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(self.replicas.update, name, urls)

        every_s = self._settings.resolve_every_s
        self._resolvers = [Resolver(name, found, every_s=every_s) for name in self._addresses.names]
        for resolver in self._resolvers:
            resolver.start()
        self._prober.start()

    async def close(self) -> None:
        """End the background work and close every connection."""
        for resolver in self._resolvers:
            resolver.stop()
        await self._prober.stop()
        await self._wire.close()

    @property
    def reachable(self) -> bool:
        """Whether calls are made at all: some replica is in rotation, and some group's breaker is not open."""
        in_rotation = any(replica.breaker.state != OPEN for replica in self.replicas.current())
        return in_rotation and not self.groups.all_open

    def require(self, group: str = EVERY_CALL) -> None:
        """Raise DependencyUnavailable if a call of this group would not be made now."""
        self.replicas.require()
        self.groups[group].require()

    def add_listener(self, changed: StateChanged) -> None:
        """Hear of every replica's and every group's changes. A replica's breaker is named `service host:port`, a
        group's `service group`."""
        self.replicas.add_listener(changed)
        self.groups.add_listener(changed)

    async def request(
        self,
        method: str,
        path: str,
        *,
        deadline: Deadline,
        policy: CallPolicy,
        group: str = EVERY_CALL,
        query: str = "",
        headers: Iterable[Header] = (),
        content: bytes = b"",
    ) -> Answer:
        """Send a request and read the whole answer, whatever its status, within the deadline.

        `group` names the routes whose failures are to close this call's way. `path`, which begins with a slash, and
        `query` are sent as they are (percent-encoded already). X-Request-Timeout-Ms is set here, on a repeat
        `X-Attempt: 2` too: they are not to be among the `headers`. Not idempotent by itself: `policy.repeatable` says
        whether a repeat is harmless. Raises DeadlineExceeded (the time for the request is over), BulkheadFull,
        DependencyUnavailable with its reason (no replica took or answered it), or Unsendable.
        """
        if not path.startswith("/"):
            raise Unsendable("its path does not begin with a slash")
        deadline.require(self.name)
        target = f"{path}?{query}" if query else path
        sent = (*headers, self._credential()) if self._credential else tuple(headers)
        if not self.bulkhead.enter_at_once():
            self.require(group)  # nobody to send it to: say so at once, without waiting for a place
            await self.bulkhead.queue_up(deadline)
        try:
            replica = self.replicas.pick()
            breaker = self.groups[group]
            entered, outcome = breaker.enter(deadline), NEUTRAL
            try:
                ending = await self._attempts.make(method, target, sent, content, deadline, policy, replica, 1)
                outcome = ending.outcome
                if outcome is not NEUTRAL:
                    self._budget.deposit()  # not for what says nothing: a flood of it would buy repeats
                if isinstance(ending, Answer) and ending.status < 400:  # as nearly all are: nothing more to look at
                    return ending
                attempt = partial(self._attempts.make, method, target, sent, content, deadline, policy)
                if "retry-budget" in PROTECTIONS.on:
                    ending = await self._once_again(attempt, deadline, policy, replica, ending)
                else:
                    ending = await self._again_and_again(attempt, deadline, policy, ending)
                outcome = ending.outcome
            finally:
                breaker.leave(entered, outcome)
        finally:
            self.bulkhead.leave()
        return ending if isinstance(ending, Answer) else self._no_answer(ending, deadline)

    async def _once_again(
        self, attempt: Attempt, deadline: Deadline, policy: CallPolicy, replica: Replica, first: Ending
    ) -> Ending:
        """At another replica if there is one, as far as that is harmless and the retry budget and the time allow."""
        if not worth_repeating(first, policy):
            return first
        other = self._next(replica, first)
        # What no replica has seen yet is new to the other one, and need not wait.
        pause_s = 0.0 if unsent(first) and other is not replica else backoff_s(self._settings.retry, self._rng.random)
        if other is None or deadline.remaining_s() < pause_s + _USEFUL_MS / 1000 or not self._budget.withdraw():
            return first
        await asyncio.sleep(pause_s)
        other = self._next(replica, first)
        return first if other is None else await self._repeat(attempt, other, first)

    async def _again_and_again(
        self, attempt: Attempt, deadline: Deadline, policy: CallPolicy, ending: Ending
    ) -> Ending:
        """Without a budget: any failure again, at whatever replica, while a harmless repeat and its time are left."""
        for number in range(2, NAIVE_ATTEMPTS + 1):
            if not failed_harmlessly(ending, policy) or deadline.remaining_s() < NAIVE_PAUSE_S:
                break
            await asyncio.sleep(NAIVE_PAUSE_S)
            try:
                replica = self.replicas.pick()
            except DependencyUnavailable:
                break
            ending = await self._repeat(attempt, replica, ending, number)
        return ending

    async def _repeat(self, attempt: Attempt, replica: Replica, first: Ending, number: int = 2) -> Ending:
        try:
            second = await attempt(replica, number)
        except DeadlineExceeded:
            return first
        if isinstance(second, Answer) and met_itself(second):
            raise DependencyUnavailable(self.name, retry_after_s=1, reason="request-in-progress")
        # An answer says more than none.
        return first if isinstance(second, Unanswered) and isinstance(first, Answer) else second

    def _next(self, replica: Replica, first: Ending) -> Replica | None:
        """Another replica; the same one only if nothing reached it; None: leave it at the first attempt."""
        try:
            return self.replicas.pick(other_than=replica)
        except DependencyUnavailable:
            return replica if unsent(first) and replica.breaker.admits else None

    def _no_answer(self, ending: Unanswered, deadline: Deadline) -> NoReturn:
        if ending.reason == "timeout" and deadline.remaining_ms() < _TIMER_GRAIN_MS:
            raise DeadlineExceeded(self.name)
        raise DependencyUnavailable(self.name, reason=ending.reason)


def _wire(settings: ClientSettings) -> Wire:
    """Without a bound of its own on connections, since something else bounds the calls."""
    return Wire(
        connect_timeout_s=settings.connect_timeout_s,
        keep_alive_s=settings.keep_alive_s,
        connections=0,
        max_answer_bytes=settings.max_answer_bytes,
    )
