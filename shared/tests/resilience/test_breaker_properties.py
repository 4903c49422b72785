"""The breaker against a naive model, over any order of calls, probes and waiting."""

from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from holdfast.resilience.breaker import CLOSED, HALF_OPEN, OPEN, CircuitBreaker, Permit
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.errors import DependencyUnavailable
from holdfast.resilience.outcome import Outcome
from holdfast.resilience.settings import BreakerSettings


@dataclass(eq=False)
class Lent:
    permit: Permit
    period: int
    ends_s: float
    done: bool = False


class AgainstAModel(RuleBasedStateMachine):
    """The model keeps everything that happened and derives each answer from all of it."""

    lent = Bundle("lent")
    probes_count = False

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(0)
        self.elsewhere = True
        self.breaker = CircuitBreaker(
            "x",
            BreakerSettings(good_probes=2, counts_bad_probes=self.probes_count),
            clock=self.clock,
            rng=lambda: 0.5,
            waits_for_probe=True,
            better_elsewhere=lambda _rate: self.elsewhere,
        )
        self.state = CLOSED
        self.period = 0
        self.outcomes: list[tuple[int, Outcome]] = []  # (period, outcome) of what counts
        self.seconds: list[tuple[int, Outcome]] = []  # (whole second, outcome) of what counts since last closed
        self.all: list[Lent] = []
        self.opened: list[float] = []  # since closed
        self.good_in_a_row = 0  # since it opened
        self.missed = 0

    def counted(self) -> list[Outcome]:
        return [outcome for period, outcome in self.outcomes if period == self.period]

    def live(self) -> int:
        mine = [one for one in self.all if one.period == self.period and not one.done]
        return sum(one.ends_s > self.clock.now() for one in mine)

    def to(self, state: str) -> None:
        self.state = state
        self.period += 1
        if state == OPEN:
            self.opened.append(self.clock.now())
            self.good_in_a_row = 0
        if state == CLOSED:
            self.opened = []
            self.seconds = []

    def ripe(self) -> bool:
        length_s = min(4, 2 ** (len(self.opened) - 1))
        return self.good_in_a_row >= 2 and self.clock.now() >= self.opened[-1] + length_s

    def admits(self) -> bool:
        if self.state == CLOSED:
            return True
        if self.state == OPEN:
            return self.ripe()
        return self.live() + self.counted().count(Outcome.SUCCESS) < 3

    @rule(seconds=st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 4.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(target=lent, lease_s=st.sampled_from([0.5, 1.25, 2.5]))
    def acquire(self, lease_s: float) -> Lent | None:
        expected = self.admits()
        try:
            permit = self.breaker.acquire(lease_s=lease_s)
        except DependencyUnavailable:
            assert not expected
            return None
        assert expected
        if self.state == OPEN:
            self.to(HALF_OPEN)
        one = Lent(permit, self.period, self.clock.now() + lease_s)
        self.all.append(one)
        self.swept()
        return one

    def swept(self) -> None:
        """Lending takes back what lapsed: from then on its result is dropped."""
        if self.state == HALF_OPEN:
            for one in self.all:
                if one.period == self.period and one.ends_s <= self.clock.now():
                    one.period = -1

    @rule(one=lent, outcome=st.sampled_from(list(Outcome)))
    def settle(self, one: Lent | None, outcome: Outcome) -> None:
        if one is None:
            return
        one.permit.settle(outcome)
        if one.done:
            return
        one.done = True
        if one.period != self.period or outcome is Outcome.NEUTRAL:
            return
        self.count(outcome)

    def count(self, outcome: Outcome) -> None:
        self.outcomes.append((self.period, outcome))
        self.seconds.append((int(self.clock.now()), outcome))
        self.judge(outcome)

    def judge(self, newest: Outcome) -> None:
        if self.state == HALF_OPEN and newest is not Outcome.SUCCESS:
            self.to(OPEN)
        elif self.state == HALF_OPEN and self.counted().count(Outcome.SUCCESS) == 3:
            self.to(CLOSED)
        elif self.state == CLOSED and newest is not Outcome.SUCCESS:
            bad = [Outcome.FAILURE, Outcome.SLOW] if self.elsewhere else [Outcome.FAILURE]
            if self.condemned([Outcome.FAILURE]) or self.condemned(bad):
                self.to(OPEN)

    def condemned(self, bad: list[Outcome]) -> bool:
        row = self.counted()[-7:]
        window = [outcome for second, outcome in self.seconds if int(self.clock.now()) - second < 10]
        return (len(row) == 7 and set(row) <= set(bad)) or (
            len(window) >= 20 and 2 * sum(outcome in bad for outcome in window) >= len(window)
        )

    @rule(elsewhere=st.booleans())
    def others_change(self, elsewhere: bool) -> None:
        self.elsewhere = elsewhere

    @rule(bad=st.sampled_from([Outcome.FAILURE, Outcome.SLOW]), pattern=st.lists(st.booleans(), max_size=24))
    def a_burst(self, bad: Outcome, pattern: list[bool]) -> None:
        """Enough calls for the window's rate, which single steps seldom make."""
        for well in pattern:
            self.settle(self.acquire(1.0), Outcome.SUCCESS if well else bad)

    @rule(lease_s=st.just(1.0))
    def fail_until_it_opens(self, lease_s: float) -> None:
        while self.state == CLOSED:
            self.settle(self.acquire(lease_s), Outcome.FAILURE)

    @rule()
    def probe_well(self) -> None:
        self.breaker.probe_succeeded()
        self.missed = 0
        self.good_in_a_row += 1
        if self.state == OPEN and self.ripe():
            self.to(HALF_OPEN)

    @rule()
    def probe_late(self) -> None:
        self.breaker.probe_late()
        self.missed = 0
        self.good_in_a_row = 0
        self.count_probe(Outcome.SLOW)

    @rule()
    def miss_a_probe(self) -> None:
        lost = self.breaker.probe_missed()
        self.missed += 1
        self.good_in_a_row = 0
        assert lost == (self.missed == 3)
        if lost and self.state != OPEN:
            self.to(OPEN)
        elif not lost:
            self.count_probe(Outcome.FAILURE)

    def count_probe(self, outcome: Outcome) -> None:
        if self.probes_count and self.state == CLOSED:
            self.count(outcome)

    @invariant()
    def agrees(self) -> None:
        assert self.breaker.state == self.state
        assert self.breaker.admits == self.admits()
        assert (self.breaker.retry_after_s == 0) == (self.state == CLOSED)
        assert self.breaker.retry_after_s <= 5
        assert self.breaker.in_flight == sum(not one.done for one in self.all)


class WhereBadProbesCount(AgainstAModel):
    probes_count = True


AgainstAModel.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestAgainstAModel = AgainstAModel.TestCase
WhereBadProbesCount.TestCase.settings = settings(max_examples=50, stateful_step_count=50, deadline=None)
TestWhereBadProbesCount = WhereBadProbesCount.TestCase
