"""Sessions, registration and the profile, as docs/API.md has them."""

import asyncio
import re
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

import contract
from contract import ADDRESS, ADMIN, PASSWORD, UUID, Client
from holdfast.testing.credentials import AsService
from running import EmbeddedShop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def _email() -> str:
    return f"Shopper.{uuid.uuid4().hex[:12]}@Shoppers.example"


def _lasts(reply: contract.Reply) -> timedelta:
    return contract.moment(reply.body["expires_at"]) - datetime.now(UTC)


async def test_a_guest_needs_nothing(somebody: Client) -> None:
    reply = await somebody.do("POST", "/api/sessions", {}, 201)
    assert reply.body.keys() == {"token", "customer_id", "role", "expires_at"}
    assert reply.body["role"] == "guest"
    assert re.fullmatch(UUID, reply.body["customer_id"])
    assert timedelta(days=29) < _lasts(reply) < timedelta(days=31)


async def test_new_sessions_ignore_the_key(somebody: Client) -> None:
    first, second = [await somebody.do("POST", "/api/sessions", {}, 201, key="the same") for _ in range(2)]
    assert not second.replayed
    assert first.body["customer_id"] != second.body["customer_id"]


async def test_a_guest_becomes_a_customer_and_keeps_cart_and_orders(somebody: Client) -> None:
    guest = await somebody.guest()
    product_id = await _bought(guest)
    await guest.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": 4})
    guest_id, guest_token, email = guest.customer_id, guest.token, _email()

    reply = await guest.register(email, "Ann Lee")

    assert reply.body.keys() == {"token", "customer_id", "role", "expires_at", "version"}
    assert (reply.body["customer_id"], reply.body["role"], reply.body["version"]) == (guest_id, "customer", 1)
    assert timedelta(hours=11) < _lasts(reply) < timedelta(hours=13)
    assert reply.versions == {f"customer-{guest_id}": 1}
    cart = (await guest.get("/api/cart")).body
    assert [(line["product_id"], line["quantity"]) for line in cart["lines"]] == [(product_id, 4)]
    assert (await guest.get("/api/orders")).body["total"] == 1
    profile = {"customer_id": guest_id, "name": "Ann Lee", "email": email, "address": None, "version": 1}
    assert (await guest.get("/api/profile")).body == profile

    again = {"email": _email(), "password": PASSWORD, "name": "Ann"}
    assert await guest.refused("POST", "/api/customers", again) == (409, "already-registered")
    guest.token = guest_token
    assert await guest.refused("POST", "/api/customers", again) == (409, "already-registered")


async def _bought(guest: Client) -> str:
    """One order of a product of the real catalogue; the product."""
    product_id = str((await guest.get("/api/products?in_stock=true&limit=1")).body["items"][0]["product_id"])
    await guest.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": 1})
    await guest.do("POST", "/api/checkout", {"payment_token": "tok_visa"}, 201)
    return product_id


async def test_an_email_is_taken_once_however_it_is_written(somebody: Client) -> None:
    email = _email()
    await somebody.other().register(email)
    other = {"email": email.upper(), "password": PASSWORD, "name": "Bob"}
    assert await somebody.refused("POST", "/api/customers", other) == (409, "email-taken")
    bob = await somebody.customer()
    change = {"email": email.lower(), "name": "Bob"}
    assert await bob.refused("PUT", "/api/profile", change) == (409, "email-taken")


async def test_a_registration_repeated_with_its_key_is_the_same_customer(somebody: Client) -> None:
    body, key = {"email": _email(), "password": PASSWORD, "name": "Ann"}, contract.new_key()
    first = await somebody.do("POST", "/api/customers", body, 201, key=key)
    again = await somebody.do("POST", "/api/customers", body, 201, key=key)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.body | {"token": "", "expires_at": ""} == first.body | {"token": "", "expires_at": ""}
    assert again.versions == first.versions
    somebody.token = again.body["token"]
    assert (await somebody.get("/api/profile")).body["name"] == "Ann"
    somebody.token = None
    for other in ({"name": "Bob"}, {"password": "another long one"}):
        refused = await somebody.refused("POST", "/api/customers", body | other, key=key)
        assert refused == (422, "idempotency-key-reused")


@pytest.mark.parametrize(("length", "status"), [(9, 422), (10, 201), (200, 201), (201, 422)])
async def test_a_password_has_10_to_200_characters(somebody: Client, length: int, status: int) -> None:
    body = {"email": _email(), "password": "x" * length, "name": "Ann"}
    reply = await somebody.call("POST", "/api/customers", body)
    assert reply.status == status
    if status == 422:
        assert [error["pointer"] for error in reply.body["errors"]] == ["/password"]


