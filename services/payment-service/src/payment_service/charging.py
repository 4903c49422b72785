"""Charges and voids an order: writes the intention down, then works detached from the call that asked
(CORRECTNESS 8).
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import structlog

from payment_service.adapters.ledger import Ledger
from payment_service.adapters.processor import Processor
from payment_service.domain.charge import (
    Capture,
    Charge,
    ChargeDiffers,
    Refund,
    Verdict,
    VoidedBefore,
    ask_charge,
    ask_void,
    next_step,
    refund,
    settle,
)

T = TypeVar("T")
log = structlog.get_logger(__name__)

# Seconds between tries when the ledger or the processor fails: long enough not to spin, short beside
# settlement's 2 s.
_RETRY_S = 0.5


class Charging:
    """One detached task for each unfinished order asks the processor until the order needs nothing more.

    `charge` and `void` return when the order is finished or `wait_s` seconds are over, whichever is first;
    the work goes on either way, and `resume` takes it up again after a restart.
    """

    def __init__(self, ledger: Ledger, processor: Processor) -> None:
        self._ledger = ledger
        self._processor = processor
        self._working: dict[str, asyncio.Task[None]] = {}
        self._asked_again: set[str] = set()
        self._recording: set[asyncio.Task[Any]] = set()

    @property
    def unfinished(self) -> int:
        """How many orders are being worked on."""
        return len(self._working)

    async def resume(self) -> int:
        """Takes up what an earlier process left unfinished; the number of orders."""
        orders = await self._ledger.unfinished()
        for order_id in orders:
            self._work_on(order_id)
        return len(orders)

    async def charge(
        self, order_id: str, amount: int, currency: str, payment_token: str, wait_s: float
    ) -> Charge | VoidedBefore | ChargeDiffers:
        """Charges the order once however often it is asked; `amount` in the currency's smallest unit.

        Raises TimeoutError when not even the intention could be written within `wait_s`; it may still be
        written then.
        """
        return await self._ask(
            order_id,
            lambda known: ask_charge(known, order_id, amount, currency, payment_token),
            wait_s,
        )

    async def void(self, order_id: str, wait_s: float) -> Charge:
        """Takes back what was captured and refuses whatever comes later. Raises TimeoutError as `charge`
        does.
        """
        return await self._ask(order_id, lambda known: ask_void(known, order_id), wait_s)

    async def find(self, order_id: str) -> Charge | None:
        """The order's row."""
        return await self._ledger.get(order_id)

    async def stop(self) -> None:
        """Leaves unfinished work to the next start: every step is safe to repeat."""
        tasks: list[asyncio.Task[Any]] = [*self._recording, *self._working.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, order_id: str, decide: Callable[[Charge | None], Charge | T], wait_s: float) -> Charge | T:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + wait_s
        recorded = await self._detached(self._record(order_id, decide), wait_s)
        if not isinstance(recorded, Charge):
            return recorded
        task = self._working.get(order_id)
        if task is None:
            return recorded if next_step(recorded) is None else await self._known(order_id)
        await asyncio.wait({task}, timeout=max(0.0, ends_at - loop.time()))
        return await self._known(order_id)

    async def _detached(self, work: Coroutine[Any, Any, T], wait_s: float) -> T:
        # The caller may give up or be cancelled; what was handed to the ledger must still be followed by its
        # work.
        task = asyncio.create_task(work)
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)
        async with asyncio.timeout(wait_s):
            return await asyncio.shield(task)

    async def _record(self, order_id: str, decide: Callable[[Charge | None], Charge | T]) -> Charge | T:
        recorded = await self._ledger.change(order_id, decide)
        if isinstance(recorded, Charge) and next_step(recorded) is not None:
            self._work_on(order_id)
        return recorded

    def _work_on(self, order_id: str) -> None:
        self._asked_again.add(order_id)
        if order_id not in self._working:
            self._working[order_id] = asyncio.create_task(self._work(order_id), name=f"charge {order_id}")

    async def _work(self, order_id: str) -> None:
        try:
            # A void may be written after this task saw its order finished and before it ended: no await
            # stands between the check and the removal, so that either this loop sees it or a new task is
            # started for it.
            while order_id in self._asked_again:
                self._asked_again.discard(order_id)
                await self._finish(order_id)
        finally:
            del self._working[order_id]

    async def _finish(self, order_id: str) -> None:
        while True:
            try:
                charge = await self._known(order_id)
                step = next_step(charge)
                if step is None:
                    return
                await self._take(charge, step)
            except Exception:
                log.exception("charge_step_failed", order_id=order_id, retry_s=_RETRY_S)
                await asyncio.sleep(_RETRY_S)

    async def _take(self, charge: Charge, step: Capture | Refund) -> None:
        # The keys are made of the order alone: a step repeated after a crash is the same one to the
        # processor.
        order_id, amount = charge.order_id, charge.amount
        if isinstance(step, Capture):
            key = f"capture:{order_id}"
            verdict = await self._processor.capture(key, order_id, amount, step.payment_token)
            await self._ledger.change(order_id, partial(_settled, verdict=verdict))
            log.info("charge_settled", order_id=order_id, verdict=verdict.value, amount=amount)
        else:
            await self._processor.refund(f"refund:{order_id}", order_id, amount)
            await self._ledger.change(order_id, _refunded)
            log.info("charge_refunded", order_id=order_id, amount=amount)

    async def _known(self, order_id: str) -> Charge:
        charge = await self._ledger.get(order_id)
        if charge is None:
            raise LookupError(f"order {order_id} has no row in the ledger")
        return charge


def _settled(known: Charge | None, verdict: Verdict) -> Charge:
    if known is None:
        raise LookupError("a charge under way has no row in the ledger")
    return settle(known, verdict)


def _refunded(known: Charge | None) -> Charge:
    if known is None:
        raise LookupError("a refund under way has no row in the ledger")
    return refund(known)
