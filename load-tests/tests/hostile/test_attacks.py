"""What each attack sends, seen by a server that keeps the very bytes."""

import asyncio
import base64
import json
import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from raw_server import RawServer, Received

from gameday.addresses import ATTACKERS, SHOPPERS
from gameday.hostile import hold
from gameday.hostile.attack import Attack, Client
from gameday.hostile.attacks import half_headers
from gameday.hostile.attacks.forged_cursors import lists
from gameday.hostile.connection import Endpoint, Unanswered
from gameday.hostile.honest import Honest
from gameday.hostile.long_stream import long_stream
from gameday.hostile.registry import ATTACKS, attack_named
from query_service.search.products import ProductSearch


async def made(name: str, calls: int, server: RawServer) -> Counter[str]:
    """So many calls of the attack by clients of their own at once, and their outcomes."""
    attack, gateways = attack_named(name), [Endpoint.of(server.url)]
    honest = Honest(gateways, binds=True)
    call = await attack.prepare(honest)
    honest.close()
    server.received.clear()
    return Counter(await asyncio.gather(*(_one(number, attack, gateways, call) for number in range(calls))))


async def _one(number: int, attack: Attack, gateways: Sequence[Endpoint], call: object) -> str:
    client = Client(number, gateways, attack.sources)
    try:
        return str(await call(client))  # type: ignore[operator]
    except Unanswered as error:
        return error.outcome
    finally:
        client.close()


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "HOLD_S", 0.4)
    monkeypatch.setattr(hold, "_TRICKLE_S", 0.1)


async def received(name: str, calls: int) -> tuple[list[Received], Counter[str]]:
    async with RawServer().running() as server:
        outcomes = await made(name, calls, server)
        await asyncio.sleep(0.05)
        return server.received, outcomes


def target(request: bytes) -> str:
    return request.split(b" ", 2)[1].decode("latin-1")


def token(request: bytes) -> str:
    found = re.search(rb"Authorization: Bearer (\S+)", request)
    return found[1].decode() if found else ""


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_every_attack_comes_from_its_own_addresses_and_says_what_was_answered(attack: Attack) -> None:
    seen, outcomes = await received(attack.name, 40)
    assert outcomes.total() == 40
    assert not any(outcome in outcomes for outcome in ("refused", "timeout"))
    assert len(seen) >= 40
    assert {one.peer for one in seen} <= set(attack.sources)
    assert len({one.peer for one in seen}) == min(40, len(attack.sources))
    assert set(attack.sources) <= set(SHOPPERS if attack.shared else ATTACKERS)
    assert attack.least <= 2 * attack.clients


async def test_long_urls_are_long_in_the_query_without_a_token_and_in_the_path_with_one() -> None:
    seen, _ = await received("long-urls", 200)
    firsts = [bytes(one.sent) for one in seen]
    in_query = [one for one in firsts if b"/api/products?" in one[:30]]
    in_path = [one for one in firsts if one not in in_query]
    assert not any(map(token, in_query))
    assert {token(one) for one in in_path} == {"the-token"}
    for half in (in_query, in_path):
        assert sum(len(one) > 25_000 for one in half) > len(half) / 2
    assert {one.split(b" ")[0] for one in in_path} >= {b"GET", b"DELETE", b"PUT", b"POST"}


async def test_forged_cursors_carry_the_fingerprint_of_the_very_list_and_values_it_never_gave() -> None:
    seen, _ = await received("forged-cursors", 300)
    ats, sorts = [], set()
    for request in (request for one in seen for request in one.requests):
        parts = urlsplit(target(request))
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        cursor = query.pop("cursor")
        if parts.path != "/api/products":
            continue
        sorts.add(query["sort"])
        try:
            body = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except ValueError:
            continue  # damaged on purpose
        of = next(one for one in lists("", "") if one.path == parts.path and dict(one.query) == query)
        assert of.scope == ProductSearch(q=query.get("q"), sort=query["sort"]).scope()  # type: ignore[arg-type]
        ats.append(body["at"])
    assert sorts == {"relevance", "price", "-price", "name", "newest"}
    assert any("x" in at for at in ats)
    assert len({type(value) for at in ats for value in at}) >= 6
    paths = {urlsplit(target(request)).path for one in seen for request in one.requests}
    assert {"/api/orders", "/api/admin/orders", "/api/admin/customers"} <= paths
    assert any(path.endswith("/history") for path in paths)


async def test_slow_bodies_announce_fifty_bytes_and_send_one() -> None:
    seen, outcomes = await received("slow-bodies", 60)
    assert outcomes == {"held": 60}
    heads, bodies = zip(*(bytes(one.sent).split(b"\r\n\r\n", 1) for one in seen), strict=True)
    announced = [body for head, body in zip(heads, bodies, strict=True) if b"Content-Length: 50" in head]
    assert sum(body == b"{" for body in announced) > len(announced) / 2
    assert any(len(body) > 2 for body in announced), "some trickle"
    assert 10 < sum(bool(token(head)) for head in heads) < 50
    assert any(b"chunked" in head for head in heads)


