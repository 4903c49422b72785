"""Elasticsearch's name is looked up beside the calls: a lookup that hangs or fails costs no answer."""

import asyncio
import threading
import time
from typing import Any

import httpx
import pytest

from query_service.adapters.names import BackgroundNames, NamedNode


async def test_the_last_good_answer_is_kept_while_lookups_fail() -> None:
    asked = threading.Event()
    answers = iter([["127.0.0.1", "::1"]])

    def lookup(name: str, port: int) -> list[str]:
        assert (name, port) == ("search.example", 9200)
        for answer in answers:
            return answer
        asked.set()
        raise OSError("no such name")

    names = BackgroundNames("http://search.example:9200", lookup)
    assert await asyncio.to_thread(asked.wait, 5)
    found = await names.resolve("search.example", 9200)
    assert [(one["host"], one["port"]) for one in found] == [("127.0.0.1", 9200), ("::1", 9200)]
    with pytest.raises(OSError, match=r"other\.example"):
        await names.resolve("other.example", 9200)
    await names.close()


async def test_a_lookup_that_hangs_does_not_hold_up_calls(
    shop: Any, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, hanging, hang = threading.Event(), threading.Event(), threading.Event()

    def lookup(_name: str, _port: int) -> list[str]:
        if known.is_set():
            hanging.set()
            hang.wait(20)
        known.set()
        return ["127.0.0.1"]

    monkeypatch.setattr(NamedNode, "lookup", staticmethod(lookup))
    try:
        async with serve(shop, elasticsearch_url=shop.url.replace("127.0.0.1", "search.example")) as client:
            assert await asyncio.to_thread(hanging.wait, 10)
            answers = await asyncio.gather(*(client.get("/api/products") for _ in range(20)))
            assert {answer.status_code for answer in answers} == {200}
    finally:
        hang.set()


async def test_a_name_without_an_address_is_503_at_once(shop: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    monkeypatch.setattr(NamedNode, "lookup", staticmethod(lambda _name, _port: [str(hang.wait(20))]))
    try:
        async with serve(shop, elasticsearch_url="http://search.example:9200") as client:
            began = time.monotonic()
            answer: httpx.Response = await client.get("/api/products")
            assert answer.status_code == 503
            assert time.monotonic() - began < 1
    finally:
        hang.set()
