"""Password hashes by argon2, one at a time on a thread of their own (CORRECTNESS 7)."""

import asyncio
import os
import secrets
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from command_service.adapters.turns import Source, Turns
from holdfast.resilience.deadline import Deadline

T = TypeVar("T")

# OWASP's parameters for argon2id: 19 MiB, two passes, one lane. About 25 ms of one core.
_MEMORY_KIB: Final = 19_456
_PASSES: Final = 2
_LANES: Final = 1
# The thread's niceness above the process's: a flood of passwords takes the time that requests leave.
_NICENESS: Final = 5


class Passwords:
    """Hashes and verifies, in turns: whoever holds the turn is the only one at work in this process."""

    def __init__(self, turns: Turns | None = None) -> None:
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2", initializer=_lower_priority)
        self._turns = turns or Turns("argon2")
        # The hash of no password in use: an unknown e-mail is verified against it, which takes as long as a known one.
        self._absent = self._hasher.hash(secrets.token_hex(16))

    @asynccontextmanager
    async def turn(self, source: Source, deadline: Deadline) -> AsyncIterator["Turn"]:
        """Hold the turn for the block, and to the end of work begun in it. Raises BulkheadFull."""
        await self._turns.take(source, deadline)
        turn = Turn(self._hasher, self._thread, self._absent)
        try:
            yield turn
        finally:
            turn.when_idle(lambda: self._turns.give_back(source, turn.cpu_s))

    async def hash(self, password: str, source: Source, deadline: Deadline) -> str:
        """A new salted hash in the PHC format, in a turn of its own. Raises BulkheadFull."""
        async with self.turn(source, deadline) as turn:
            return await turn.hash(password)

    async def verify(self, password_hash: str | None, password: str, source: Source, deadline: Deadline) -> bool:
        """Whether the password is the one hashed, in a turn of its own. Raises BulkheadFull."""
        async with self.turn(source, deadline) as turn:
            return await turn.verify(password_hash, password)

    def close(self) -> None:
        """Ends the thread after the call at work."""
        self._turns.close()
        self._thread.shutdown(wait=False, cancel_futures=True)


class Turn:
    """The right to hash. `cpu_s` is the CPU time that the work of this turn has taken."""

    def __init__(self, hasher: PasswordHasher, thread: ThreadPoolExecutor, absent: str) -> None:
        self.cpu_s = 0.0
        self._hasher = hasher
        self._thread = thread
        self._absent = absent
        self._work: Future[Any] | None = None

    async def hash(self, password: str) -> str:
        """A new salted hash in the PHC format."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one hashed; False for None, in the same time."""
        return await self._run(lambda: self._matches(password_hash or self._absent, password)) and bool(password_hash)

    def when_idle(self, done: Callable[[], None]) -> None:
        """Call `done` now, or on this event loop once the work of a caller that gave up has ended."""
        if self._work is None or self._work.done():
            done()
            return
        loop = asyncio.get_running_loop()

        def on_end(_work: Future[Any]) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(done)

        self._work.add_done_callback(on_end)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        def timed() -> T:
            began_s = time.thread_time()
            try:
                return work()
            finally:
                self.cpu_s += time.thread_time() - began_s

        self._work = self._thread.submit(timed)
        return await asyncio.wrap_future(self._work)


def _lower_priority() -> None:
    """For the thread that calls this. Only Linux gives each thread a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS)
