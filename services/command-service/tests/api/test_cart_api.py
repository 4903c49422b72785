"""The cart's commands and its read, through the API on a real PostgreSQL."""

import asyncio
from typing import Any

import pytest

from command_service.codec import CART, PRODUCT
from command_service.domain.events import ItemAddedToCart, ProductCreated
from command_service.domain.values import ProductId
from command_service.testing.service import Service, Someone, refused
from holdfast.eventstore import Append, Metadata, append, lock_streams
from holdfast.resilience.deadline import Deadline
from holdfast.service.credentials import DEMO_SERVICE_KEYS, Signer


async def quantities(someone: Someone) -> dict[str, int]:
    cart = (await someone.get("/api/cart")).json()
    return {line["product_id"]: line["quantity"] for line in cart["lines"]}


async def test_what_is_added_is_in_the_cart(service: Service) -> None:
    await service.product("mug", name="A mug", unit_amount=250)
    guest = service.someone()
    added = await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 2})
    assert (added.status_code, added.json()) == (200, {"cart_id": guest.subject, "version": 1})
    assert added.headers["consistency-token"] == f"cart-{guest.subject}@1"
    cart = await guest.get("/api/cart")
    assert cart.json() == {
        "cart_id": guest.subject,
        "lines": [{"product_id": "mug", "name": "A mug", "quantity": 2, "unit_amount": 250, "line_amount": 500}],
        "total_amount": 500,
        "currency": "GBP",
        "version": 1,
    }
    assert cart.headers["served-from"] == "write-model"


async def test_a_cart_never_used_is_empty_at_version_0(service: Service) -> None:
    guest = service.someone()
    cart = {"cart_id": guest.subject, "lines": [], "total_amount": 0, "currency": "GBP", "version": 0}
    assert (await guest.get("/api/cart")).json() == cart
    cleared = await guest.delete("/api/cart")
    assert (cleared.status_code, cleared.json()["version"]) == (200, 0)


async def test_a_line_that_cannot_be_bought_is_marked_and_costs_nothing(service: Service) -> None:
    await service.product("mug", available=5)
    await service.product("pot", available=3, unit_amount=1000)
    await service.product("tea", unit_amount=99)
    guest, admin = service.someone(), service.admin()
    for product_id, quantity in (("mug", 5), ("pot", 4), ("tea", 1)):
        await guest.post("/api/cart/items", {"product_id": product_id, "quantity": quantity})
    await admin.delete("/api/admin/products/tea")
    cart = (await guest.get("/api/cart")).json()
    told = {line["product_id"]: (line["line_amount"], line.get("available")) for line in cart["lines"]}
    assert told == {"mug": (1250, None), "pot": (0, 3), "tea": (0, 0)}
    assert cart["total_amount"] == 1250
    relisted = await admin.post("/api/admin/products/tea/relist", key="again")
    assert (relisted.status_code, relisted.json()) == (200, {"product_id": "tea", "version": 3})
    assert (await admin.post("/api/admin/products/tea/relist")).json()["version"] == 3
    await admin.post("/api/admin/products/pot/stock", {"delta": 1, "reason": "found"})
    assert (await guest.get("/api/cart")).json()["total_amount"] == 1250 + 4000 + 99
    assert (await admin.get("/api/products/tea")).json()["available"] == 100
    assert refused(await admin.post("/api/admin/products/none/relist"), 404, "product-unknown")
    assert refused(await guest.post("/api/admin/products/tea/relist"), 403, "forbidden")


async def test_a_line_is_changed_and_removed(service: Service) -> None:
    await service.product("mug")
    await service.product("MUG")
    guest = service.someone()
    for product_id in ("mug", "MUG", "mug"):
        await guest.post("/api/cart/items", {"product_id": product_id, "quantity": 2})
    assert await quantities(guest) == {"mug": 4, "MUG": 2}
    assert (await guest.put("/api/cart/items/mug", {"quantity": 7})).json()["version"] == 4
    assert (await guest.put("/api/cart/items/mug", {"quantity": 7})).json()["version"] == 4
    assert (await guest.put("/api/cart/items/MUG", {"quantity": 0})).json()["version"] == 5
    assert await quantities(guest) == {"mug": 7}
    assert (await guest.delete("/api/cart/items/mug")).json()["version"] == 6
    assert (await guest.delete("/api/cart/items/mug")).json()["version"] == 6
    assert await quantities(guest) == {}


@pytest.mark.parametrize(
    "part", ["mug%0A", "%0Amug", "mug%0D%0A", "a%0Ab", "mug%2F", "mug%00", "%20mug", "mug%E2%80%A8"]
)
async def test_an_id_that_no_product_can_have_is_a_line_that_is_not_there(service: Service, part: str) -> None:
    await service.product("mug")
    guest = service.someone()
    await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 2})
    removed = await guest.delete(f"/api/cart/items/{part}")
    assert (removed.status_code, removed.json()["version"]) == (200, 1)
    assert refused(await guest.put(f"/api/cart/items/{part}", {"quantity": 3}), 404, "line-unknown")
    assert await quantities(guest) == {"mug": 2}


