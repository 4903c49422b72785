"""Requests within every bound that are made to cost as much as they can."""

import json
import string
from collections.abc import Iterator
from itertools import islice, product

from hostile_requests.operations import Operation, Request, World, valid

_NO_CACHE = (b"Cache-Control", b"no-cache")


def dear_requests(calls: list[Operation], world: World) -> Iterator[Request]:
    """They are answered 200 or 4xx, as their operations document it."""
    by_id = {call.id: call for call in calls}
    for call in calls:
        if "q" in call.query:
            for about, words in _words():
                yield _read(call, world, f"q of {about}", q=words, limit="100")
        if call.lists:
            yield _read(call, world, "the longest page", limit="100")
        for name, schema in call.query.items():
            for choice in schema.get("enum", ()):
                yield _read(call, world, f"{name}={choice}", **{name: choice, "limit": "100"})
    yield _read(by_id["get_sales"], world, "all years", **{"from": "1970-01-01", "to": "2200-12-31"})
    yield from (_with_streams(by_id[name], world) for name in ("get_cart", "list_orders", "get_order", "get_profile"))
    yield valid(by_id["register"], world).request("a password to hash")
    sign_in = valid(by_id["open_session"], world)
    sign_in.members = {name: json.dumps(world.attackers[name]).encode() for name in ("email", "password")}
    yield sign_in.request("a password to hash")
    for call in calls:
        if call.members is not None:
            yield from _bodies(call, world)


def _words() -> Iterator[tuple[str, str]]:
    """Texts of at most 200 characters: the more words, prefixes and misspellings, the dearer."""
    pairs = ["".join(pair) for pair in product("abcdehlmrst", repeat=2)]
    yield "100 letters", "+".join(islice(string.ascii_lowercase * 4, 100))
    yield "66 prefixes", "+".join(pairs[:66])
    yield "40 misspellings", "+".join(f"{pair}ntrn"[:4] for pair in pairs[:40])
    yield "20 long misspellings", "+".join(f"{pair}ghtlant" for pair in pairs[:20])
    yield "100 times one letter", "+".join("a" * 100)
    yield "one long word", "a" * 200
    yield "wildcards", "%2A" * 200
    yield "200 signs", "%22" * 200
    yield "emoji", "%F0%9F%92%A3" * 200


def _read(call: Operation, world: World, about: str, **query: str) -> Request:
    draft = valid(call, world)
    draft.query = [(name.encode(), value.encode()) for name, value in query.items()]
    if "Cache-Control" in call.headers:
        draft.headers.append(_NO_CACHE)
    return draft.request(f"{about}, uncached")


def _with_streams(call: Operation, world: World) -> Request:
    draft = valid(call, world)
    end = world.attackers["order_id"][8:]
    streams = ", ".join(f"order-{number:08x}{end}@1" for number in range(100))
    draft.headers.append((b"Consistency-Token", streams.encode()))
    return draft.request("a token of 100 streams")


def _bodies(call: Operation, world: World) -> Iterator[Request]:
    for about, name in (("990 unknown members", "m{}"), ("900 of 60 bytes", "m{}" + "x" * 55)):
        draft = valid(call, world)
        draft.body = json.dumps({name.format(number): number for number in range(900)}).encode()
        yield draft.request(about)
    for about, value in (
        ("a string of 60 KB", "x" * 60_000),
        ("60 KB of escapes", "\u202e" * 10_000),
        ("990 objects", [{}] * 490),
    ):
        for name in call.members or ():
            draft = valid(call, world)
            draft.members[name] = json.dumps(value).encode()
            yield draft.request(f"/{name}: {about}")
