"""Reads the bodies of public requests: each has a deadline of its own, and all together a bound on their bytes.

A body comes as slowly as its sender likes. So it is read before the call's deadline starts and before the call holds a
place: a slow upload takes nothing from other callers and says nothing about the load.
"""

from starlette.datastructures import Headers
from starlette.types import Receive

from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import DeadlineExceeded, Overloaded
from holdfast.service.bodies import MAX_BODY_BYTES, receive_body, require_readable
from holdfast.service.problems import Problem


class Uploads:
    """The bodies being read now. One event loop."""

    def __init__(self, *, limit_s: float, most_bytes: int) -> None:
        """limit_s: for one whole body. most_bytes: of all bodies being read, each as announced, else 64 KiB."""
        self._limit_s = limit_s
        self._most_bytes = most_bytes
        self.bytes = 0

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """The body. Raises what `bodies.read_body` raises, Problem 408 `request-timeout`, or Overloaded."""
        require_readable(headers)
        length = headers.get("content-length", "")
        announced = int(length) if length.isdigit() else MAX_BODY_BYTES
        if "transfer-encoding" not in headers and not length:
            announced = 0
        if self.bytes + announced > self._most_bytes:
            raise Overloaded
        self.bytes += announced
        try:
            with Deadline.after(self._limit_s).limit():
                return await receive_body(headers, receive)
        except DeadlineExceeded as error:
            detail = f"the body has to arrive within {self._limit_s:g} s"
            raise Problem(408, "request-timeout", detail, headers={"Connection": "close"}) from error
        finally:
            self.bytes -= announced
