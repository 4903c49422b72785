"""Many shoppers who do their visits a few at a time."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import count, cycle
from threading import Event
from typing import Final, TypeVar

from holdfast_tools.compare_cpu.journeys import Visit
from holdfast_tools.compare_cpu.shopper import Shopper

AT_ONCE: Final = 4
_LAST_BYTES: Final = 250

Gateway = tuple[str, int]
Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Guest:
    """A visit and the shopper who does it."""

    visit: Visit
    shopper: Shopper


class Crowd:
    """Gives each visit a shopper with a source address of its own, at the gateways in turn."""

    def __init__(self, gateways: Sequence[Gateway]) -> None:
        self._gateways = cycle(gateways)
        self._addresses = map(loopback_address, count())
        self._stop = Event()

    def shopper(self) -> Shopper:
        """A new one, without a session."""
        return Shopper(next(self._gateways), next(self._addresses), self._stop)

    def prepare(self, visits: Iterable[Visit]) -> list[Guest]:
        """Does what comes before the measurement: the session, and the calls before. Raises RoundFailed."""

        def arrive(guest: Guest) -> None:
            if not guest.visit.new_session:
                guest.shopper.open_session()
            for call in guest.visit.before:
                guest.shopper.call(call)
            guest.shopper.close()  # before the gateway does, which ends idle connections

        guests = [Guest(visit, self.shopper()) for visit in visits]
        self._in_parallel(arrive, guests)
        return guests

    def perform(self, guests: Sequence[Guest]) -> int:
        """Does what is measured, each guest on a new connection; returns the number of repeats. Raises RoundFailed."""

        def shop(guest: Guest) -> int:
            before = guest.shopper.repeats
            with guest.shopper as shopper:
                if guest.visit.new_session:
                    shopper.open_session()
                for call in guest.visit.measured:
                    shopper.call(call)
            return shopper.repeats - before

        return sum(self._in_parallel(shop, guests))

    def _in_parallel(self, do: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
        """Ends all of them when one fails or this thread is interrupted."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                futures = [pool.submit(do, item) for item in items]
                wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    if future.done():
                        future.result()
                return [future.result() for future in futures]
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def loopback_address(number: int) -> str:
    """127.0.1.1, 127.0.1.2 and so on: 62,500 of them, then again from the first."""
    high, low = divmod(number % _LAST_BYTES**2, _LAST_BYTES)
    return f"127.0.{1 + high}.{1 + low}"
