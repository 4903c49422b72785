"""How often one caller may call: by token, and by address for whatever needs no token.

A token is free to ask for, so what costs the shop most is limited by address as well: new sessions, passwords, and
calls without a token that a service has to answer.
"""

import ipaddress
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from starlette.types import Scope

from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.ratelimit import RateDecision, RateLimiter
from holdfast.resilience.settings import RateSettings
from holdfast.service.problems import Problem

_PAUSE_S: Final = 0.03  # for each refusal before it
_LONGEST_PAUSE_S: Final = 4.0

Marks = list[tuple[bytes, bytes]]
"""RateLimit and RateLimit-Policy of an answer, as raw headers."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Each limit's rate. tokens: calls of one token; the others count for one address."""

    tokens: RateSettings
    addresses: RateSettings
    services: RateSettings
    sessions: RateSettings
    passwords: RateSettings


class LimitReached(Problem):
    """429 `rate-limited`. `pause_s`: how long the answer is to be held back.

    A caller that goes on after refusals waits longer for each further one. So calls in vain cost it connections and
    time, where an answer at once would cost this process more than the caller.
    """

    def __init__(self, decision: RateDecision, headers: Mapping[str, str]) -> None:
        detail = f"over {decision.limit} calls at once, try again in {decision.retry_after_s} s"
        super().__init__(429, "rate-limited", detail, headers=headers)
        pause_s = min(_LONGEST_PAUSE_S, _PAUSE_S * (decision.refusals - 1))
        self.pause_s = pause_s * random.uniform(0.5, 1.0)  # or callers who came together would come back together


class RateLimits:
    """Token buckets in the memory of this process. Every method raises LimitReached."""

    def __init__(self, rates: Rates) -> None:
        self._tokens = _Limit("default", rates.tokens)
        self._addresses = _Limit("address", rates.addresses)
        self._services = _Limit("services", rates.services)
        self._sessions = _Limit("sessions", rates.sessions)
        self._passwords = _Limit("passwords", rates.passwords)

    def take_call(self, address: str, token: str | None) -> Marks:
        """Count a call of a verified token, or one without from this address. A bad token counts as none."""
        return self._addresses.take(address) if token is None else self._tokens.take(token)

    def take_session(self, address: str) -> Marks:
        """Count a call that may open a session."""
        return self._sessions.take(address)

    def take_service_call(self, address: str) -> None:
        """Count a call without a token that a service has to answer, or that is as dear to this process."""
        self._services.take(address)

    def take_password(self, address: str, *, anonymous: bool) -> None:
        """Count a password to hash. Calls without a token do not use up what callers with one have."""
        self._passwords.take(f"{address} anonymous" if anonymous else address)


class _Limit:
    def __init__(self, name: str, settings: RateSettings) -> None:
        self._limiter = RateLimiter(settings)
        self._name = name
        policy = f'"{name}";q={settings.burst};w={self._limiter.window_s}'
        self._policy = (b"ratelimit-policy", policy.encode())

    def take(self, key: str) -> Marks:
        if "rate-limit" not in PROTECTIONS.on:
            return []
        decision = self._limiter.take(key)
        limit = f'"{self._name}";r={decision.remaining};t={decision.reset_s}'
        if not decision.allowed:
            raise self._refusal(decision, limit)
        return [self._policy, (b"ratelimit", limit.encode())]

    def _refusal(self, decision: RateDecision, limit: str) -> LimitReached:
        headers = {
            "RateLimit-Policy": self._policy[1].decode(),
            "RateLimit": limit,
            "Retry-After": str(decision.retry_after_s),
        }
        return LimitReached(decision, headers)


_IPV6_NETWORK_BITS: Final = 64


def address_of(scope: Scope) -> str:
    """The address that a request counts at: of IPv6 the /64 network, since one customer has all of it."""
    host = host_of(scope)
    return _network_of(host) if ":" in host else host


def host_of(scope: Scope) -> str:
    """The IP address that the connection comes from, "" if it is not known."""
    client = scope.get("client")
    return client[0] if client else ""


@lru_cache(maxsize=1024)
def _network_of(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _IPV6_NETWORK_BITS), strict=False))
