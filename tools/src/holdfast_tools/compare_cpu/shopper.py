"""A shopper who calls the public API: one source address, one connection and one guest's token."""

import http.client
import json
from threading import Event
from types import TracebackType
from typing import Final, Self

from holdfast_tools.compare_cpu.errors import RoundFailed
from holdfast_tools.compare_cpu.journeys import Call

_TIMEOUT_S: Final = 15
_TRIES: Final = 30
_WAIT_S: Final = 1.0
_SESSION: Final = Call("POST", "/api/sessions", b"{}")


class Shopper:
    """Calls one gateway until `stop` is set; a context manager that closes the connection.

    `repeats` counts responses 429 and 503 that it waited out: faults of the measurement or of the machine, not of what
    is measured.
    """

    def __init__(self, gateway: tuple[str, int], address: str, stop: Event) -> None:
        self._connection = http.client.HTTPConnection(*gateway, timeout=_TIMEOUT_S, source_address=(address, 0))
        self._stop = stop
        self._token = ""
        self.repeats = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; the next call makes a new one."""
        self._connection.close()

    def open_session(self) -> None:
        """Becomes a new guest, whose token every call carries from now on. Raises RoundFailed."""
        self._token = ""
        self._token = json.loads(self.call(_SESSION))["token"]

    def call(self, call: Call) -> bytes:
        """The body of a 200 or 201. 429 and 503 are repeated; any other status and Degraded raise RoundFailed."""
        for _ in range(_TRIES):
            if self._stop.is_set():
                raise RoundFailed("stopped")
            response, body = self._send(call)
            if response.status in (200, 201) and response.getheader("Degraded") is None:
                return body
            if response.status not in (429, 503):
                said = response.getheader("Degraded") or body[:200].decode(errors="replace")
                raise RoundFailed(f"{call.method} {call.path}: {response.status} {said}")
            self.repeats += 1
            self._stop.wait(float(response.getheader("Retry-After") or _WAIT_S))
        raise RoundFailed(f"{call.method} {call.path}: still {response.status} after {_TRIES} tries")

    def _send(self, call: Call) -> tuple[http.client.HTTPResponse, bytes]:
        headers = {}
        if call.body:
            headers["Content-Type"] = "application/json"
        if call.key:
            headers["Idempotency-Key"] = call.key
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            self._connection.request(call.method, call.path, call.body or None, headers)
            response = self._connection.getresponse()
            return response, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise RoundFailed(f"{call.method} {call.path}: {type(error).__name__} {error}") from error
