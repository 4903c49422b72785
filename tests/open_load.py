"""Shoppers who come when they come: open arrivals from a seeded Poisson schedule, every call sent once.

A closed loop would slow down with the shop and hide what a fault does to it.
"""

import asyncio
import math
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from httpx_aiohttp import AiohttpTransport

CLIENT_TIMEOUT_S = 2.0
GUESTS = 40
_WORDS = ("lantern", "heart", "bag", "red", "christmas", "cake", "tin", "card", "metal sign", "candle")
_MIX = {"browse": 25, "search": 20, "product": 25, "cart add": 14, "cart": 12, "checkout": 4}


@dataclass(slots=True)
class Shopper:
    """A guest with a cart; `seen` is the last Consistency-Token, `filled` whether there is something to buy."""

    token: str
    seen: str = ""
    filled: bool = False
    busy: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of the calls. `late_ms` is how late each was sent, `failures` what was answered instead and when."""

    calls: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, float, str]] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.calls.values())

    @property
    def failed_share(self) -> float:
        return len(self.failures) / self.total

    def __str__(self) -> str:
        named = ", ".join(f"{name} at {at_s:.2f} s: {what}" for name, at_s, what in self.failures[:20])
        return (
            f"{len(self.failures)} of {self.total} calls failed; p50 {percentile(self.took_ms, 50):.0f} ms, "
            f"p99 {percentile(self.took_ms, 99):.0f} ms, sent {percentile(self.late_ms, 99):.0f} ms late (p99). {named}"
        )


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


class Crowd:
    """Guests with carts at both gateways; a context manager."""

    def __init__(self, urls: Sequence[str], goods: Sequence[str], seed: int = 1) -> None:
        self._urls = urls
        self._goods = goods
        self._random = random.Random(seed)
        self._shoppers: list[Shopper] = []
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200, keepalive_expiry=4)
        self._http = httpx.AsyncClient(
            transport=AiohttpTransport(limits=limits), timeout=CLIENT_TIMEOUT_S, trust_env=False
        )

    async def __aenter__(self) -> "Crowd":
        for _ in range(GUESTS):
            answer = await self._http.post(f"{self._urls[0]}/api/sessions", json={})
            self._shoppers.append(Shopper(answer.json()["token"]))
        for shopper in self._shoppers:
            await self._add(shopper)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def closed_loop(self, seconds: float, at_once: int) -> float:
        """Calls answered a second when so many are always under way."""
        ends_at = time.monotonic() + seconds
        outcome = Outcome()

        async def one_after_the_other() -> None:
            while time.monotonic() < ends_at:
                await self._call(outcome, 0.0)

        await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
        return (outcome.total - len(outcome.failures)) / seconds

    async def open_arrivals(
        self, rate: float, seconds: float, faults: Sequence[tuple[float, Callable[[], Awaitable[Any]]]] = ()
    ) -> Outcome:
        """`rate` calls a second, whatever becomes of them, while `faults` (second, action) are done."""
        outcome = Outcome()
        began = time.monotonic()
        acting = [asyncio.create_task(_at(began + at_s, action)) for at_s, action in faults]
        calls = []
        intended = 0.0
        while (intended := intended + self._random.expovariate(rate)) < seconds:
            await asyncio.sleep(began + intended - time.monotonic())
            outcome.late_ms.append(1000 * (time.monotonic() - began - intended))
            calls.append(asyncio.create_task(self._call(outcome, intended)))
        await asyncio.gather(*calls, *acting)
        return outcome

    async def _call(self, outcome: Outcome, at_s: float) -> None:
        name = self._random.choices(list(_MIX), list(_MIX.values()))[0]
        shopper = self._free(name)
        if shopper is None:
            name = "browse"
        sent_at = time.monotonic()
        try:
            what = await self._send(name, shopper)
        except httpx.HTTPError as error:
            what = type(error).__name__
        finally:
            if shopper is not None:
                shopper.busy = False
        outcome.calls[name] += 1
        outcome.took_ms.append(1000 * (time.monotonic() - sent_at))
        if what:
            outcome.failures.append((name, at_s, what))

    def _free(self, name: str) -> Shopper | None:
        """Somebody who can do it: one call of a shopper at a time, as a person does it."""
        if name in ("browse", "search", "product"):
            return None
        free = [one for one in self._shoppers if not one.busy and (one.filled or name != "checkout")]
        if not free:
            return None
        shopper = self._random.choice(free)
        shopper.busy = True
        return shopper

    async def _send(self, name: str, shopper: Shopper | None) -> str:
        """ "" when it was served, else what was wrong."""
        if shopper is None:
            return await self._look(name)
        if name == "cart add":
            return await self._add(shopper)
        if name == "cart":
            return _fault(await self._ask("GET", "/api/cart", shopper))
        answer = await self._ask("POST", "/api/checkout", shopper, {"payment_token": "tok_visa"})
        shopper.filled = shopper.filled and answer.status_code not in (201, 202)
        return _fault(answer)

    async def _look(self, name: str) -> str:
        path = "/api/products"
        if name == "search":
            path += f"?q={self._random.choice(_WORDS)}"
        if name == "product":
            path += f"/{self._random.choice(self._goods)}"
        return _fault(await self._ask("GET", path, None))

    async def _add(self, shopper: Shopper) -> str:
        item = {"product_id": self._random.choice(self._goods), "quantity": self._random.randint(1, 3)}
        answer = await self._ask("POST", "/api/cart/items", shopper, item)
        shopper.filled = shopper.filled or answer.status_code == 200
        return _fault(answer)

    async def _ask(self, method: str, path: str, shopper: Shopper | None, body: Any = None) -> httpx.Response:
        sent = {} if shopper is None else {"Authorization": f"Bearer {shopper.token}"}
        if method == "POST":
            sent["Idempotency-Key"] = uuid.uuid4().hex
        elif shopper is not None and shopper.seen:
            sent["Consistency-Token"] = shopper.seen
        url = self._random.choice(self._urls) + path
        answer = await self._http.request(method, url, json=body, headers=sent)
        if shopper is not None:
            shopper.seen = answer.headers.get("consistency-token", shopper.seen)
        return answer


async def _at(moment: float, action: Callable[[], Awaitable[Any]]) -> None:
    await asyncio.sleep(moment - time.monotonic())
    await action()


def _fault(answer: httpx.Response) -> str:
    return "" if answer.status_code < 300 else f"{answer.status_code} {answer.json().get('code')}"
