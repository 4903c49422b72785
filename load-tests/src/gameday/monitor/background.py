"""Work that goes on beside a run, on a thread and an event loop of its own."""

import asyncio
import threading
from abc import ABC, abstractmethod


class Background(ABC):
    """Runs between `start` and `stop`, until `stopped` is set. Whoever ends the process does not wait for it."""

    def __init__(self, name: str) -> None:
        self.stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.run()), name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waits for its end. Nothing happens the second time, or when it was never started."""
        self.stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    @abstractmethod
    async def run(self) -> None:
        """Returns soon after `stopped` is set."""
