"""Accounts of the services' time: one for each caller with a token, one for each class that is free to join.

A rate bounds calls, not what they take: a hundred reads of a long stream keep a core and a half busy. So a call is
charged with its time. Time counts while others call: with no other callers one may have all of it.
"""

import random
from collections import OrderedDict
from typing import Final

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock
from holdfast.resilience.errors import BulkheadFull
from holdfast.resilience.ratelimit import forget_oldest
from holdfast.resilience.time_share import TimeShare, TimeShareSettings

# What a call is charged with at most: one that takes longer waits for something and uses no processor meanwhile.
LONGEST_CHARGE_S: Final = 0.02
OTHERS_GONE_S: Final = 1.0  # after the last call of another caller
CALLER_BURST_S: Final = 0.2  # what one caller may take at once: a page that asks for ten things of a slow shop
# What the calls of modest addresses may overdraw their class's account by, so that a flood from few addresses takes
# nothing from callers at others.
LONGEST_OVERDRAFT_S: Final = 0.5
_MOST_CALLERS: Final = 10_000


class ShareUsedUp(BulkheadFull):
    """The calls of a caller or class have taken their time or places. `pause_s`: how long to hold the answer back.

    A caller that is answered at once can call again at once, and each such call costs this process 0.4 of a
    millisecond. The pauses differ, so that those who were refused together do not come back together.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.pause_s = random.uniform(2.0, 4.0)  # Retry-After says 1 s at least


class Charge:
    """What one call costs an account: the most that it can take, until it is known what it took."""

    __slots__ = ("_account", "_name", "_overdraft_s")

    def __init__(self, name: str, account: TimeShare, overdraft_s: float = 0.0) -> None:
        self._name = name
        self._account = account
        self._overdraft_s = overdraft_s

    def take(self) -> None:
        """Raises ShareUsedUp while the account is overdrawn by more than the call may overdraw it."""
        if self._account.wait_s() > self._overdraft_s:
            raise ShareUsedUp(self._name)
        self._account.charge(LONGEST_CHARGE_S)

    def settle(self, took_s: float) -> None:
        """Give back what a call that took so long was charged too much."""
        self._account.charge(min(0.0, took_s - LONGEST_CHARGE_S))


class CallerTimes:
    """The account of each caller; at most 10,000, of which the least recently used are forgotten."""

    def __init__(self, share: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._settings = TimeShareSettings(share, CALLER_BURST_S)
        self._clock = clock
        self._accounts: OrderedDict[str, TimeShare] = OrderedDict()  # least recently used first
        self._latest: str | None = None
        self._latest_s = self._another_s = float("-inf")

    def __len__(self) -> int:
        return len(self._accounts)

    def note(self, caller: str | None) -> None:
        """Say that this caller calls, None without a token."""
        if caller != self._latest:
            self._another_s = self._latest_s
            self._latest = caller
        self._latest_s = self._clock.now()

    def charge(self, caller: str) -> Charge | None:
        """For the call just noted; None while nobody else calls."""
        if self._clock.now() - self._another_s > OTHERS_GONE_S:
            return None
        account = self._accounts.get(caller)
        if account is None:
            forget_oldest(self._accounts, _MOST_CALLERS - 1, lambda oldest: oldest.paid_off)
            account = self._accounts[caller] = TimeShare(self._settings, self._clock)
        else:
            self._accounts.move_to_end(caller)
        return Charge("the services by this caller", account)


class ClassTime:
    """The account of a class of callers."""

    def __init__(self, name: str, share: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._name = name
        self._clock = clock
        self._others_called_s = float("-inf")
        self._account = TimeShare(TimeShareSettings(share, burst_s=share), clock)

    def others_call(self) -> None:
        """Say that a caller outside the class calls."""
        self._others_called_s = self._clock.now()

    def charge(self, *, modest: bool) -> Charge | None:
        """For a call. `modest`: from an address with few. None while no caller outside the class calls."""
        if self._clock.now() - self._others_called_s > OTHERS_GONE_S:
            return None
        return Charge(self._name, self._account, LONGEST_OVERDRAFT_S if modest else 0.0)
