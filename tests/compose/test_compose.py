"""The shop in containers, end to end. The containers have to be up already (tools/compose-check.sh sees to that)."""

import pytest

import journeys
from running import ComposeShop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def shop() -> ComposeShop:
    return ComposeShop()


def test_the_readmes_tour_can_be_pasted(shop: ComposeShop) -> None:
    journeys.tour_of_the_readme(shop)


def test_three_hundred_real_orders_pass_the_audit(shop: ComposeShop) -> None:
    journeys.replays_and_audits(shop, 300)


def test_killing_every_container_in_turn_during_a_replay_loses_nothing(shop: ComposeShop) -> None:
    journeys.survives_the_death_of_every_process(shop, orders=60, down_s=5, limit_s=300)
