"""What uvicorn writes a response to: the transport, but for how it is closed and how often it sends.

uvicorn writes the head and the body one after the other, and a transport sends each at once: two system calls, and a
receiver that wakes twice. So the head waits for the body, until the next turn of the event loop at most: a response
that is there as a whole has written both by then.
"""

import asyncio
from collections.abc import Callable
from typing import Final

_JOINED_BYTES: Final = 64 * 1024  # a longer body is sent by itself: joining would copy it


class ResponseWriter:
    """The part of `asyncio.Transport` that uvicorn's RequestResponseCycle uses. `close` is what closing means."""

    __slots__ = ("_begins", "_call_soon", "_close", "_head", "_transport", "is_closing")

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, close: Callable[[], None]
    ) -> None:
        self.is_closing = transport.is_closing
        self._transport = transport
        self._call_soon = loop.call_soon
        self._close = close
        self._begins = True  # the next write is the first of a response
        self._head = b""

    def write(self, data: bytes) -> None:
        """Send, but for the first of a response, which goes with the second."""
        if self._begins:
            self._begins = False
            self._head = data
            self._call_soon(self.flush)
            return
        if self._head:
            if len(data) <= _JOINED_BYTES:
                data = self._head + data
                self._head = b""
            else:
                self.flush()
        self._transport.write(data)

    def flush(self) -> None:
        """Send what waits."""
        if self._head:
            head, self._head = self._head, b""
            if not self._transport.is_closing():
                self._transport.write(head)

    def end(self) -> None:
        """The response is complete: send what waits, the next write begins another."""
        self.flush()
        self._begins = True

    def close(self) -> None:
        self.flush()
        self._close()
