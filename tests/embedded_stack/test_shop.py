"""The shop without Docker, end to end."""

import pytest

import journeys
from running import EmbeddedShop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def test_the_readmes_tour_can_be_pasted(shop: EmbeddedShop) -> None:
    journeys.tour_of_the_readme(shop)


async def test_two_hundred_shoppers_buy_exactly_the_last_fifty_pieces(shop: EmbeddedShop) -> None:
    log = shop.stack.state.logs / "postgres.log"
    before = log.read_text().count("deadlock")
    await journeys.sells_to_the_last_piece(shop)
    assert log.read_text().count("deadlock") == before


async def test_a_hundred_calls_with_one_key_make_one_order(shop: EmbeddedShop) -> None:
    await journeys.one_key_charges_once(shop)


async def test_two_replicas_share_the_reads_evenly(shop: EmbeddedShop) -> None:
    shares = await journeys.share_of_reads(shop, [shop.stack.url("query-1"), shop.stack.url("query-2")])
    assert all(0.45 <= share <= 0.55 for share in shares), shares


def test_killing_every_process_in_turn_during_a_replay_loses_nothing(shop: EmbeddedShop) -> None:
    journeys.survives_the_death_of_every_process(shop, orders=120, down_s=5, limit_s=300)