async def test_a_customer_and_an_administrator_sign_in(somebody: Client) -> None:
    email = _email()
    customer_id = (await somebody.other().register(email)).body["customer_id"]
    reply = await somebody.do("POST", "/api/sessions", {"email": email.lower(), "password": PASSWORD}, 201)
    assert reply.body.keys() == {"token", "customer_id", "role", "expires_at"}
    assert (reply.body["customer_id"], reply.body["role"]) == (customer_id, "customer")
    assert timedelta(hours=11) < _lasts(reply) < timedelta(hours=13)
    assert reply.versions == {}
    assert (await somebody.do("POST", "/api/sessions", ADMIN, 201)).body["role"] == "admin"


async def test_an_unknown_email_is_refused_as_a_wrong_password_is(somebody: Client) -> None:
    wrong = await somebody.call("POST", "/api/sessions", ADMIN | {"password": "not the right one"})
    unknown = await somebody.call("POST", "/api/sessions", ADMIN | {"email": _email()})
    assert (wrong.status, wrong.code) == (401, "invalid-credentials")
    assert wrong.body | {"request_id": ""} == unknown.body | {"request_id": ""}


async def test_the_guests_cart_joins_the_customers_at_sign_in(somebody: Client) -> None:
    email = _email()
    customer = somebody.other()
    await customer.register(email)
    guest = await somebody.guest()
    await _bought(guest)
    orders = (await guest.get("/api/orders")).body
    items = (await guest.get("/api/products?in_stock=true&sort=name&limit=3")).body["items"]
    one, two, three = (item["product_id"] for item in items)
    await customer.do("PUT", "/api/cart/items/" + one, {"quantity": 5}, 404)
    for caller, product_id, quantity in [
        (customer, one, 1),
        (customer, three, 100_000),
        (guest, one, 2),
        (guest, two, 3),
        (guest, three, 4),
    ]:
        await caller.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": quantity})

    reply = await guest.do("POST", "/api/sessions", {"email": email, "password": PASSWORD}, 201)

    assert reply.versions.keys() == {f"cart-{customer.customer_id}"}
    customer.seen |= reply.versions
    cart = (await customer.get("/api/cart")).body
    assert cart["version"] == reply.versions[f"cart-{customer.customer_id}"]
    held = {line["product_id"]: line["quantity"] for line in cart["lines"]}
    assert held == {one: 3, two: 3, three: 100_000}
    guest.seen[f"cart-{guest.customer_id}"] += 1
    assert (await guest.get("/api/cart")).body["lines"] == []
    assert (await guest.get("/api/orders")).body == orders
    theirs = f"/api/orders/{orders['items'][0]['order_id']}"
    assert await customer.refused("GET", theirs) == (404, "order-unknown")


async def test_a_profile_is_replaced_and_read_back(somebody: Client) -> None:
    customer = await somebody.customer()
    email, key = _email(), contract.new_key()
    body = {"name": "Ann B. Lee", "email": email, "address": ADDRESS | {"line2": "Flat 2"}}
    reply = await customer.do("PUT", "/api/profile", body, key=key)
    assert reply.body == {"customer_id": customer.customer_id, "version": 2}
    assert reply.versions == {f"customer-{customer.customer_id}": 2}
    profile = {"customer_id": customer.customer_id, **body, "version": 2}
    assert (await customer.get("/api/profile")).body == profile
    again = await customer.do("PUT", "/api/profile", body, key=key)
    assert (again.replayed, again.body) == (True, reply.body)
    assert await customer.refused("PUT", "/api/profile", body, if_match=1) == (412, "version-mismatch")
    other = body | {"name": "Bob"}
    assert await customer.refused("PUT", "/api/profile", other, key=key) == (422, "idempotency-key-reused")
    await customer.do("PUT", "/api/profile", {"name": "Ann", "email": email}, if_match=2)
    assert (await customer.get("/api/profile")).body["address"] is None
    signed_in = await somebody.do("POST", "/api/sessions", {"email": email, "password": PASSWORD}, 201)
    assert signed_in.body["customer_id"] == customer.customer_id


async def test_guests_have_no_profile(somebody: Client) -> None:
    guest = await somebody.guest()
    assert await guest.refused("GET", "/api/profile") == (403, "forbidden")
    change = {"name": "Ann", "email": _email()}
    assert await guest.refused("PUT", "/api/profile", change) == (403, "forbidden")


