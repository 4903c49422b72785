"""The cart, as docs/API.md has it. Every read follows its write at once, with the token that the write gave."""

from typing import Any

import pytest

from contract import Client, new_key, new_product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def _lines(caller: Client) -> dict[str, int]:
    cart = (await caller.get("/api/cart")).body
    assert cart["version"] == caller.seen.get(f"cart-{caller.customer_id}", 0)
    return {line["product_id"]: line["quantity"] for line in cart["lines"]}


async def test_a_cart_never_used_is_empty_at_version_0(somebody: Client) -> None:
    guest = await somebody.guest()
    empty = {"cart_id": guest.customer_id, "lines": [], "total_amount": 0, "currency": "GBP", "version": 0}
    assert (await guest.get("/api/cart")).body == empty
    for method, path in (("DELETE", "/api/cart"), ("DELETE", "/api/cart/items/71053")):
        assert (await guest.do(method, path)).body == {"cart_id": guest.customer_id, "version": 0}
    removed = await guest.do("PUT", "/api/cart/items/71053", {"quantity": 0})
    assert removed.body == {"cart_id": guest.customer_id, "version": 0}


async def test_every_write_is_in_the_next_read(somebody: Client) -> None:
    tin, tray = await new_product(somebody, 5, 250), await new_product(somebody, 5, 199)
    guest = await somebody.guest()
    cart = f"cart-{guest.customer_id}"

    def answered(reply: Any, version: int) -> None:
        assert reply.body == {"cart_id": guest.customer_id, "version": version}
        assert reply.versions == {cart: version}

    answered(await guest.do("POST", "/api/cart/items", {"product_id": tin, "quantity": 2}), 1)
    assert await _lines(guest) == {tin: 2}
    answered(await guest.do("POST", "/api/cart/items", {"product_id": tin, "quantity": 3}), 2)
    assert await _lines(guest) == {tin: 5}
    answered(await guest.do("POST", "/api/cart/items", {"product_id": tray, "quantity": 1}), 3)
    read = (await guest.get("/api/cart")).body
    assert read["lines"] == [
        {"product_id": tin, "name": "Test piece", "quantity": 5, "unit_amount": 250, "line_amount": 1250},
        {"product_id": tray, "name": "Test piece", "quantity": 1, "unit_amount": 199, "line_amount": 199},
    ]
    assert (read["total_amount"], read["currency"], read["cart_id"]) == (1449, "GBP", guest.customer_id)
    answered(await guest.do("PUT", f"/api/cart/items/{tray}", {"quantity": 7}), 4)
    assert await _lines(guest) == {tin: 5, tray: 7}
    answered(await guest.do("PUT", f"/api/cart/items/{tin}", {"quantity": 0}), 5)
    assert await _lines(guest) == {tray: 7}
    answered(await guest.do("DELETE", f"/api/cart/items/{tin}"), 5)
    answered(await guest.do("DELETE", f"/api/cart/items/{tray}"), 6)
    assert await _lines(guest) == {}
    assert await guest.refused("PUT", f"/api/cart/items/{tray}", {"quantity": 1}) == (404, "line-unknown")
    await guest.do("POST", "/api/cart/items", {"product_id": tin, "quantity": 1})
    answered(await guest.do("DELETE", "/api/cart"), 8)
    assert await _lines(guest) == {}


async def test_the_present_price_is_shown(somebody: Client) -> None:
    admin = await somebody.admin()
    tin = await new_product(somebody, 5, 250)
    await admin.do("POST", "/api/cart/items", {"product_id": tin, "quantity": 2})
    assert await _cost(admin, tin) == 500
    await admin.do("PUT", f"/api/admin/products/{tin}/price", {"unit_amount": 300})
    assert (await admin.get(f"/api/products/{tin}")).body["unit_amount"] == 300
    await admin.do("DELETE", f"/api/cart/items/{tin}")


async def _cost(caller: Client, product_id: str) -> int:
    lines = (await caller.get("/api/cart")).body["lines"]
    return next(int(line["line_amount"]) for line in lines if line["product_id"] == product_id)


