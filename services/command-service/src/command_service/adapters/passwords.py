"""Password hashes by argon2, on one thread of their own with a short queue (CORRECTNESS 7)."""

import asyncio
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from holdfast.resilience.errors import BulkheadFull
from holdfast.resilience.protections import PROTECTIONS

T = TypeVar("T")

# OWASP's parameters for argon2id: 19 MiB, two passes, one lane. About 25 ms of one core; two replicas do 80 a second.
_MEMORY_KIB: Final = 19_456
_PASSES: Final = 2
_LANES: Final = 1
# Sign-ins that wait beside the one at work: 4 x 25 ms is what a caller can be made to wait, more is refused at once.
QUEUE: Final = 4


class Passwords:
    """Hashes and verifies. Both raise BulkheadFull at once when one call is at work and `queue` are waiting."""

    def __init__(self, queue: int = QUEUE) -> None:
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")
        self._most = 1 + queue
        self._held = 0
        self._lock = threading.Lock()
        # Nobody's password: what an unknown e-mail is verified against, so that it takes as long as a known one.
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """A new salted hash in the PHC format."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one hashed; False for None, in the same time."""
        return await self._run(lambda: self._matches(password_hash or self._nobody, password)) and bool(password_hash)

    def close(self) -> None:
        """Ends the thread after the call at work."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._held >= self._most and "bulkhead" in PROTECTIONS.on:
                raise BulkheadFull("argon2")
            self._held += 1
        # A caller that gives up while waiting takes its work out of the queue; work begun keeps its place to its end.
        future = self._thread.submit(work)
        future.add_done_callback(self._left)
        return await asyncio.wrap_future(future)

    def _left(self, _future: Future[T]) -> None:
        with self._lock:
            self._held -= 1
