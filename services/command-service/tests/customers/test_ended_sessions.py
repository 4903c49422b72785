"""Sessions that end before their tokens expire, at command-service; and that the administrator is an id."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from command_service.settings import Settings
from command_service.testing.service import NO_PAYMENT, Service, Someone, refused, running
from command_service.testing.store import maintenance
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.tokens import Role, TokenSigner
from holdfast.testing.link import Link

SIGNER = TokenSigner(DEMO_PRIVATE_KEY)
PASSWORD, ANOTHER = "correct horse battery", "another horse battery"
WITHIN_S = 5.0
"""The bar of the project: a revocation reaches every process within 5 s."""


@dataclass(frozen=True)
class Session(Someone):
    """A caller with one token."""

    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def session(service: Service, subject: str, role: Role, age: timedelta = timedelta(minutes=1)) -> Session:
    token, _ = SIGNER.sign(subject, role, datetime.now(UTC) - age)
    return Session(service.client, subject, role, token)


async def registered(service: Service, email: str = "ann@example.com") -> tuple[Session, Session, dict[str, Any]]:
    """The guest who has registered, the customer, and what the registration was."""
    guest = session(service, service.someone().subject, "guest")
    body = {"email": email, "password": PASSWORD, "name": "Ann"}
    answer = await guest.post("/api/customers", body, key="register")
    assert answer.status_code == 201, answer.text
    return guest, session(service, guest.subject, "customer"), body


async def refused_soon(someone: Session, path: str = "/api/cart") -> None:
    async with asyncio.timeout(WITHIN_S):
        while (answer := await someone.get(path)).status_code != 401:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert refused(answer, 401, "unauthenticated")
    assert answer.json()["detail"] == "the session has ended"


async def test_a_guest_who_has_registered_is_refused_everywhere_but_where_it_is_said_why(service: Service) -> None:
    guest, customer, body = await registered(service)
    await refused_soon(guest)
    assert (await customer.get("/api/cart")).status_code == 200
    await service.product("mug")
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/api/cart/items", {"product_id": "mug", "quantity": 1}),
        ("PUT", "/api/cart/items/mug", {"quantity": 1}),
        ("DELETE", "/api/cart", None),
        ("POST", "/api/checkout", {"payment_token": "tok_visa"}),
        ("GET", "/api/orders", None),
        ("DELETE", "/api/sessions/current", None),
    ]
    for method, path, content in calls:
        options = {} if content is None else {"json": content}
        assert refused(await guest.call(method, path, key="k", **options), 401, "unauthenticated"), path
    again = await guest.post("/api/customers", body, key="register")
    assert (again.status_code, again.headers.get("idempotency-replayed")) == (201, "true")
    assert refused(await guest.post("/api/customers", {**body, "email": "b@example.com"}), 409, "already-registered")
    signed_in = await guest.post("/api/sessions", {"email": body["email"], "password": PASSWORD})
    assert (signed_in.status_code, signed_in.json()["cart_version"]) == (200, None)


async def test_signing_out_ends_one_session(service: Service) -> None:
    _, first, _ = await registered(service)
    second = session(service, first.subject, "customer")
    assert (await first.delete("/api/sessions/current")).json() == {"customer_id": first.subject}
    await refused_soon(first)
    assert (await second.get("/api/cart")).status_code == 200


async def test_a_new_password_ends_all_other_sessions(service: Service) -> None:
    _, first, body = await registered(service)
    second = session(service, first.subject, "customer")
    change = {"password": PASSWORD, "new_password": ANOTHER}
    assert (await first.put("/api/profile/password", change)).json() == {"customer_id": first.subject}
    await refused_soon(second)
    assert (await first.get("/api/cart")).status_code == 200
    assert (
        await session(service, first.subject, "customer", -timedelta(seconds=1)).get("/api/cart")
    ).status_code == 200
    sign_in = {"email": body["email"], "password": PASSWORD}
    assert refused(await service.client.post("/api/sessions", json=sign_in), 401, "invalid-credentials")
    answer = await service.client.post("/api/sessions", json={**sign_in, "password": ANOTHER})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "code", "pointer"),
    [
        ({"password": "wrong", "new_password": ANOTHER}, 401, "invalid-credentials", None),
        ({"password": PASSWORD, "new_password": "short"}, 422, "invalid", "/new_password"),
        ({"password": PASSWORD}, 422, "invalid", "/new_password"),
        ({"new_password": ANOTHER}, 422, "invalid", "/password"),
        ({"password": PASSWORD, "new_password": ANOTHER, "more": 1}, 422, "invalid", "/more"),
    ],
)
async def test_a_password_that_cannot_be_changed_ends_nothing(
    service: Service, change: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    _, first, body = await registered(service)
    answer = await first.put("/api/profile/password", change)
    assert refused(answer, status, code), answer.text
    if pointer is not None:
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    sign_in = {"email": body["email"], "password": PASSWORD}
    assert (await service.client.post("/api/sessions", json=sign_in)).status_code == 200


async def test_a_guest_has_no_password_to_change(service: Service) -> None:
    guest = session(service, service.someone().subject, "guest")
    answer = await guest.put("/api/profile/password", {"password": PASSWORD, "new_password": ANOTHER})
    assert refused(answer, 403, "forbidden")


async def test_of_two_changes_at_once_one_counts(service: Service) -> None:
    _, first, body = await registered(service)
    changes = [{"password": PASSWORD, "new_password": f"{ANOTHER} {number}"} for number in range(2)]
    answers = await asyncio.gather(*(first.put("/api/profile/password", change) for change in changes))
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    (won,) = [change["new_password"] for change, one in zip(changes, answers, strict=True) if one.status_code == 200]
    sign_in = {"email": body["email"], "password": won}
    assert (await service.client.post("/api/sessions", json=sign_in)).status_code == 200


async def test_every_replica_and_whoever_asks_hears_of_it(store: str) -> None:
    settings = Settings(postgres_dsn=store, replica="test", port=8101, payment_urls=NO_PAYMENT)
    async with running(settings) as one, running(settings.model_copy(update={"replica": "other"})) as two:
        guest, customer, _ = await registered(one)
        await customer.delete("/api/sessions/current")
        for service in (one, two):
            await refused_soon(Session(service.client, guest.subject, "guest", guest.token))
            await refused_soon(Session(service.client, customer.subject, "customer", customer.token))
        page = (await two.client.get("/internal/revocations")).json()
        assert page["more"] is False
        assert [one.keys() for one in page["items"]] == [
            {"number", "subject", "expires_at", "role"},
            {"number", "subject", "expires_at", "token_id"},
        ]
        last = page["items"][-1]["number"]
        assert (await two.client.get(f"/internal/revocations?after={last}")).json() == {"items": [], "more": False}
        for wrong in ("after=-1", "after=x", "after=1&after=2", "before=1"):
            assert (await two.client.get(f"/internal/revocations?{wrong}")).status_code == 422


@pytest.fixture
async def link(store: str) -> AsyncIterator[Link]:
    made = Link(store)
    await made.start()
    yield made
    await made.stop()


async def test_what_was_ended_before_postgresql_went_stays_ended_and_nothing_new_is_promised(link: Link) -> None:
    settings = Settings(postgres_dsn=link.url, replica="test", port=8101, payment_urls=NO_PAYMENT)
    async with running(settings) as service:
        guest, customer, _ = await registered(service)
        await refused_soon(guest)
        await link.stop()
        assert refused(await guest.get("/api/cart"), 401, "unauthenticated")
        answer: httpx.Response = await customer.delete("/api/sessions/current")
        assert answer.status_code == 503, answer.text


async def test_an_administrator_waits_until_it_is_known_which_sessions_have_ended(link: Link) -> None:
    await link.stop()
    settings = Settings(postgres_dsn=link.url, replica="test", port=8101, payment_urls=NO_PAYMENT)
    async with running(settings, prepared=False) as service:
        body = {"delta": 1, "reason": "found"}
        answer = await service.admin().post("/api/admin/products/mug/stock", body)
        assert refused(answer, 503, "dependency-unavailable")
        assert answer.headers["retry-after"] == "1"


async def test_expired_ones_are_deleted(service: Service, database: str) -> None:
    await registered(service)
    work = maintenance(database)
    await work.delete_expired_revocations()
    connection = await work.owner.connect()
    assert await connection.fetchval("SELECT count(*) FROM revocations") == 1
    await connection.execute("UPDATE revocations SET expires_at = now() - interval '1 s'")
    await work.delete_expired_revocations()
    assert await connection.fetchval("SELECT count(*) FROM revocations") == 0
    await connection.close()


async def test_the_administrator_is_an_id_whatever_becomes_of_the_e_mail(store: str) -> None:
    """The admin takes another e-mail, a stranger takes the free one, and ADMIN_PASSWORD is rotated."""
    settings = Settings(postgres_dsn=store, replica="test", port=8101, payment_urls=NO_PAYMENT)
    async with running(settings) as service:
        sign_in = {"email": settings.admin_email, "password": settings.admin_password}
        found = await signed_in(service, sign_in)
        admin = session(service, found["customer_id"], "admin")
        moved = {"name": "Root", "email": "root@example.com"}
        assert (await admin.put("/api/profile", moved)).status_code == 200
        stranger = {"email": settings.admin_email, "password": "a stranger's password", "name": "Eve"}
        assert (await service.client.post("/api/customers", json=stranger)).status_code == 201
    rotated = settings.model_copy(update={"admin_password": "a rotated password"})
    async with running(rotated) as service:
        async with asyncio.timeout(20):
            while (await try_sign_in(service, "root@example.com", "a rotated password")).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        again = await signed_in(service, {"email": "root@example.com", "password": "a rotated password"})
        assert (again["customer_id"], again["role"]) == (found["customer_id"], "admin")
        eve = await signed_in(service, {"email": settings.admin_email, "password": "a stranger's password"})
        assert eve["role"] == "customer"
        await refused_soon(Session(service.client, admin.subject, "admin", admin.token), "/api/profile")


async def test_who_has_the_admins_e_mail_first_is_not_made_administrator(store: str) -> None:
    settings = Settings(postgres_dsn=store, replica="test", port=8101, payment_urls=NO_PAYMENT)
    elsewhere = settings.model_copy(update={"admin_email": "other@example.com"})
    async with running(elsewhere) as service:
        stranger = {"email": settings.admin_email, "password": "a stranger's password", "name": "Eve"}
        assert (await service.client.post("/api/customers", json=stranger)).status_code == 201
        async with asyncio.timeout(20):
            while (await try_sign_in(service, "other@example.com", settings.admin_password)).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    async with running(settings) as service:
        await asyncio.sleep(0.5)
        eve = await signed_in(service, {"email": settings.admin_email, "password": "a stranger's password"})
        assert eve["role"] == "customer"


async def try_sign_in(service: Service, email: str, password: str) -> httpx.Response:
    return await service.client.post("/api/sessions", json={"email": email, "password": password})


async def signed_in(service: Service, body: dict[str, str]) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while (answer := await service.client.post("/api/sessions", json=body)).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    found: dict[str, Any] = answer.json()
    return found