async def test_what_cannot_be_put_in(somebody: Client) -> None:
    guest = await somebody.guest()
    unknown = {"product_id": "no-such-thing", "quantity": 1}
    assert await guest.refused("POST", "/api/cart/items", unknown) == (404, "product-unknown")
    gone = await new_product(somebody)
    kept = await new_product(somebody)
    await guest.do("POST", "/api/cart/items", {"product_id": gone, "quantity": 1})
    await (await somebody.admin()).do("DELETE", f"/api/admin/products/{gone}")
    again = {"product_id": gone, "quantity": 1}
    assert await guest.refused("POST", "/api/cart/items", again) == (409, "product-discontinued")
    await guest.do("POST", "/api/cart/items", {"product_id": kept, "quantity": 100_000})
    more = {"product_id": kept, "quantity": 1}
    assert await guest.refused("POST", "/api/cart/items", more) == (409, "cart-full")
    assert await _lines(guest) == {gone: 1, kept: 100_000}
    await guest.do("DELETE", f"/api/cart/items/{gone}")
    assert await _lines(guest) == {kept: 100_000}


@pytest.mark.parametrize("quantity", [0, -1, 100_001, 1.5, "1", True, None])
async def test_a_quantity_is_1_to_100_000(somebody: Client, quantity: object) -> None:
    guest = await somebody.guest()
    reply = await guest.call("POST", "/api/cart/items", {"product_id": "71053", "quantity": quantity})
    assert (reply.status, reply.code) == (422, "invalid")
    assert [error["pointer"] for error in reply.body["errors"]] == ["/quantity"]


@pytest.mark.parametrize(
    ("method", "path", "body", "other"),
    [
        ("POST", "/api/cart/items", {"quantity": 1}, {"quantity": 2}),
        ("PUT", "/api/cart/items/{}", {"quantity": 3}, {"quantity": 4}),
        ("DELETE", "/api/cart/items/{}", None, ("DELETE", "/api/cart")),
        ("DELETE", "/api/cart", None, ("DELETE", "/api/cart/items/{}")),
    ],
)
async def test_a_repeat_is_replayed_and_another_body_refused(
    somebody: Client, method: str, path: str, body: Any, other: Any
) -> None:
    product_id, key = await new_product(somebody), new_key()
    guest = await somebody.guest()
    await guest.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": 5})
    named = {"product_id": product_id} if method == "POST" else {}
    path = path.format(product_id)

    first = await guest.do(method, path, body and body | named, key=key)
    held = await _lines(guest)
    again = await guest.do(method, path, body and body | named, key=key)

    assert (first.replayed, again.replayed) == (False, True)
    assert (again.body, again.versions) == (first.body, first.versions)
    assert await _lines(guest) == held
    if isinstance(other, tuple):
        refused = await guest.refused(other[0], other[1].format(product_id), key=key)
    else:
        refused = await guest.refused(method, path, other | named, key=key)
    assert refused == (422, "idempotency-key-reused")


async def test_if_match_names_the_carts_version(somebody: Client) -> None:
    product_id = await new_product(somebody)
    guest = await somebody.guest()
    item = {"product_id": product_id, "quantity": 1}
    assert await guest.refused("POST", "/api/cart/items", item, if_match=1) == (412, "version-mismatch")
    await guest.do("POST", "/api/cart/items", item, if_match=0)
    line = f"/api/cart/items/{product_id}"
    for method, path, body in (
        ("POST", "/api/cart/items", item),
        ("PUT", line, {"quantity": 3}),
        ("DELETE", line, None),
        ("DELETE", "/api/cart", None),
    ):
        assert await guest.refused(method, path, body, if_match=0) == (412, "version-mismatch")
    assert await _lines(guest) == {product_id: 1}
    await guest.do("PUT", line, {"quantity": 3}, if_match=1)
    await guest.do("DELETE", "/api/cart", if_match=2)
    assert await _lines(guest) == {}
