"""An attacker spends its share of a core, and never makes too few calls."""

from hypothesis import given
from hypothesis import strategies as st

from gameday.hostile.pace import CPU_SHARE, MOST_PER_S, PhaseLengths


def settled(cost_s: float, least: int) -> PhaseLengths:
    """After ten seconds in which every call cost so much."""
    pace = PhaseLengths(least)
    for _ in range(40):
        pace.look(min(0.25, 0.25 * pace.rate * cost_s), 0.25, held_back=False)
    return pace


def test_the_rate_settles_where_the_calls_cost_the_share() -> None:
    assert 0.15 <= settled(0.0005, least=20).rate * 0.0005 <= 0.2
    assert 0.15 <= settled(0.002, least=20).rate * 0.002 <= 0.2


@given(st.floats(0, 1), st.integers(1, 1000), st.booleans())
def test_the_rate_never_falls_below_the_count_of_the_attack(cost_s: float, least: int, held_back: bool) -> None:
    pace = settled(cost_s, least)
    pace.look(0.25, 0.25, held_back)
    assert least / 2 < pace.rate <= max(MOST_PER_S, 1.5 * least / 2)


def test_who_is_held_back_by_clients_that_wait_does_not_hurry() -> None:
    pace = settled(0.001, least=20)
    before = pace.rate
    for _ in range(20):
        pace.look(0.25 * CPU_SHARE / 4, 0.25, held_back=True)
    assert pace.rate <= before * 1.05
