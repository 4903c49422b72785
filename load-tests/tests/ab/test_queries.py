"""How often the same is read again: counted from the plan that a run plays."""

from gameday.ab.plan import MIX
from gameday.ab.queries import counted
from gameday.workload.dataset import Dataset
from gameday.workload.mix import Step
from gameday.workload.schedule import Arrival, poisson

FRONT = Step("browse", "list", 1)
CART = Step("cart", "add", 1)


def market(names: int) -> Dataset:
    words = [f"unique{number}" for number in range(names)]
    return Dataset([f"P{number}" for number in range(names)], list(range(1, names + 1)), words, [])


def test_a_read_counts_again_when_the_same_was_asked_within_the_time() -> None:
    plan = [Arrival(at_s, FRONT, 0) for at_s in (0.0, 5.0, 20.0)]
    told = counted(plan, market(1), within_s=10.0)
    assert (told.reads, told.lately, told.ever) == (3, 1 / 3, 2 / 3)


def test_only_reads_count() -> None:
    told = counted([Arrival(0.0, CART, 0), Arrival(1.0, FRONT, 0)], market(1), within_s=10.0)
    assert (told.reads, told.lately, told.ever) == (1, 0.0, 0.0)
    assert counted([], market(1), within_s=10.0).reads == 0


def test_the_more_there_is_to_search_the_less_is_asked_again() -> None:
    plan = poisson(50, 20, 1, MIX)
    few, many = (counted(plan, market(names), within_s=10.0) for names in (5, 5_000))
    assert few.lately > 0.9
    assert many.lately < 0.3
    assert many.lately <= many.ever
