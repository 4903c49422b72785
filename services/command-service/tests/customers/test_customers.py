"""Registration and profiles (API.md; CORRECTNESS 4 and 7)."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from command_service.adapters.passwords import Passwords
from command_service.adapters.turns import ShareSettings, Source, Turns
from command_service.settings import Settings
from command_service.testing.service import NO_PAYMENT, Service, Someone, refused, running
from holdfast.contracts.consistency import decode_consistency
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.errors import BulkheadFull
from holdfast.resilience.time_share import TimeShareSettings

ADA = {"email": "Ada@Example.org", "password": "correct horse", "name": "Ada"}
STRANGER = Source(None)


async def register(service: Service, key: str | None = None, **fields: Any) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await service.client.post("/api/customers", json=ADA | fields, headers=headers)


async def sign_in(service: Service, email: str, password: str = "correct horse") -> httpx.Response:
    return await service.client.post("/api/sessions", json={"email": email, "password": password})


async def rows(service: Service, query: str) -> list[Any]:
    async with service.app.state.parts.database.transaction(Deadline.after(10)) as tx:
        found: list[Any] = await tx.fetch(query)
        return found


def customer(service: Service, answer: httpx.Response) -> Someone:
    return service.someone("customer", answer.json()["customer_id"])


async def test_registering_makes_a_customer_who_can_sign_in(service: Service) -> None:
    answer = await register(service, "k")
    assert answer.status_code == 201
    customer_id = answer.json()["customer_id"]
    assert answer.json() == {"customer_id": customer_id, "role": "customer", "version": 1}
    assert decode_consistency([answer.headers["consistency-token"]]) == {f"customer-{customer_id}": 1}
    signed_in = await sign_in(service, " ada@example.ORG ")
    assert (signed_in.status_code, signed_in.json()) == (
        200,
        {"customer_id": customer_id, "role": "customer", "cart_version": None},
    )
    profile = (await customer(service, answer).get("/api/profile")).json()
    assert (profile["email"], profile["name"], profile["address"]) == ("Ada@Example.org", "Ada", None)


async def test_a_guest_becomes_the_customer_and_keeps_the_cart(service: Service) -> None:
    await service.product("mug")
    guest = service.someone()
    await guest.post("/api/cart/items", {"product_id": "mug", "quantity": 3})
    answer = await guest.post("/api/customers", ADA, key="k")
    assert answer.json()["customer_id"] == guest.subject
    cart = (await customer(service, answer).get("/api/cart")).json()
    assert [(line["product_id"], line["quantity"]) for line in cart["lines"]] == [("mug", 3)]


async def test_registering_a_second_time_is_refused(service: Service) -> None:
    guest = service.someone()
    await guest.post("/api/customers", ADA, key="k")
    assert refused(await guest.post("/api/customers", ADA, key="l"), 409, "already-registered")
    other = ADA | {"email": "other@example.org"}
    assert refused(await guest.post("/api/customers", other, key="m"), 409, "already-registered")
    registered = service.someone("customer", guest.subject)
    assert refused(await registered.post("/api/customers", other, key="n"), 409, "already-registered")
    assert refused(await sign_in(service, "other@example.org"), 401, "invalid-credentials")


async def test_an_email_is_taken_whatever_its_case(service: Service) -> None:
    await register(service, "k")
    assert refused(await register(service, "l", email="ADA@example.org"), 409, "email-taken")


async def test_a_repeat_answers_the_same_customer_and_says_so(service: Service) -> None:
    first, again = await register(service, "k"), await register(service, "k")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await rows(service, "SELECT 1 FROM events WHERE type = 'CustomerRegistered'")) == 2  # and the admin


async def test_a_repeat_must_know_the_password(service: Service) -> None:
    await register(service, "k")
    assert refused(await register(service, "k", password="wrong horse 1"), 422, "idempotency-key-reused")


async def test_a_repeat_with_another_name_is_another_request(service: Service) -> None:
    await register(service, "k")
    assert refused(await register(service, "k", name="Eve"), 422, "idempotency-key-reused")


async def test_a_key_is_scoped_by_the_email(service: Service) -> None:
    first = await register(service, "k")
    second = await register(service, "k", email="bob@example.org")
    assert second.status_code == 201
    assert first.json()["customer_id"] != second.json()["customer_id"]


async def test_of_concurrent_registrations_of_one_email_one_wins(service: Service) -> None:
    answers = await asyncio.gather(*(register(service, str(number)) for number in range(5)))
    codes = Counter(answer.status_code for answer in answers)
    assert codes[201] == 1
    assert {answer.json()["code"] for answer in answers if answer.status_code != 201} <= {
        "email-taken",
        "bulkhead-full",
    }


async def test_of_concurrent_registrations_of_one_guest_one_wins(service: Service) -> None:
    guest = service.someone()
    emails = [f"a{number}@example.org" for number in range(4)]
    calls = (guest.post("/api/customers", ADA | {"email": email}, key=email) for email in emails)
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    (credentials,) = await rows(service, "SELECT email FROM credentials WHERE role = 'customer'")
    winner = next(answer for answer in answers if answer.status_code == 201)
    signed_in = await sign_in(service, credentials["email"])
    assert signed_in.json()["customer_id"] == winner.json()["customer_id"]


async def test_of_concurrent_calls_with_one_key_all_agree_or_are_in_progress(service: Service) -> None:
    answers = await asyncio.gather(*(register(service, "k") for _ in range(20)))
    done = [answer for answer in answers if answer.status_code == 201]
    assert done
    assert len({answer.content for answer in done}) == 1
    assert {answer.json()["code"] for answer in answers if answer not in done} <= {"request-in-progress"}


async def test_passwords_and_normal_emails_are_in_no_event(service: Service) -> None:
    answer = await register(service, "k")
    profile = {"name": "Ada", "email": "ADA@Example.com"}
    await customer(service, answer).put("/api/profile", profile)
    for table in ("events", "streams", "outbox", "idempotency"):
        for secret in ("correct horse", "argon2", "ada@example"):
            found = await rows(service, f"SELECT 1 FROM {table} AS t WHERE t::text LIKE '%{secret}%'")
            assert found == [], f"{secret} in {table}"


async def test_a_profile_changes_and_the_new_email_signs_in(service: Service) -> None:
    someone = customer(service, await register(service, "k"))
    address = {"name": "Ada", "line1": "1 High St", "city": "London", "postcode": "N1 1AA", "country": "GB"}
    change = {"name": "Ada L", "email": "ada@lovelace.example", "address": address}
    answer = await someone.put("/api/profile", change, key="p")
    assert (answer.status_code, answer.json()) == (200, {"customer_id": someone.subject, "version": 2})
    assert (await someone.get("/api/profile")).json()["address"]["city"] == "London"
    assert (await sign_in(service, "ada@lovelace.example")).status_code == 200
    assert refused(await sign_in(service, "ada@example.org"), 401, "invalid-credentials")
    again = await someone.put("/api/profile", change, key="p")
    assert (again.json()["version"], again.headers["idempotency-replayed"]) == (2, "true")
    assert refused(await someone.put("/api/profile", ADA | {"name": "x"}, key="p"), 422, "invalid")
    assert refused(await someone.put("/api/profile", change | {"name": "x"}, key="p"), 422, "idempotency-key-reused")
    assert refused(await someone.put("/api/profile", change, if_match=1), 412, "version-mismatch")


async def test_a_taken_email_changes_nothing_of_the_profile(service: Service) -> None:
    await register(service, "k")
    someone = customer(service, await register(service, "l", email="bob@example.org", name="Bob"))
    change = {"name": "Robert", "email": "ADA@EXAMPLE.ORG"}
    assert refused(await someone.put("/api/profile", change), 409, "email-taken")
    profile = (await someone.get("/api/profile")).json()
    assert (profile["name"], profile["email"], profile["version"]) == ("Bob", "bob@example.org", 1)
    assert (await sign_in(service, "bob@example.org")).status_code == 200


async def test_a_freed_email_can_be_taken_by_another(service: Service) -> None:
    someone = customer(service, await register(service, "k"))
    await someone.put("/api/profile", {"name": "Ada", "email": "new@example.org"})
    assert (await register(service, "l")).status_code == 201


async def test_guests_have_no_profile(service: Service) -> None:
    assert refused(
        await service.someone().put("/api/profile", {"name": "x", "email": "x@example.org"}), 403, "forbidden"
    )


async def test_the_first_admin_is_there_with_a_profile(service: Service) -> None:
    admin = await until_signed_in(service, "admin@holdfast.example", "holdfast-admin")
    assert admin.json()["role"] == "admin"
    someone = service.someone("admin", admin.json()["customer_id"])
    assert (await someone.get("/api/profile")).json()["email"] == "admin@holdfast.example"


async def test_replicas_starting_at_once_make_one_admin_and_a_new_password_counts(store: str) -> None:
    settings = Settings(postgres_dsn=store, replica="test", port=8101, payment_urls=NO_PAYMENT)
    async with running(settings) as one, running(settings) as other:
        for service in (one, other):
            await until_signed_in(service, "admin@holdfast.example", "holdfast-admin")
        assert len(await rows(one, "SELECT 1 FROM credentials")) == 1
        assert len(await rows(one, "SELECT 1 FROM streams WHERE kind = 'customer'")) == 1
    changed = settings.model_copy(update={"admin_password": "another password"})
    async with running(changed) as service:
        await until_signed_in(service, "admin@holdfast.example", "another password")
        refusal = await sign_in(service, "admin@holdfast.example", "holdfast-admin")
        assert refused(refusal, 401, "invalid-credentials")


async def until_signed_in(service: Service, email: str, password: str) -> httpx.Response:
    """The administrator comes a moment after the start."""
    async with asyncio.timeout(20):
        while (answer := await sign_in(service, email, password)).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return answer


async def test_too_many_passwords_at_once_are_refused_at_once(service: Service) -> None:
    await until_signed_in(service, "admin@holdfast.example", "holdfast-admin")
    answers = await asyncio.gather(*(sign_in(service, f"nobody{number}@example.org") for number in range(12)))
    codes = Counter(answer.status_code for answer in answers)
    # One at work and four waiting; a first one that is done while the last still arrive lets another in.
    assert codes.keys() == {401, 503}
    # A busy machine makes some of the five wait too long.
    assert 2 <= codes[401] <= 7
    busy = next(answer for answer in answers if answer.status_code == 503)
    assert refused(busy, 503, "bulkhead-full")
    assert 1 <= int(busy.headers["retry-after"]) <= 5


async def test_without_bulkheads_everybody_queues_for_their_password(switch_off: Callable[..., None]) -> None:
    deadline = Deadline.after(10)
    passwords = Passwords(
        Turns("argon2", others=ShareSettings(TimeShareSettings(share=0.5, burst_s=1), queue=1, max_wait_s=10))
    )
    try:
        switch_off("bulkhead")
        checked = await asyncio.gather(*(passwords.verify(None, "correct horse", STRANGER, deadline) for _ in range(6)))
        assert checked == [False] * 6
        switch_off()
        checked = await asyncio.gather(
            *(passwords.verify(None, "correct horse", STRANGER, deadline) for _ in range(6)), return_exceptions=True
        )
        assert sum(isinstance(one, BulkheadFull) for one in checked) == 4
    finally:
        passwords.close()


async def test_a_hash_is_charged_the_cpu_time_that_it_took() -> None:
    share = ShareSettings(TimeShareSettings(share=0.01, burst_s=0.001))
    passwords = Passwords(Turns("argon2", others=share))
    try:
        assert await passwords.hash("correct horse", STRANGER, Deadline.after(10))
        with pytest.raises(BulkheadFull):
            await passwords.hash("correct horse", STRANGER, Deadline.after(10))
    finally:
        passwords.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
async def test_hashing_has_a_lower_priority_than_requests() -> None:
    passwords = Passwords()
    try:
        before = Counter(_nicenesses())
        await passwords.hash("correct horse", STRANGER, Deadline.after(10))
        (own,) = set(_nicenesses()) & {os.getpriority(os.PRIO_PROCESS, 0)}
        assert (Counter(_nicenesses()) - before)[own + 5] == 1
    finally:
        passwords.close()


def _nicenesses() -> list[int]:
    """Of each thread of this process, as /proc says (proc(5), field 19)."""
    tasks = Path("/proc/self/task").iterdir()
    return [int((task / "stat").read_text().rpartition(")")[2].split()[16]) for task in tasks]


async def test_a_caller_that_gives_up_at_work_keeps_the_turn_until_the_work_has_ended() -> None:
    passwords = Passwords()
    try:
        async with passwords.turn(STRANGER, Deadline.after(10)) as first:
            hashing = asyncio.create_task(first.hash("correct horse"))
            while first._work is None or not first._work.running():  # noqa: ASYNC110  # on another thread
                await asyncio.sleep(0)
            hashing.cancel()
        async with passwords.turn(STRANGER, Deadline.after(10)):
            assert first._work.done()
    finally:
        passwords.close()


async def test_a_caller_that_gives_up_leaves_the_queue() -> None:
    deadline = Deadline.after(10)
    passwords = Passwords(
        Turns("argon2", others=ShareSettings(TimeShareSettings(share=0.5, burst_s=1), queue=2, max_wait_s=10))
    )
    try:
        hashed = await passwords.hash("correct horse", STRANGER, deadline)
        waiting = [asyncio.create_task(passwords.verify(hashed, "correct horse", STRANGER, deadline)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[2].cancel()
        await asyncio.sleep(0)
        results = await asyncio.gather(*waiting[:2], passwords.verify(hashed, "wrong horse", STRANGER, deadline))
        assert results == [True, True, False]
        assert await passwords.verify(None, "correct horse", STRANGER, deadline) is False
        assert await passwords.verify("no hash at all", "correct horse", STRANGER, deadline) is False
    finally:
        passwords.close()
