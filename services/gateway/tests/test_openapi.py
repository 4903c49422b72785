"""/openapi.json and /docs. When the golden file differs on purpose: `python -m gateway.document > FILE`, and read the
difference; it is the public contract.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import pytest

from gateway.bootstrap import build
from gateway.document import document
from gateway.documented import problem_codes
from gateway.lookup import RouteTable
from gateway.routes import FORWARDED, REGISTER_ROUTE, SIGN_IN_ROUTE
from gateway.settings import GatewaySettings

GOLDEN = Path(__file__).parent / "openapi.golden.json"
API = Path(__file__).parents[3] / "docs" / "API.md"


def test_the_document_is_the_golden_one() -> None:
    assert document() == GOLDEN.read_bytes()


def test_every_call_of_the_api_guide_is_documented() -> None:
    told = build(GatewaySettings()).openapi()["paths"]
    documented = {(method.upper(), re.sub(r"{\w+}", "{}", path)) for path, calls in told.items() for method in calls}
    named = re.findall(r"\b(GET|POST|PUT|DELETE) (/api/[\w/{}]*)", API.read_text())
    wanted = {(method, re.sub(r"{\w+}", "{}", path)) for method, path in named} - {("GET", "/api/ops/events")}
    assert len(wanted) >= 20
    assert wanted <= documented


def test_every_code_that_a_route_names_stands_in_the_api_guide() -> None:
    guide = API.read_text()
    codes = {
        code
        for route in (*FORWARDED, SIGN_IN_ROUTE, REGISTER_ROUTE)
        for found in problem_codes(route).values()
        for code in found
    }
    assert {code for code in codes if f"`{code}`" not in guide} == set()


def test_every_route_is_found_by_its_method_and_path_alone() -> None:
    routes = (*FORWARDED, SIGN_IN_ROUTE, REGISTER_ROUTE)
    table = RouteTable((route.method, route.path, route) for route in routes)
    for route in routes:
        for part in ("0194f0a0-0000-7000-8000-0000000000aa", "a%2Fb", "%2E%2e", "..", "%C3%A9"):
            methods, found = table.find(re.sub(r"{\w+}", part, route.path).encode()) or ({}, "")
            assert methods[route.method] is route
            assert found == (unquote(part) if route.part else "")


@pytest.mark.parametrize(
    "path",
    ["/", "//", "", "*", "/api/products/a/b", "/healthz", "/api/products/", "/api//products", "/API/products"],
)
def test_another_path_is_not_that_of_a_call(path: str) -> None:
    table = RouteTable((route.method, route.path, route) for route in FORWARDED)
    assert table.find(path.encode()) is None


@pytest.mark.parametrize(
    "path", ["/api/cart/items/../", "/api/cart/items/", "/api%2Fproducts", "/" * 8_000, "/api/./cart"]
)
def test_nothing_of_a_path_is_normalised(path: str) -> None:
    table = RouteTable((route.method, route.path, route) for route in FORWARDED)
    assert table.find(path.encode()) is None


async def test_the_page_loads_nothing_from_elsewhere(shop: Any) -> None:
    page = await shop.call("GET", "/docs")
    assert page.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) == 3
    for link in links:
        assert link.startswith("/docs/")
        part = await shop.call("GET", link)
        assert part.status_code == 200
        assert len(part.content) > 1_000
    assert (await shop.call("GET", "/docs/elsewhere.js")).status_code == 404


async def test_the_document_is_served(shop: Any) -> None:
    served = (await shop.call("GET", "/openapi.json")).json()
    assert served == orjson.loads(GOLDEN.read_bytes())
