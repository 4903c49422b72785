"""payment-service's fault knobs: it forgets them when their time is over, whatever became of who set them."""

import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from gameday.nemesis.fault import Fault, Kind, Refused, Suffering
from holdfast_tools.command_line import UserError
from holdfast_tools.stores import tools_signer

PAYMENT: Final = "payment"
_NAMES: Final = {Kind.LATENCY: "latency_ms", Kind.ERRORS: "error_rate", Kind.HANG: "hang"}
_ANSWER_WITHIN_S: Final = 3.0
_OFF: Final = f"{PAYMENT} serves no fault knobs: start it in demo mode or with FAULTS_ENABLED=true"

Call = Callable[[str, bytes | None], tuple[int, bytes]]
"""Sends a method and a body to /faults and returns status and body. Raises Refused when nobody answers."""


def credential() -> Mapping[str, str]:
    """The header by which payment-service knows the tools. Raises Refused for a wrong SERVICE_PRIVATE_KEY."""
    try:
        return dict([tools_signer().header("payment-service")])
    except UserError as error:
        raise Refused(str(error)) from error


def check_part(fault: Fault) -> None:
    """Raises Refused when the knob of another part than payment-service is meant."""
    if fault.part != PAYMENT:
        raise Refused(f"{fault.kind} is a knob of {PAYMENT}, {fault.part} has none")


class Knobs:
    """Latency, errors and hang of the calls that payment-service answers; each knob beside the others."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def check(self) -> None:
        """Raises Refused when payment-service does not answer or has no knobs."""
        self._ask("GET")

    def set(self, fault: Fault) -> None:
        """Sets one knob and leaves the others as they are. Raises Refused."""
        knob: dict[str, float] = {"percent": fault.percent, "expires_in_s": fault.for_s}
        if fault.kind is Kind.LATENCY:
            knob["value"] = fault.latency_ms
        others = {name: other for name, other in self._ask("GET").items() if other["expires_in_s"] > 0}
        self._ask("PUT", {**others, _NAMES[fault.kind]: knob})

    def lift(self) -> bool:
        """Lifts them all; whether any was set. Calls that hang go on.

        One that does not answer is starting and has none set; one that was started without knobs has none either.
        """
        if not self.active():
            return False
        self._ask("DELETE")
        return True

    def active(self) -> list[Suffering]:
        """The knobs that are set now; none when there are no knobs or nobody answers."""
        try:
            knobs = self._ask("GET")
        except Refused:
            return []
        kinds = {name: kind for kind, name in _NAMES.items()}
        return [Suffering(PAYMENT, kinds[name], knob["expires_in_s"]) for name, knob in knobs.items()]

    def _ask(self, method: str, content: Mapping[str, Any] | None = None) -> dict[str, Any]:
        status, body = self._call(method, None if content is None else json.dumps(content).encode())
        if status == http.client.NOT_FOUND:
            raise Refused(_OFF)
        if status != http.client.OK:
            raise Refused(f"{PAYMENT} answered {status} to {method} /faults: {body.decode(errors='replace')[:200]}")
        knobs: dict[str, Any] = json.loads(body)
        return knobs


def over_http(url: str) -> Call:
    """The way to a payment-service at this base URL."""
    address = urlsplit(url).netloc

    def call(method: str, body: bytes | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(address, timeout=_ANSWER_WITHIN_S)
        try:
            connection.request(method, "/faults", body, {"Content-Type": "application/json", **credential()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"{PAYMENT} does not answer: {error or type(error).__name__}") from error
        finally:
            connection.close()

    return call
