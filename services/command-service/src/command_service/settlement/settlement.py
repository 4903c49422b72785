"""Claims what is owed, asks the ledger until its answer is final, and stores that answer (CORRECTNESS 9).

Several may run: a row is claimed by one at a time, and if two ever worked on one order, ledger and event store would
both see a repeat. A row that is not settled comes due again by itself, whatever becomes of the process.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

import structlog

from command_service.adapters import payment_work
from command_service.adapters.payment_work import ATTEMPT_S, Work
from command_service.adapters.payments import (
    LedgerAnswerUnexpected,
    NothingCaptured,
    Payments,
    Pending,
    Refunded,
    VoidedBefore,
)
from command_service.codec import ORDER
from command_service.domain.order import NoOrder
from command_service.handlers.settle import Expired, LedgerContradicts, Outcome, apply_outcome
from holdfast.eventstore import Database, Metadata, read_stream
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import ResilienceError
from holdfast.service.context import RequestContext, child_traceparent, enter

log = structlog.get_logger(__name__)

_STATEMENT_S: Final = 2.0  # for claiming and counting, which no caller waits for
_COUNT_EVERY_S: Final = 2.0
_TROUBLE_S: Final = 0.5  # between tries while PostgreSQL is away


@dataclass(slots=True)
class Backlog:
    """What is owed, as last counted; `oldest_s` is the age of the oldest row in seconds."""

    owed: int = 0
    oldest_s: float = 0.0


class Settlement:
    """`run` works until it is cancelled."""

    def __init__(
        self,
        database: Database,
        payments: Payments,
        *,
        batch: int,
        idle_s: float,
        reserved_for: timedelta = timedelta(hours=24),
    ) -> None:
        self.backlog = Backlog()
        self._database = database
        self._payments = payments
        self._batch = batch
        self._idle_s = idle_s
        self._reserved_for = reserved_for

    async def run(self) -> None:
        """Settle and count, whatever is away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_for_ever(self._settle_all_due, self._idle_s))
            tasks.create_task(_for_ever(self._count, _COUNT_EVERY_S))

    async def settle_due(self) -> tuple[int, int]:
        """Work on one batch of due rows. Returns how many were claimed and how many of them settled."""
        async with self._database.transaction(Deadline.after(_STATEMENT_S)) as tx:
            claimed = await payment_work.claim_due(tx, self._batch)
        settled = await asyncio.gather(*(self._settle(work) for work in claimed))
        return len(claimed), sum(settled)

    async def _settle_all_due(self) -> None:
        # Goes on while it gets anywhere; with the ledger away it pauses, instead of spinning over the rows. What an
        # outage has left waits already: after each batch shoppers have the shop to themselves for as long as it took.
        while True:
            began_s = time.monotonic()
            claimed, settled = await self.settle_due()
            if claimed < self._batch or not settled:
                return
            await asyncio.sleep(time.monotonic() - began_s)

    async def _count(self) -> None:
        async with self._database.transaction(Deadline.after(_STATEMENT_S)) as tx:
            self.backlog.owed, self.backlog.oldest_s = await payment_work.backlog(tx)

    async def _settle(self, work: Work) -> bool:
        """One attempt at one row; whether it is settled now."""
        deadline = Deadline.after(ATTEMPT_S)
        enter(_context(work, deadline))
        try:
            outcome = await self._ask(work, deadline)
            if outcome is None:
                return False
            metadata = Metadata("settlement", work.correlation_id, f"{work.kind}:{work.order_id}", work.traceparent)
            await apply_outcome(
                self._database,
                work.order_id,
                outcome,
                metadata=metadata,
                deadline=deadline,
                by_settlement=True,
                pool="default",
            )
        except ResilienceError as error:
            log.info("not_settled_yet", order_id=work.order_id, attempts=work.attempts, error=str(error))
            return False
        except LedgerAnswerUnexpected as error:
            log.warning("ledger_answer_unexpected", order_id=work.order_id, attempts=work.attempts, error=str(error))
            return False
        except LedgerContradicts as error:
            log.error("ledger_contradicts", order_id=work.order_id, attempts=work.attempts, error=str(error))
            return False
        except Exception:
            log.exception("settlement_failed", order_id=work.order_id, attempts=work.attempts)
            return False
        log.info("settled", order_id=work.order_id, kind=work.kind, outcome=type(outcome).__name__)
        return True

    async def _ask(self, work: Work, deadline: Deadline) -> Outcome | None:
        """The ledger's final word; None while it has none, or when a cancellation has replaced the charge."""
        if work.payment_token is None:
            void = await self._payments.void(work.order_id, deadline)
            return None if isinstance(void, Pending) else void
        if datetime.now(UTC) - work.created_at > self._reserved_for:
            return await self._end_reservation(work, deadline)
        async with self._database.transaction(deadline) as tx:
            order = (await read_stream(tx, (ORDER, work.order_id))).state
        if isinstance(order, NoOrder):
            raise LookupError(f"payment work names order {work.order_id}, which does not exist")
        amount, currency = order.details.total_amount, order.details.currency
        charge = await self._payments.charge(work.order_id, amount, currency, work.payment_token, deadline)
        return None if isinstance(charge, Pending | VoidedBefore) else charge

    async def _end_reservation(self, work: Work, deadline: Deadline) -> Outcome | None:
        """The ledger first: once it has refused the charge for good, nobody can pay for what is sold to others."""
        void = await self._payments.void(work.order_id, deadline)
        match void:
            case Pending():
                return None
            case Refunded(amount):
                return Expired(amount)
            case NothingCaptured():
                return Expired(None)
            case _:
                assert_never(void)


def _context(work: Work, deadline: Deadline) -> RequestContext:
    """The conversation of the checkout or cancellation that left the work."""
    return RequestContext(
        work.correlation_id or secrets.token_hex(16), child_traceparent(work.traceparent), deadline, work.attempts
    )


async def _for_ever(work: Callable[[], Awaitable[object]], every_s: float) -> None:
    while True:
        pause_s = every_s
        try:
            await work()
        except Exception as error:  # PostgreSQL is away, or not prepared yet: the process stays up and tries again
            log.warning("settlement_waits", error=f"{type(error).__name__}: {error}")
            pause_s = max(every_s, _TROUBLE_S)
        await asyncio.sleep(pause_s)
