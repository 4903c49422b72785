"""What every response says to browsers and caches."""

import asyncio
from typing import Any

import pytest

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


def assert_guarded(answer: Any) -> None:
    assert {name: answer.headers.get_list(name) for name in EVERYWHERE} == {
        one: [two] for one, two in EVERYWHERE.items()
    }


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/api/products", None), ("HEAD", "/api/products", None), ("GET", "/api/cart", "guest"),
        ("POST", "/api/sessions", None), ("GET", "/api/cart", None), ("PATCH", "/api/cart", None), ("GET",
        "/nowhere", None),
        ("GET", "/healthz", None), ("GET", "/metrics", None), ("GET", "/docs", None), ("GET", "/openapi.json", None),
        ("GET", "/docs/swagger-ui.css", None), ("GET", "/api/products?" + "a" * 9000, None),
    ],
)  # fmt: skip
async def test_no_answer_is_guessed_framed_or_leaks_its_address(shop: Any, method: str, path: str, role: Any) -> None:
    options = {"json": {}} if method == "POST" else {}
    assert_guarded(await shop.call(method, path, role, **options))


async def test_what_the_protocol_refuses_says_so_too(shop: Any) -> None:
    reader, writer = await asyncio.open_connection(shop.http.base_url.host, shop.http.base_url.port)
    writer.write(b"NONSENSE\r\n\r\n")
    head = (await reader.read()).lower()
    for name, value in EVERYWHERE.items():
        assert f"{name}: {value}".lower().encode() in head
    writer.close()


@pytest.mark.parametrize(
    ("method", "path", "role", "kept"),
    [
        ("POST", "/api/sessions", None, False), ("GET", "/api/cart", "guest", False), ("GET", "/api/orders",
        "guest", False),
        ("GET", "/api/profile", "customer", False), ("GET", "/api/admin/orders", "admin", False),
        ("POST", "/api/checkout", "guest", False), ("GET", "/api/products", None, True), ("GET",
        "/api/products/mug", None, True),
        ("GET", "/api/products?sort=x", None, False),
    ],
)  # fmt: skip
async def test_no_cache_on_the_way_keeps_what_is_a_callers_own(
    shop: Any, method: str, path: str, role: Any, kept: bool
) -> None:
    options = {"json": {}} if method == "POST" else {}
    answer = await shop.call(method, path, role, **options)
    assert answer.headers.get("cache-control") == (None if kept else "no-store")
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_the_documentation_may_load_its_own_files_and_the_one_script_in_it(shop: Any) -> None:
    policy = (await shop.call("GET", "/docs")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    scripts = policy.partition("script-src ")[2].partition(";")[0].split()
    assert scripts[0] == "'self'"
    assert len(scripts) == 2
    assert scripts[1].startswith("'sha256-")
