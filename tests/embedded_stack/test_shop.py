"""The shop without Docker, end to end."""

import re
from pathlib import Path

import pytest

import journeys
from holdfast_tools.acks import read_acks
from running import EmbeddedShop, assert_audit_is_clean, tool

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


def test_a_replay_of_which_the_shop_refuses_a_line_writes_down_what_was_bought(
    shop: EmbeddedShop, tmp_path: Path
) -> None:
    lines = tmp_path / "month.csv"
    lines.write_text(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "990001,85123A,HEART,2,2010-12-01 08:26:00,2.50,17850,United Kingdom\n"
        "990001,99999X,NEVER LOADED,1,2010-12-01 08:26:00,9.00,17850,United Kingdom\n"
    )
    acks = tmp_path / "acks.jsonl"
    done = tool(shop, "holdfast-replay", "--data", str(lines), "--acks", str(acks))
    assert done.returncode == 0, done.stderr
    assert [(ack.kind, dict(ack.quantities)) for ack in read_acks(acks)] == [("order", {"85123A": 2})]
    assert re.search(r"real revenue of the same goods\W+£5\.00", done.stderr), done.stderr
    assert re.search(r"refused line: product-unknown\W+1\b", done.stderr), done.stderr
    assert_audit_is_clean(shop, acks)
