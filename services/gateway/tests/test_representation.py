"""Entity tags, compression and HEAD of catalogue reads; nothing of a caller is compressed."""

import gzip
from typing import Any

import orjson
import pytest

from gateway.representation import accepts_gzip, names_tag

LONG = {"items": [{"product_id": f"P{number}", "name": "WHITE HANGING HEART"} for number in range(100)]}
RAW = {"Accept-Encoding": "identity"}


async def test_a_read_of_the_catalogue_has_a_weak_tag_and_304_while_it_is_the_same(shop: Any) -> None:
    shop.query.then(200, {"version": 1}, Served_From="read-model")
    first = await shop.call("GET", "/api/products/A")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for wanted in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*", f'{tag} , "y"'):
        same = await shop.call("GET", "/api/products/A", headers={"If-None-Match": wanted})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag), wanted
        assert same.headers["served-from"] == "cache"
        assert "content-type" not in same.headers
    other = await shop.call("GET", "/api/products/A", headers={"If-None-Match": 'W/"another"'})
    assert (other.status_code, other.json()) == (200, {"version": 1})
    shop.query.then(200, {"version": 2})
    changed = await shop.call("GET", "/api/products/A", headers={"If-None-Match": tag, "Cache-Control": "no-cache"})
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)


async def test_the_tag_is_that_of_the_body_on_every_gateway_and_from_either_model(shop: Any) -> None:
    shop.query.then(200, {"version": 1})
    read = await shop.call("GET", "/api/products/A")
    await shop.query.stop()
    shop.command.then(200, {"version": 1}, Served_From="write-model")
    written = await shop.call("GET", "/api/products/A", headers={"Cache-Control": "no-cache"})
    assert written.headers["served-from"] == "write-model"
    assert written.headers["etag"] == read.headers["etag"]


@pytest.mark.parametrize("path", ["/api/products?q=heart", "/api/products/A/recommendations"])
async def test_a_long_answer_of_the_catalogue_is_gzip_where_asked(shop: Any, path: str) -> None:
    shop.query.then(200, LONG)
    for _ in range(2):  # fetched, then kept
        plain = await shop.call("GET", path, headers=RAW)
        assert "content-encoding" not in plain.headers
        async with shop.http.stream("GET", path, headers={"Accept-Encoding": "br, gzip;q=0.5"}) as packed:
            raw = b"".join([part async for part in packed.aiter_raw()])
        assert packed.headers["content-encoding"] == "gzip"
        assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding"
        assert plain.headers["etag"] == packed.headers["etag"]
        assert int(packed.headers["content-length"]) == len(raw) < len(plain.content) / 5
        assert orjson.loads(gzip.decompress(raw)) == plain.json() == LONG


async def test_short_answers_and_everything_of_a_caller_are_sent_as_they_are(shop: Any) -> None:
    shop.query.then(200, {"version": 1})
    shop.command.then(200, LONG)
    gzipped = {"Accept-Encoding": "gzip"}
    assert "content-encoding" not in (await shop.call("GET", "/api/products/A", headers=gzipped)).headers
    shop.query.then(200, LONG)
    for path in ("/api/cart", "/api/orders", "/api/admin/orders", "/api/profile"):
        answer = await shop.call("GET", path, "admin", headers=gzipped)
        assert (answer.status_code, {"content-encoding", "etag"} & set(answer.headers)) == (200, set())
    session = await shop.call("POST", "/api/sessions", json={}, headers=gzipped)
    assert "content-encoding" not in session.headers


async def test_a_refusal_of_the_catalogue_has_no_tag(shop: Any) -> None:
    shop.query.then_problem(404, "product-unknown")
    answer = await shop.call("GET", "/api/products/A", headers={"If-None-Match": "*"})
    assert (answer.status_code, "etag" in answer.headers) == (404, False)


@pytest.mark.parametrize(
    "path", ["/api/products", "/api/products/A", "/api/cart", "/healthz", "/metrics", "/openapi.json", "/docs"]
)
async def test_head_is_answered_as_get_without_a_body(shop: Any, path: str) -> None:
    shop.query.then(200, LONG)
    got = await shop.call("GET", path, "guest", headers=RAW)
    head = await shop.call("HEAD", path, "guest", headers=RAW)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, False), ("", False), ("gzip", True), ("GZIP", True), ("br, gzip", True), ("*", True), ("br", False),
        ("gzip;q=0", False), ("gzip; q=0.000", False), ("gzip;q=0.001", True), ("*;q=0, gzip", True),
        ("*, gzip;q=0", False), ("gzip,gzip", True), (",;q=,;,", False), ("identity", False),
    ],
)  # fmt: skip
def test_what_accept_encoding_asks_for(header: str | None, wanted: bool) -> None:
    assert accepts_gzip(header) == wanted


@pytest.mark.parametrize("header", [",", '""', 'W/""', "W/", '"a', "x" * 30_000, "," * 30_000, 'W/W/"a"'])
def test_an_odd_if_none_match_names_nothing(header: str) -> None:
    assert not names_tag(header, b'W/"a"')