async def test_no_log_of_any_process_holds_personal_data(shop: EmbeddedShop, somebody: Client) -> None:
    mark = uuid.uuid4().hex
    email, name = f"{mark}@shoppers.example", f"Ann {mark}"
    ann = somebody.other()
    await ann.register(email, name)
    bob = await somebody.customer()
    taken = {"email": email, "name": name, "address": ADDRESS | {"line1": f"{mark} High Street"}}
    assert await bob.refused("PUT", "/api/profile", taken) == (409, "email-taken")
    register = {"email": email, "password": PASSWORD, "name": name}
    assert await somebody.refused("POST", "/api/customers", register) == (409, "email-taken")
    wrong = {"email": email, "password": f"{mark} is wrong"}
    assert await somebody.refused("POST", "/api/sessions", wrong) == (401, "invalid-credentials")
    await ann.do("PUT", "/api/profile", taken | {"name": f"Ann {mark} Lee"})
    assert await ann.refused("PUT", "/api/profile", taken | {"name": f"\u200b{mark}"}) == (422, "invalid")
    await ann.do("PUT", "/api/profile/password", {"password": PASSWORD, "new_password": f"{mark} is new"})
    await ann.do("DELETE", "/api/sessions/current")
    await asyncio.sleep(1)
    logs = {path.stem: path.read_bytes() for path in shop.stack.state.logs.glob("*.log")}
    assert {"postgres", "kafka", "elasticsearch", "gateway-1", "command-1", "projector"} <= logs.keys()
    assert [process for process, log in logs.items() if mark.encode() in log or PASSWORD.encode() in log] == []


async def _refused_everywhere_after_s(shop: EmbeddedShop, somebody: Client, token: str) -> float:
    """Seconds until every gateway, command-service and query-service refuses the token."""
    began, headers = time.monotonic(), {"Authorization": f"Bearer {token}"}
    processes = [name for name in shop.names if name.startswith(("gateway", "command", "query"))]
    assert len(processes) == 6
    left = {name: f"{shop.stack.url(name)}/api/cart" for name in processes}
    while left:
        assert time.monotonic() - began < 5, f"after 5 s not refused by {', '.join(left)}"
        for name, url in list(left.items()):
            service = {"c": "command-service", "q": "query-service"}.get(name[0])
            auth = AsService("gateway", service) if service else None
            answer = await somebody.http.get(url, headers=headers, auth=auth)
            if answer.status_code == 401:
                assert answer.json()["detail"] == "the session has ended"
                del left[name]
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_a_session_that_ended_is_refused_by_every_process_within_five_seconds(
    shop: EmbeddedShop, somebody: Client
) -> None:
    took_s = []
    for _ in range(3):
        customer = await somebody.guest()
        guest_token, email = customer.token, _email()
        await customer.register(email)
        took_s.append(await _refused_everywhere_after_s(shop, somebody, guest_token))
        first, second = customer.token, (await somebody.other().sign_in(email)).body["token"]
        change = {"password": PASSWORD, "new_password": f"{PASSWORD} again"}
        reply = await customer.do("PUT", "/api/profile/password", change)
        assert reply.body == {"customer_id": customer.customer_id}
        took_s.append(await _refused_everywhere_after_s(shop, somebody, second))
        reply = await customer.do("DELETE", "/api/sessions/current")
        assert reply.body == {"customer_id": customer.customer_id}
        took_s.append(await _refused_everywhere_after_s(shop, somebody, first))
    print(f"{len(took_s)} revocations had reached every process after {max(took_s):.1f} s at most")


async def test_what_ended_before_postgresql_was_paused_stays_ended_and_a_new_sign_out_is_503(
    shop: EmbeddedShop, somebody: Client
) -> None:
    ended, goes_on = await somebody.customer(), await somebody.customer()
    await ended.do("DELETE", "/api/sessions/current")
    await _refused_everywhere_after_s(shop, somebody, ended.token)
    shop.stack.pause("postgres", for_s=20)
    try:
        await asyncio.sleep(2)
        await _refused_everywhere_after_s(shop, somebody, ended.token)
        url, headers = f"{shop.urls[0]}/api/sessions/current", {"Authorization": f"Bearer {goes_on.token}"}
        answer = await somebody.http.delete(url, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "dependency-unavailable")
        assert (await somebody.http.get(f"{shop.urls[0]}/api/products")).status_code == 200
    finally:
        shop.stack.resume("postgres")
    await goes_on.do("DELETE", "/api/sessions/current")
