"""Sign-in attempts are limited by account, with a growing delay, and the owner is never locked out (CORRECTNESS 7)."""

import asyncio
import logging
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import httpx
import pytest

from command_service.adapters.turns import OTHERS, ShareSettings, Source, Turns
from command_service.domain.client_network import network_mark
from command_service.domain.values import CustomerId
from command_service.handlers.sign_in_attempts import SignInAttempts
from command_service.settings import Settings
from command_service.testing.service import NO_PAYMENT, Service, refused, running
from holdfast.resilience.clock import FakeClock
from holdfast.resilience.deadline import Deadline
from holdfast.resilience.time_share import TimeShareSettings

ADA = {"email": "ada@example.org", "password": "correct horse"}
WRONG = "incorrect horse"
HOME, WORK, EVE = "192.0.2.1", "192.0.2.2", "198.51.100.66"


class Door:
    """The service with a fake clock for the delays and room for a test's many hashes."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.clock = FakeClock()
        parts = service.app.state.parts
        service.app.state.parts = replace(parts, attempts=SignInAttempts(clock=self.clock))
        room = ShareSettings(TimeShareSettings(share=1.0, burst_s=60.0), queue=50, max_wait_s=10.0)
        parts.passwords._turns = Turns("argon2", trusted=room, others=room)

    async def sign_in(
        self, password: str = ADA["password"], *, at: str | None = None, email: str = ADA["email"]
    ) -> httpx.Response:
        headers = {} if at is None else {"X-Client-Address": at}
        body = {"email": email, "password": password}
        return await self.service.client.post("/api/sessions", json=body, headers=headers)

    async def register(self, *, at: str | None = HOME, **fields: Any) -> httpx.Response:
        headers = {"Idempotency-Key": "k"} | ({} if at is None else {"X-Client-Address": at})
        body = ADA | {"name": "Ada"} | fields
        return await self.service.client.post("/api/customers", json=body, headers=headers)

    async def guess(self, times: int, *, at: str | None = EVE, email: str = ADA["email"]) -> list[int]:
        return [(await self.sign_in(WRONG, at=at, email=email)).status_code for _ in range(times)]

    async def known_networks(self) -> list[int]:
        async with self.service.app.state.parts.database.transaction(Deadline.after(10)) as tx:
            query = "SELECT known_networks FROM credentials WHERE email = 'ada@example.org'"
            return list(await tx.fetchval(query))


@pytest.fixture
async def door(service: Service) -> Door:
    return Door(service)


async def test_wrong_passwords_delay_further_ones_and_the_right_one_alike(door: Door) -> None:
    await door.register()
    assert await door.guess(8) == [401] * 5 + [429] * 3
    for password in (WRONG, ADA["password"]):
        answer = await door.sign_in(password, at=EVE)
        assert refused(answer, 429, "rate-limited")
        assert answer.headers["retry-after"] == "1"
    door.clock.advance(1)
    assert await door.guess(2) == [401, 429]
    assert (await door.sign_in(at=EVE)).headers["retry-after"] == "2"
    door.clock.advance(2)
    assert (await door.sign_in(at=EVE)).status_code == 200


async def test_a_delayed_attempt_costs_no_hash(door: Door) -> None:
    await door.register()
    await door.guess(5)
    hashed = []
    passwords = door.service.app.state.parts.passwords
    matches = passwords._hasher.verify

    class Counting:
        def verify(self, *args: str) -> bool:
            hashed.append(1)
            found: bool = matches(*args)
            return found

    passwords._hasher = Counting()
    assert set(await door.guess(20)) == {429}
    assert hashed == []
    door.clock.advance(1)
    await door.guess(1)
    assert hashed == [1]


async def test_a_delayed_attempt_waits_for_no_turn(door: Door) -> None:
    await door.register()
    await door.guess(5)
    async with door.service.app.state.parts.passwords.turn(Source(WORK), Deadline.after(10)):
        assert await asyncio.wait_for(door.guess(3), 5) == [429] * 3


async def test_strangers_guesses_never_delay_the_owner_at_home(door: Door) -> None:
    await door.register(at=HOME)
    for number in range(30):
        await door.guess(2, at=f"198.51.100.{number}")
    assert (await door.sign_in(at=WORK)).status_code == 429
    assert (await door.sign_in(at=HOME)).status_code == 200
    assert await door.guess(4, at=HOME) == [401] * 4
    assert (await door.sign_in(at=HOME)).status_code == 200


async def test_an_attacker_with_many_addresses_has_the_attempts_of_one(door: Door) -> None:
    await door.register()
    answers = Counter()
    for number in range(40):
        answers.update(await door.guess(1, at=f"198.51.100.{number}"))
        answers.update(await door.guess(1, at=f"2001:db8:{number}::1"))
        answers.update(await door.guess(1, at=None))
    assert answers == {401: 5, 429: 115}


async def test_a_known_network_has_delays_of_its_own(door: Door) -> None:
    await door.register(at=HOME)
    assert await door.guess(7, at=HOME) == [401] * 5 + [429] * 2
    assert await door.guess(1, at=EVE) == [401]
    door.clock.advance(1)
    assert (await door.sign_in(at=HOME)).status_code == 200
    assert await door.guess(5, at=HOME) == [401] * 5  # anew


async def test_an_unknown_email_is_delayed_just_as_a_known_one(door: Door) -> None:
    await door.register()
    answers = {}
    for email in (ADA["email"], "nobody@example.org"):
        seen = []
        for pause_s in (0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 900, 0):
            door.clock.advance(pause_s)
            answer = await door.sign_in(WRONG, at=EVE, email=email)
            seen.append((answer.status_code, answer.headers.get("retry-after"), answer.json() | {"request_id": ""}))
        answers[email] = seen
    known, unknown = answers.values()
    assert known == unknown
    assert Counter(status for status, *_ in known) == {401: 8, 429: 4}


async def test_an_email_is_one_account_however_it_is_written(door: Door) -> None:
    await door.register()
    for email in ("ada@example.org", "ADA@example.org", " Ada@Example.Org ", "adA@example.org", "ada@example.orG"):
        assert await door.guess(1, email=email) == [401]
    assert await door.guess(1, email="ADA@EXAMPLE.ORG") == [429]


async def test_a_network_is_known_from_the_first_sign_in_and_at_every_replica(store: str) -> None:
    settings = Settings(postgres_dsn=store, replica="test", port=8101, payment_urls=NO_PAYMENT)
    async with running(settings) as first, running(settings) as second:
        one, other = Door(first), Door(second)
        await one.register(at=None)
        assert await one.known_networks() == []
        assert (await one.sign_in(at=HOME)).status_code == 200
        for door in (one, other):
            assert await door.guess(6) == [401] * 5 + [429]
            assert (await door.sign_in(at=WORK)).status_code == 429
            assert (await door.sign_in(at=HOME)).status_code == 200
    async with running(settings) as restarted:
        door = Door(restarted)
        await door.guess(6)
        assert (await door.sign_in(at=HOME)).status_code == 200


async def test_another_address_of_the_same_64_bit_network_is_known(door: Door) -> None:
    await door.register(at="2001:db8:1:2::1")
    await door.guess(6)
    assert (await door.sign_in(at="2001:db8:1:2:a:b:c:d")).status_code == 200
    assert (await door.sign_in(at="2001:db8:1:3::1")).status_code == 429


@pytest.mark.parametrize("address", ["", "nonsense", "1.2.3.4, 5.6.7.8", "1.2.3.4:80", "x" * 5_000])
async def test_a_header_that_is_no_address_is_an_unknown_one(door: Door, address: str) -> None:
    await door.register()
    assert (await door.sign_in(at=address)).status_code == 200
    assert await door.guess(6, at=address) == [401] * 5 + [429]
    assert len(await door.known_networks()) == 1


async def test_eight_networks_are_remembered_and_one_in_use_stays(door: Door) -> None:
    customer_id = CustomerId((await door.register(at=HOME)).json()["customer_id"])
    home = network_mark(customer_id, HOME)
    for number in range(20):
        assert (await door.sign_in(at=f"203.0.113.{number}")).status_code == 200
        known = await door.known_networks()
        assert home in known
        assert (await door.sign_in(at=HOME)).status_code == 200
        assert len(known) == len(set(known)) <= 8
    assert len(known) == 8
    assert network_mark(customer_id, "203.0.113.19") in known
    assert network_mark(customer_id, "203.0.113.1") not in known


async def test_a_sign_in_from_a_network_in_use_writes_nothing(door: Door) -> None:
    await door.register()

    async def written() -> Any:
        async with door.service.app.state.parts.database.transaction(Deadline.after(10)) as tx:
            return await tx.fetchval("SELECT xmin::text FROM credentials WHERE email = 'ada@example.org'")

    before = await written()
    assert (await door.sign_in(at=HOME)).status_code == 200
    assert await written() == before
    assert (await door.sign_in(at=WORK)).status_code == 200
    assert await written() != before


async def test_a_network_that_cannot_be_written_keeps_nobody_out(door: Door) -> None:
    await door.register()
    async with door.service.app.state.parts.database.transaction(Deadline.after(10)) as tx:
        await tx.execute("SELECT 1 FROM credentials WHERE email = 'ada@example.org' FOR UPDATE")
        headers = {"X-Client-Address": WORK, "X-Request-Timeout-Ms": "900"}
        answer = await door.service.client.post("/api/sessions", json=ADA, headers=headers)
    assert answer.status_code == 200
    assert len(await door.known_networks()) == 1


async def test_addresses_are_stored_nowhere(door: Door) -> None:
    await door.register(at="203.0.113.77")
    await door.sign_in(at="203.0.113.78")
    async with door.service.app.state.parts.database.transaction(Deadline.after(10)) as tx:
        for table in ("credentials", "events", "streams", "outbox", "idempotency"):
            assert await tx.fetch(f"SELECT 1 FROM {table} AS t WHERE t::text LIKE '%203.0.113%'") == []


async def test_logs_name_no_address_and_no_email(door: Door, caplog: Any, capsys: Any) -> None:
    caplog.set_level(logging.DEBUG)
    await door.register()
    await door.guess(7)
    logged = caplog.text + capsys.readouterr().out
    assert EVE not in logged
    assert "ada@example" not in logged


async def test_guesses_at_the_password_of_a_registration_count(door: Door) -> None:
    """A repeat of a registration needs its password, so it answers whether one is right."""
    await door.register(at=None)
    answers = [(await door.register(at=EVE, password=f"wrong horse {n}")).status_code for n in range(7)]
    assert answers == [422] * 5 + [429] * 2
    assert await door.guess(1) == [429]
    door.clock.advance(1)
    again = await door.register(at=EVE)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")


async def test_guesses_at_once_get_no_more_attempts_than_one_after_the_other(door: Door) -> None:
    await door.register()
    answers = await asyncio.gather(*(door.sign_in(WRONG, at=EVE) for _ in range(15)))
    codes = Counter(answer.status_code for answer in answers)
    assert codes.keys() <= {401, 429, 503}  # 503: too many at once for a busy machine
    assert codes[401] <= 5
    assert set(await door.guess(6)) <= {401, 429}
    assert await door.guess(1) == [429]


async def test_many_sign_ins_at_once_with_the_right_password_meet_no_delay(door: Door) -> None:
    await door.register()
    codes = Counter(answer.status_code for answer in await asyncio.gather(*(door.sign_in(at=EVE) for _ in range(15))))
    assert codes.keys() <= {200, 503}  # 503: too many at once for a busy machine
    assert codes[200] >= 1


async def test_a_refusal_at_the_queue_and_a_deadline_count_as_no_failure(door: Door) -> None:
    await door.register()
    passwords = door.service.app.state.parts.passwords
    none_left = ShareSettings(TimeShareSettings(share=0.001, burst_s=0.001), queue=1)
    passwords._turns = Turns("argon2", trusted=none_left, others=none_left)
    answers = await asyncio.gather(*(door.sign_in(WRONG, at=EVE) for _ in range(12)))
    codes = Counter(answer.status_code for answer in answers)
    assert codes == {401: 1, 503: 11}
    for answer in answers:
        if answer.status_code == 503:
            assert refused(answer, 503, "bulkhead-full")
            assert answer.headers["retry-after"] == "1"
    room = ShareSettings(TimeShareSettings(share=1, burst_s=60))
    passwords._turns = Turns("argon2", trusted=room, others=room)
    assert await door.guess(5) == [401] * 4 + [429]


async def test_a_flood_without_a_token_leaves_the_others_served_and_takes_a_tenth_of_a_core(service: Service) -> None:
    """The settings of production: sign-ins and registrations from one network and many e-mails, for 3 s."""
    registered = await service.someone().post(
        "/api/customers", ADA | {"name": "Ada"}, headers={"X-Client-Address": HOME}
    )
    assert registered.status_code == 201
    spent_s = watch_the_others_cpu(service)
    began_s = time.monotonic()
    ends_s = began_s + 3
    flooded: Counter[int] = Counter()

    async def flood(number: int) -> None:
        round_ = 0
        while time.monotonic() < ends_s:
            round_ += 1
            body = {"email": f"{number}-{round_}@flood.example", "password": WRONG}
            path = "/api/sessions"
            if round_ % 2:
                path, body = "/api/customers", body | {"name": "Eve"}
            answer = await service.client.post(path, json=body, headers={"X-Client-Address": EVE})
            flooded[answer.status_code] += 1
            await asyncio.sleep(0.05)

    async def shop(at: str, *, with_token: bool = False) -> list[int]:
        answers = []
        while time.monotonic() < ends_s:
            sent = (service.someone().headers if with_token else {}) | {"X-Client-Address": at}
            answers.append((await service.client.post("/api/sessions", json=ADA, headers=sent)).status_code)
            await asyncio.sleep(0.4)
        return answers

    floods = [asyncio.create_task(flood(number)) for number in range(10)]
    bearer, at_home, elsewhere = await asyncio.gather(shop(EVE, with_token=True), shop(HOME), shop(WORK))
    await asyncio.gather(*floods)
    assert min(answers.count(200) for answers in (bearer, at_home, elsewhere)) >= 1
    everyone = bearer + at_home + elsewhere
    assert everyone.count(200) >= 0.6 * len(everyone)  # all of them, but for a busy machine
    assert flooded.keys() <= {201, 401, 503}
    assert flooded[503] > 3 * (flooded[201] + flooded[401])
    elapsed_s = time.monotonic() - began_s
    assert sum(spent_s) <= OTHERS.cpu.burst_s + OTHERS.cpu.share * elapsed_s + 0.1


def watch_the_others_cpu(service: Service) -> list[float]:
    """CPU seconds of each turn of callers without a token from unknown networks, from now on."""
    turns = service.app.state.parts.passwords._turns
    give_back = turns.give_back
    spent_s: list[float] = []

    def watched(source: Source, cpu_s: float) -> None:
        if not source.trusted:
            spent_s.append(cpu_s)
        give_back(source, cpu_s)

    turns.give_back = watched
    return spent_s
