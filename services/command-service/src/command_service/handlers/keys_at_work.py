"""Keys of commands that this process is working on, so that a repeat is refused without touching PostgreSQL.

A hundred repeats of one checkout then cost nobody else a connection; another replica's are refused by the lock in
PostgreSQL (CORRECTNESS 2).
"""

from collections.abc import Iterator
from contextlib import contextmanager


class RequestInProgress(Exception):
    """A call with the same idempotency key is being worked on; nothing was done. Repeat in `retry_after_s` seconds."""

    retry_after_s = 1


class KeysAtWork:
    """A set of key hashes, each held by one call at a time. For one event loop."""

    def __init__(self) -> None:
        self._held: set[str] = set()

    @contextmanager
    def hold(self, key_hash: str) -> Iterator[None]:
        """Hold the key for the block. Raises RequestInProgress when it is held."""
        if key_hash in self._held:
            raise RequestInProgress
        self._held.add(key_hash)
        try:
            yield
        finally:
            self._held.discard(key_hash)
