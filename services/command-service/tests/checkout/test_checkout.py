"""Checkout as its caller sees it (API.md), and what it leaves behind."""

import pytest

from command_service.testing.service import Someone, refused
from command_service.testing.shop import Shop
from holdfast.contracts.consistency import decode_consistency

VISA = {"payment_token": "tok_visa"}
ADDRESS = {"name": "Ada", "line1": "1 High St", "city": "London", "postcode": "N1 1AA", "country": "GB"}


async def cart_of(someone: Someone) -> dict[str, int]:
    return {line["product_id"]: line["quantity"] for line in (await someone.get("/api/cart")).json()["lines"]}


async def test_a_paid_checkout_makes_the_order_and_empties_the_cart(shop: Shop) -> None:
    await shop.service.product("mug", available=10)
    await shop.service.product("lamp", unit_amount=1_000)
    shopper = await shop.shopper("mug", "lamp", quantity=2)
    answer = await shopper.post("/api/checkout", {**VISA, "shipping_address": ADDRESS}, key="k")
    assert answer.status_code == 201
    order_id = answer.json()["order_id"]
    assert answer.json() == {
        "order_id": order_id,
        "status": "paid",
        "total_amount": 2_500,
        "currency": "GBP",
        "version": 2,
    }
    assert decode_consistency([answer.headers["consistency-token"]]) == {
        f"order-{order_id}": 2,
        f"cart-{shopper.subject}": 3,
    }
    assert await cart_of(shopper) == {}
    assert await shop.available("mug") == 8
    assert await shop.events(f"order-{order_id}") == ["OrderPlaced", "PaymentCaptured"]
    order = (await shopper.get(f"/api/orders/{order_id}")).json()
    assert (order["status"], order["total_amount"], order["shipping_address"]["city"]) == ("paid", 2_500, "London")
    assert (await shop.movements())[order_id] == {"capture": 1}


