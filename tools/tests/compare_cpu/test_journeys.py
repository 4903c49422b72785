"""Both commits get the same calls, which no limit on callers meets."""

from collections import Counter

import pytest

from gateway.http.caller_time import CALLER_BURST_S, LONGEST_CHARGE_S
from holdfast_tools.compare_cpu.crowd import loopback_address
from holdfast_tools.compare_cpu.journeys import JOURNEYS, Journey, visits

PRODUCTS = [f"p-{number}" for number in range(200)]
TOKEN_BURST = 300

each = pytest.mark.parametrize("journey", JOURNEYS.values(), ids=lambda journey: journey.name)


@each
def test_equal_seeds_give_equal_calls_and_others_do_not(journey: Journey) -> None:
    assert visits(journey, 300, PRODUCTS, (1, 2)) == visits(journey, 300, PRODUCTS, (1, 2))
    if journey.name not in ("cached-product", "cart-view"):
        assert visits(journey, 300, PRODUCTS, (1, 2)) != visits(journey, 300, PRODUCTS, (1, 3))


@each
@pytest.mark.parametrize("steps", [1, 300, 333])
def test_the_guests_do_all_steps_and_none_exceeds_the_burst_of_a_token(journey: Journey, steps: int) -> None:
    made = visits(journey, steps, PRODUCTS, 1)
    assert sum(visit.steps for visit in made) == steps
    calls = 2 if journey.name == "checkout" else 1
    assert all(len(visit.measured) == calls * visit.steps for visit in made)
    assert all(len(visit.before) + len(visit.measured) < TOKEN_BURST for visit in made)


@each
def test_no_guest_uses_up_its_share_of_the_services_time(journey: Journey) -> None:
    if journey.name != "cached-product":  # which no service answers
        made = visits(journey, 300, PRODUCTS, 1)
        assert all(len(visit.measured) * LONGEST_CHARGE_S <= CALLER_BURST_S for visit in made)


def test_hardly_a_search_is_asked_twice_so_that_no_cache_has_it() -> None:
    made = visits(JOURNEYS["search"], 500, PRODUCTS, 1)
    paths = Counter(call.path for visit in made for call in visit.measured)
    assert len(paths) > 495


def test_every_checkout_has_a_session_and_a_key_of_its_own() -> None:
    made = visits(JOURNEYS["checkout"], 200, PRODUCTS, 1)
    assert all(visit.new_session for visit in made)
    keys = [call.key for visit in made for call in visit.measured if call.path == "/api/checkout"]
    assert len(set(keys)) == 200
    assert all(keys)


def test_source_addresses_are_loopback_and_differ_for_more_guests_than_a_round_has() -> None:
    addresses = [loopback_address(number) for number in range(5000)]
    assert len(set(addresses)) == 5000
    assert addresses[:2] == ["127.0.1.1", "127.0.1.2"]
    for number in (0, 249, 250, 62_499, 62_500, 10**9):
        parts = [int(part) for part in loopback_address(number).split(".")]
        assert parts[:2] == [127, 0]
        assert all(1 <= part <= 250 for part in parts[2:])
