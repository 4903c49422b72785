"""The shop's protections, switched in every process at once through a gateway (demo mode only)."""

import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx

from gameday.nemesis.fault import Refused
from holdfast.resilience.protections import Protection

_WITHIN_S: Final = 10.0  # a gateway that has just been flooded answers late
_AGAIN_S: Final = 1.0


class Switches:
    """Switches as an administrator does. Every method raises Refused."""

    def __init__(self, gateway: str, email: str, password: str) -> None:
        self._gateway = gateway
        self._who = {"email": email, "password": password}

    def off(self) -> Sequence[Protection]:
        """What is off now; processes that differ are refused, since nobody could say what was measured."""
        return self._agreed(self._ask("GET", None))

    def switch_off(self, off: Sequence[Protection], patience_s: float = 0.0) -> None:
        """From now on exactly these are off, in every process; asked again for `patience_s` if some do not answer."""
        ends_at = time.monotonic() + patience_s
        while True:
            try:
                return self._switch(off)
            except Refused:
                if time.monotonic() > ends_at:
                    raise
            time.sleep(_AGAIN_S)

    def _switch(self, off: Sequence[Protection]) -> None:
        told = self._agreed(self._ask("PUT", {"off": list(off)}))
        if set(told) != set(off):
            raise Refused(f"protections were not switched: off are {', '.join(told) or 'none'}")

    def _agreed(self, told: dict[str, Any]) -> Sequence[Protection]:
        if told["unreached"]:
            names = ", ".join(str(process["replica"]) for process in told["unreached"])
            raise Refused(f"protections cannot be switched at {names}: no answer")
        found = {tuple(process["off"]) for process in told["processes"]}
        if len(found) != 1:
            raise Refused("processes differ in the protections that are on: switch them all, then try again")
        return list(found.pop())

    def _ask(self, method: str, body: dict[str, Any] | None) -> dict[str, Any]:
        try:
            with httpx.Client(base_url=self._gateway, timeout=_WITHIN_S, trust_env=False) as http:
                entered = http.post("/api/sessions", json=self._who)
                if entered.status_code != httpx.codes.CREATED:
                    raise Refused(f"the shop refused the sign-in of {self._who['email']}: {entered.status_code}")
                keys = {
                    "Authorization": f"Bearer {entered.json()['token']}",
                    "Idempotency-Key": secrets.token_hex(16),
                }
                answer = http.request(method, "/api/ops/protections", json=body, headers=keys)
        except httpx.HTTPError as error:
            raise Refused(f"no gateway answers at {self._gateway}: {type(error).__name__}") from error
        if answer.status_code != httpx.codes.OK:
            raise Refused(f"the shop does not switch protections ({answer.status_code}): it needs demo mode")
        told: dict[str, Any] = answer.json()
        return told