async def test_an_orders_id_begins_with_the_time_it_was_placed(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    order_id = (await shopper.post("/api/checkout", VISA, key="k")).json()["order_id"]
    (row,) = await shop.rows("SELECT created_at FROM streams WHERE stream_id = $1", f"order-{order_id}")
    assert order_id[14] == "7"
    assert abs(int(order_id.replace("-", "")[:12], 16) / 1000 - row["created_at"].timestamp()) < 5


async def test_a_repeat_gets_the_stored_answer(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    first = await shopper.post("/api/checkout", VISA, key="k")
    await shop.fill(shopper, "mug")
    again = await shopper.post("/api/checkout", VISA, key="k")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["consistency-token"] == first.headers["consistency-token"]
    assert await cart_of(shopper) == {"mug": 1}


async def test_the_same_key_for_another_body_is_refused(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    await shopper.post("/api/checkout", VISA, key="k")
    again = await shopper.post("/api/checkout", {"payment_token": "tok_slow"}, key="k")
    assert refused(again, 422, "idempotency-key-reused")


async def test_a_key_is_scoped_to_its_caller(shop: Shop) -> None:
    await shop.service.product("mug")
    answers = [await (await shop.shopper("mug")).post("/api/checkout", VISA, key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["order_id"] != answers[1].json()["order_id"]


async def test_without_a_key_nothing_happens(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    assert refused(await shopper.post("/api/checkout", VISA), 400, "idempotency-key-missing")
    assert await cart_of(shopper) == {"mug": 1}


async def test_a_declined_card_leaves_stock_and_cart_as_before(shop: Shop) -> None:
    await shop.service.product("mug", available=5)
    shopper = await shop.shopper("mug", quantity=2)
    answer = await shopper.post("/api/checkout", {"payment_token": "tok_declined"}, key="k")
    assert refused(answer, 402, "payment-declined")
    order_id = answer.json()["order_id"]
    assert await cart_of(shopper) == {"mug": 2}
    assert await shop.available("mug") == 5
    assert await shop.events(f"order-{order_id}") == ["OrderPlaced", "PaymentDeclined"]
    tokens = decode_consistency([answer.headers["consistency-token"]])
    assert tokens == {f"order-{order_id}": 2, f"cart-{shopper.subject}": 3}
    again = await shopper.post("/api/checkout", {"payment_token": "tok_declined"}, key="k")
    assert refused(again, 402, "payment-declined")
    assert (again.json()["order_id"], again.headers["idempotency-replayed"]) == (order_id, "true")


async def test_a_slow_card_is_202_and_settled_once_later(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    answer = await shopper.post("/api/checkout", {"payment_token": "tok_slow"}, key="k")
    assert (answer.status_code, answer.json()["status"]) == (202, "awaiting_payment")
    order_id = answer.json()["order_id"]
    await shop.settle()
    assert await shop.events(f"order-{order_id}") == ["OrderPlaced", "PaymentCaptured"]
    again = await shopper.post("/api/checkout", {"payment_token": "tok_slow"}, key="k")
    assert (again.status_code, again.json()) == (202, answer.json())
    await shop.require_sound()


async def test_an_empty_cart_is_refused_and_the_key_stays_free(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = shop.service.someone()
    assert refused(await shopper.post("/api/checkout", VISA, key="k"), 409, "cart-empty")
    await shop.fill(shopper, "mug")
    assert (await shopper.post("/api/checkout", VISA, key="k")).status_code == 201


async def test_too_little_stock_names_every_short_line_and_changes_nothing(shop: Shop) -> None:
    await shop.service.product("mug", available=1)
    await shop.service.product("lamp", available=9)
    shopper = await shop.shopper("mug", "lamp", quantity=2)
    answer = await shopper.post("/api/checkout", VISA, key="k")
    assert refused(answer, 409, "out-of-stock")
    assert answer.json()["lines"] == [{"product_id": "mug", "requested": 2, "available": 1}]
    assert await shop.available("lamp") == 9
    assert await shop.order_states() == {}
    assert await shop.rows("SELECT 1 FROM idempotency WHERE lease_until IS NOT NULL") == []
    assert await shop.rows("SELECT 1 FROM payment_work") == []
    await shop.service.admin().post("/api/admin/products/mug/stock", {"delta": 1, "reason": "found one"})
    assert (await shopper.post("/api/checkout", VISA, key="k")).status_code == 201


async def test_a_discontinued_product_is_named(shop: Shop) -> None:
    await shop.service.product("mug", available=7)
    shopper = await shop.shopper("mug", quantity=2)
    await shop.service.admin().delete("/api/admin/products/mug")
    answer = await shopper.post("/api/checkout", VISA, key="k")
    assert refused(answer, 409, "product-discontinued")
    assert answer.json()["lines"] == [{"product_id": "mug", "requested": 2, "available": 0}]


async def test_another_total_than_expected_is_refused_with_the_present_one(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug", quantity=2)
    answer = await shopper.post("/api/checkout", {**VISA, "expected_total_amount": 499}, key="k")
    assert refused(answer, 409, "total-changed")
    assert answer.json()["total_amount"] == 500
    answer = await shopper.post("/api/checkout", {**VISA, "expected_total_amount": 500}, key="l")
    assert answer.status_code == 201


async def test_if_match_is_the_carts_version(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    await shop.fill(shopper, "mug")
    assert refused(await shopper.post("/api/checkout", VISA, key="k", if_match=1), 412, "version-mismatch")
    paid = await shopper.post("/api/checkout", VISA, key="k", if_match=2)
    assert paid.status_code == 201
    # A repeat is recognised before its If-Match is looked at: the version has moved by what it asked for.
    assert (await shopper.post("/api/checkout", VISA, key="k", if_match=2)).json() == paid.json()


async def test_the_payment_token_is_kept_nowhere_once_settled(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    await shopper.post("/api/checkout", {"payment_token": "tok_visa"}, key="k")
    for table in ("events", "streams", "outbox", "idempotency", "payment_work"):
        assert await shop.rows(f"SELECT 1 FROM {table} AS t WHERE t::text LIKE '%tok_visa%'") == [], table


@pytest.mark.parametrize("fault", [{"hang": {"expires_in_s": 60}}, {"error_rate": {"expires_in_s": 60}}])
async def test_with_the_payment_service_failing_it_is_202_and_settled_once_it_is_back(
    shop: Shop, fault: dict[str, dict[str, float]]
) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    await shop.faults(**fault)
    answer = await shopper.post("/api/checkout", VISA, key="k")
    assert (answer.status_code, answer.json()["status"]) == (202, "awaiting_payment")
    assert (await shopper.get(f"/api/orders/{answer.json()['order_id']}")).json()["status"] == "awaiting_payment"
    await shop.faults()
    await shop.settle()
    assert (await shopper.get(f"/api/orders/{answer.json()['order_id']}")).json()["status"] == "paid"
    await shop.require_sound()


@pytest.mark.parametrize("refilled", [False, True])
async def test_a_late_decline_releases_the_stock_and_refills_only_an_empty_cart(shop: Shop, refilled: bool) -> None:
    await shop.service.product("mug", available=5)
    await shop.service.product("lamp")
    shopper = await shop.shopper("mug", quantity=2)
    await shop.faults(error_rate={"expires_in_s": 60})
    answer = await shopper.post("/api/checkout", {"payment_token": "tok_declined"}, key="k")
    assert answer.status_code == 202
    if refilled:
        await shop.fill(shopper, "lamp")
    await shop.faults()
    await shop.settle()
    assert (await shopper.get(f"/api/orders/{answer.json()['order_id']}")).json()["status"] == "payment_declined"
    assert await shop.available("mug") == 5
    assert await cart_of(shopper) == ({"lamp": 1} if refilled else {"mug": 2})
    again = await shopper.post("/api/checkout", {"payment_token": "tok_declined"}, key="k")
    assert (again.status_code, again.json()) == (202, answer.json())


async def test_stock_of_a_product_discontinued_meanwhile_still_comes_back(shop: Shop) -> None:
    await shop.service.product("mug", available=5)
    shopper = await shop.shopper("mug", quantity=2)
    await shop.faults(error_rate={"expires_in_s": 60})
    await shopper.post("/api/checkout", {"payment_token": "tok_declined"}, key="k")
    await shop.service.admin().delete("/api/admin/products/mug")
    await shop.faults()
    await shop.settle()
    assert await shop.available("mug") == 5


async def test_no_time_left_is_refused_before_anything_happens(shop: Shop) -> None:
    await shop.service.product("mug")
    shopper = await shop.shopper("mug")
    answer = await shopper.post("/api/checkout", VISA, key="k", headers={"X-Request-Timeout-Ms": "100"})
    assert refused(answer, 504, "deadline-exceeded")
    assert await cart_of(shopper) == {"mug": 1}