async def test_half_headers_do_not_end() -> None:
    seen, outcomes = await received("half-headers", 60)
    sent = [bytes(one.sent) for one in seen]
    assert any(not one for one in sent), "nothing at all"
    assert any(one.startswith(b"GET") and b"\r\n\r\n" not in one for one in sent), "half a header"
    assert any(one.endswith(b"\r\n\r\nG") for one in sent), "a byte after an answer"
    assert sum(len(one) > 400_000 for one in sent) == 6
    assert outcomes["held"] > 20


@pytest.mark.parametrize(("many", "at_least"), [(False, 8_000_000), (True, 400_000)])
async def test_headers_of_megabytes_and_tens_of_thousands_are_sent_until_they_are_refused(
    many: bool, at_least: int
) -> None:
    async with RawServer().running() as server:
        await half_headers.heavy(Client(1, [Endpoint.of(server.url)], ["127.66.0.1"]), many)
        assert len(server.received[0].sent) > at_least
        assert server.received[0].sent.count(b"\r\n") > (50_000 if many else 7_000)


async def test_passwords_are_guessed_for_accounts_that_exist_and_others() -> None:
    seen, _ = await received("argon2-flood", 200)
    requests = [request for one in seen for request in one.requests]
    registered = [one for one in requests if one.startswith(b"POST /api/customers")]
    emails = Counter(json.loads(one.partition(b"\r\n\r\n")[2])["email"] for one in requests)
    assert 15 < len(registered) < 70
    assert emails["admin@holdfast.example"] > 5
    assert len(emails) > 80


async def test_an_anonymous_flood_claims_other_addresses_and_hardly_asks_twice() -> None:
    seen, _ = await received("anonymous-flood", 300)
    requests = [request for one in seen for request in one.requests]
    assert not any(map(token, requests))
    assert len({re.search(rb"X-Forwarded-For: (\S+)", one)[1] for one in requests}) > 290  # type: ignore[index]
    searches = [target(one) for one in requests if "q=" in target(one)]
    assert len(set(searches)) == len(searches) > 120
    assert len({one.peer for one in seen}) == 250


async def test_a_session_flood_makes_a_guest_use_it_and_makes_another() -> None:
    async with RawServer({"GET /api/cart": (200, {})}).running() as server:
        attack, client = attack_named("session-flood"), Client(1, [Endpoint.of(server.url)], ["127.66.0.1"])
        call = await attack.prepare(Honest([Endpoint.of(server.url)], binds=False))
        for _ in range(5):
            await call(client)
        asked = [urlsplit(target(request)).path for request in server.requests]
        assert asked == ["/api/sessions", "/api/products", "/api/cart/items", "/api/cart", "/api/sessions"]
        assert [token(request) for request in server.requests] == ["", *["the-token"] * 3, ""]


async def test_deep_reads_go_to_the_end_of_a_long_stream_and_wait_for_versions_that_never_come() -> None:
    seen, _ = await received("deep-reads", 200)
    requests = [request for one in seen for request in one.requests]
    assert any("product-hostile-deep?at_version=9999" in target(one) for one in requests)
    assert any(b"cart-0194e5a0-0000-7000-8000-000000000001@999999" in one for one in requests)
    assert any("/history?cursor=" in target(one) for one in requests)


async def test_a_long_stream_is_made_once() -> None:
    version, stocks = 1, []

    class Growing(RawServer):
        def _answer(self, request: bytes) -> bytes:
            nonlocal version
            if b"/stock" in request:
                version += 1
                stocks.append(json.loads(request.partition(b"\r\n\r\n")[2])["delta"])
                self._answers["POST /api/admin/products/hostile-deep/stock"] = (200, {"version": version})
            return super()._answer(request)

    answers = {
        "GET /api/products/hostile-deep": (404, {"code": "product-unknown"}),
        "POST /api/admin/products": (201, {"version": 1}),
        "DELETE /api/admin/products/hostile-deep": (200, {"version": 21}),
    }
    async with Growing(answers).running() as server:
        honest = Honest([Endpoint.of(server.url)], binds=True)
        await long_stream(honest, "admin", events=20)
        honest.close()
        assert (version, sum(stocks)) == (20, 1)
        assert server.requests[-1].startswith(b"DELETE ")
    async with RawServer().running() as server:
        honest = Honest([Endpoint.of(server.url)], binds=True)
        await long_stream(honest, "admin")
        honest.close()
        assert len(server.requests) == 1


async def test_wide_queries_hold_twelve_thousand_names_and_one_of_them_again() -> None:
    seen, _ = await received("wide-queries", 150)
    sent = [bytes(one.sent) for one in seen]
    widest = max((urlsplit(target(one)).query.split("&") for one in sent if one.startswith(b"GET")), key=len)
    wide = next(query for one in sent if len(query := urlsplit(target(one)).query.split("&")) == 12_001 and query[-1])
    assert (len(set(wide)), wide.count("0")) == (12_000, 2)
    assert len("&".join(wide)) > 44_000
    assert len(widest) > 12_000
    assert any(unquote(one.partition(b"\r\n\r\n")[2].decode()).startswith("[" * 60_000) for one in sent)
    assert any(one.partition(b"\r\n\r\n")[0].count(b"\r\n") > 3_000 for one in sent), "headers"