async def test_what_is_not_there_is_said_to_be_unknown(service: Service) -> None:
    guest = service.someone()
    assert refused(await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 1}), 404, "product-unknown")
    assert refused(await guest.put("/api/cart/items/mug", {"quantity": 1}), 404, "line-unknown")
    assert (await guest.put("/api/cart/items/mug", {"quantity": 0})).status_code == 200
    assert (await guest.delete("/api/cart/items/%00")).status_code == 200


async def test_a_discontinued_product_is_not_added(service: Service) -> None:
    await service.product("mug")
    await service.admin().delete("/api/admin/products/mug")
    answer = await service.someone().post("/api/cart/items", {"product_id": "mug", "quantity": 1})
    assert refused(answer, 409, "product-discontinued")


async def test_a_line_above_its_limit_is_refused(service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 100_000})
    answer = await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 1})
    assert refused(answer, 409, "cart-full")


async def test_20_concurrent_adds_to_one_new_cart_are_all_counted(service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    item = {"product_id": "mug", "quantity": 1}
    adds = (guest.insist("POST", "/api/cart/items", json=item, key=f"key-{n}") for n in range(20))
    answers = await asyncio.gather(*adds)
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(1, 21))
    assert await quantities(guest) == {"mug": 20}


async def test_a_repeat_with_the_same_key_is_answered_from_the_first_call(service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    item = {"product_id": "mug", "quantity": 2}
    first = await guest.post("/api/cart/items", item, key="k")
    await guest.post("/api/cart/items", item, key="another")
    again = await guest.post("/api/cart/items", {"quantity": 2, "product_id": "mug"}, key="k")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["consistency-token"] == first.headers["consistency-token"]
    assert await quantities(guest) == {"mug": 4}


async def test_repeats_at_the_same_time_happen_once(service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    item = {"product_id": "mug", "quantity": 1}
    answers = await asyncio.gather(*(guest.insist("POST", "/api/cart/items", json=item, key="k") for _ in range(10)))
    assert {(answer.status_code, answer.json()["version"]) for answer in answers} == {(200, 1)}
    assert await quantities(guest) == {"mug": 1}


async def test_a_key_belongs_to_its_caller(service: Service) -> None:
    await service.product("mug")
    one, other = service.someone(), service.someone()
    for someone in (one, other):
        answer = await someone.post("/api/cart/items", {"product_id": "mug", "quantity": 1}, key="k")
        assert "idempotency-replayed" not in answer.headers
    assert await quantities(one) == await quantities(other) == {"mug": 1}


async def test_a_key_with_another_body_or_command_is_refused(service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 1}, key="k")
    other = await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 2}, key="k")
    assert refused(other, 422, "idempotency-key-reused")
    assert refused(await guest.put("/api/cart/items/mug", {"quantity": 9}, key="k"), 422, "idempotency-key-reused")
    assert refused(await guest.delete("/api/cart", key="k"), 422, "idempotency-key-reused")
    assert await quantities(guest) == {"mug": 1}


async def test_a_key_is_kept_whatever_else_happens_to_the_cart(service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    first = await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 1}, key="k")
    for number in range(300):
        await guest.insist("PUT", "/api/cart/items/mug", json={"quantity": 2 + number % 2}, key=f"k{number}")
    again = await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 1}, key="k")
    assert (again.headers["idempotency-replayed"], again.json()) == ("true", first.json())
    assert await quantities(guest) == {"mug": 3}


@pytest.mark.parametrize(
    ("call", "same", "other"),
    [
        (("POST", "/api/cart/items"), [{"product_id": "mug", "quantity": 1}], {"product_id": "mug", "quantity": 3}),
        (
            ("POST", "/api/checkout"),
            [
                {"payment_token": "tok_visa"},
                {"payment_token": "tok_visa", "shipping_address": None},
                {"expected_total_amount": None, "shipping_address": None, "payment_token": "tok_visa"},
            ],
            {"payment_token": "tok_visa", "expected_total_amount": 500},
        ),
    ],
)
async def test_a_default_that_is_written_out_is_the_same_command(
    service: Service, call: tuple[str, str], same: list[dict[str, Any]], other: dict[str, Any]
) -> None:
    await service.product("mug")
    guest = service.someone()
    await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 2})
    first = await guest.insist(*call, json=same[0], key="k")
    assert first.status_code < 300, first.text
    for body in same:
        again = await guest.insist(*call, json=body, key="k")
        assert (again.headers["idempotency-replayed"], again.json()) == ("true", first.json())
    assert refused(await guest.insist(*call, json=other, key="k"), 422, "idempotency-key-reused")


async def test_a_refused_command_may_be_repeated_with_its_key(service: Service) -> None:
    guest = service.someone()
    item = {"product_id": "mug", "quantity": 1}
    assert (await guest.post("/api/cart/items", item, key="k")).status_code == 404
    await service.product("mug")
    again = await guest.post("/api/cart/items", item, key="k")
    assert (again.status_code, "idempotency-replayed" in again.headers) == (200, False)


async def test_a_command_for_another_version_does_nothing(service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    item = {"product_id": "mug", "quantity": 1}
    assert refused(await guest.post("/api/cart/items", item, if_match=1), 412, "version-mismatch")
    assert (await guest.post("/api/cart/items", item, if_match=0)).status_code == 200
    assert refused(await guest.post("/api/cart/items", item, if_match=0), 412, "version-mismatch")
    assert (await guest.post("/api/cart/items", item, if_match=1)).json()["version"] == 2
    assert refused(await guest.delete("/api/cart", if_match=1), 412, "version-mismatch")
    assert await quantities(guest) == {"mug": 2}


async def test_a_star_matches_a_cart_that_was_used(service: Service) -> None:
    await service.product("mug")
    guest, item, star = service.someone(), {"product_id": "mug", "quantity": 1}, {"If-Match": "*"}
    assert refused(await guest.post("/api/cart/items", item, headers=star), 412, "version-mismatch")
    assert (await guest.post("/api/cart/items", item)).json()["version"] == 1
    assert (await guest.post("/api/cart/items", item, headers=star)).json()["version"] == 2
    assert (await guest.delete("/api/cart", headers=star)).json()["version"] == 3


async def test_a_repeat_is_recognised_before_its_version_is_compared(service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    item = {"product_id": "mug", "quantity": 1}
    for _ in range(2):
        answer = await guest.post("/api/cart/items", item, key="k", if_match=0)
        assert (answer.status_code, answer.json()["version"]) == (200, 1)
    other = {"product_id": "mug", "quantity": 3}
    assert refused(await guest.post("/api/cart/items", other, key="k", if_match=0), 422, "idempotency-key-reused")


async def test_of_concurrent_commands_for_one_version_one_happens(service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    item = {"product_id": "mug", "quantity": 1}
    answers = await asyncio.gather(
        *(guest.insist("POST", "/api/cart/items", json=item, if_match=0, key=f"k{n}") for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]
    assert await quantities(guest) == {"mug": 1}


@pytest.mark.parametrize("role", ["guest", "customer", "admin"])
async def test_everyone_has_a_cart_of_their_own(service: Service, role: str) -> None:
    await service.product("mug")
    someone = service.someone(role)  # type: ignore[arg-type]
    await someone.post("/api/cart/items", {"product_id": "mug", "quantity": 1})
    assert await quantities(someone) == {"mug": 1}
    assert await quantities(service.someone()) == {}


async def test_a_cart_of_2000_lines_is_read_and_takes_no_other(service: Service) -> None:
    product_ids = [ProductId(f"p{number:04}") for number in range(2_001)]
    guest = service.someone()
    async with service.app.state.parts.database.transaction(Deadline.after(30)) as tx:
        created = ProductCreated("A thing", "", "Things", 100, "GBP", 5)
        streams = await lock_streams(tx, [(PRODUCT, product_id) for product_id in product_ids])
        await append(tx, [Append(stream, (created,)) for stream in streams.values()], Metadata())
        cart = (await lock_streams(tx, [(CART, guest.subject)]))[f"cart-{guest.subject}"]
        added = [ItemAddedToCart(product_id, 1) for product_id in product_ids[:2_000]]
        await append(tx, [Append(cart, added, owner=guest.subject)], Metadata())
    read = (await guest.get("/api/cart")).json()
    assert [line["product_id"] for line in read["lines"]] == product_ids[:2_000]
    assert read["total_amount"] == 200_000
    assert refused(await guest.post("/api/cart/items", {"product_id": "p2000", "quantity": 1}), 409, "cart-full")
    assert (await guest.post("/api/cart/items", {"product_id": "p0000", "quantity": 1})).json()["version"] == 2_001


async def test_a_command_whose_caller_has_gone_does_nothing(service: Service) -> None:
    await service.product("left-behind")
    guest = service.someone()
    await guest.post("/api/cart/items", {"product_id": "left-behind", "quantity": 2})
    name, credential = Signer("gateway", DEMO_SERVICE_KEYS["gateway"]).header("command-service")
    incoming: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    incoming.put_nowait({"type": "http.disconnect"})
    scope = {
        "type": "http",
        "method": "DELETE",
        "path": "/api/cart",
        "query_string": b"",
        "headers": [
            (b"authorization", guest.headers["Authorization"].encode()),
            (b"idempotency-key", b"late"),
            (name.lower().encode(), credential.encode()),
        ],
    }
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    await service.app(scope, incoming.get, send)
    assert not sent
    assert (await guest.get("/api/cart")).json()["lines"][0]["quantity"] == 2
