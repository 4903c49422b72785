"""The administrator's commands on products, and the product's read."""

import asyncio
from typing import Any

from command_service.testing.service import Service, refused

MUG: dict[str, Any] = {
    "product_id": "mug",
    "name": "A mug",
    "description": "Blue",
    "category": "Kitchen",
    "unit_amount": 250,
    "available": 10,
}


async def test_a_product_is_created_changed_and_read(service: Service) -> None:
    admin = service.admin()
    created = await admin.post("/api/admin/products", MUG)
    assert (created.status_code, created.json()) == (201, {"product_id": "mug", "version": 1})
    assert created.headers["consistency-token"] == "product-mug@1"
    priced = await admin.put("/api/admin/products/mug/price", {"unit_amount": 300})
    assert (priced.status_code, priced.json()) == (200, {"product_id": "mug", "version": 2})
    stocked = await admin.post("/api/admin/products/mug/stock", {"delta": -4, "reason": "broken"})
    assert stocked.json() == {"product_id": "mug", "version": 3}
    read = await service.client.get("/api/products/mug")
    assert read.json() == {**MUG, "unit_amount": 300, "available": 6, "currency": "GBP", "version": 3}
    assert read.headers["served-from"] == "write-model"
    gone = await admin.delete("/api/admin/products/mug")
    assert gone.json() == {"product_id": "mug", "version": 4}
    assert (await service.client.get("/api/products/mug")).json()["discontinued"] is True


async def test_a_product_is_created_once(service: Service) -> None:
    admin = service.admin()
    answers = await asyncio.gather(
        *(admin.insist("POST", "/api/admin/products", json=MUG, key=f"k{n}") for n in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert refused(await admin.post("/api/admin/products", MUG), 409, "product-exists")


async def test_a_repeated_creation_is_answered_again(service: Service) -> None:
    admin = service.admin()
    first = await admin.post("/api/admin/products", MUG, key="load-1")
    again = await admin.post("/api/admin/products", MUG, key="load-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await admin.post("/api/admin/products", {**MUG, "unit_amount": 1}, key="load-1")
    assert refused(other, 422, "idempotency-key-reused")


async def test_codes_that_differ_in_case_are_two_products(service: Service) -> None:
    admin = service.admin()
    await admin.post("/api/admin/products", {**MUG, "product_id": "85123A"})
    assert refused(await admin.get("/api/products/85123a"), 404, "product-unknown")
    assert (await admin.post("/api/admin/products", {**MUG, "product_id": "85123a"})).status_code == 201


async def test_stock_is_never_negative_under_concurrent_adjustments(service: Service) -> None:
    await service.product("mug", available=10)
    admin = service.admin()
    broken = {"delta": -3, "reason": "broken"}
    takes = (admin.insist("POST", "/api/admin/products/mug/stock", json=broken, key=f"k{n}") for n in range(6))
    answers = await asyncio.gather(*takes)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 409, 409, 409]
    assert refused(
        await admin.post("/api/admin/products/mug/stock", {"delta": -2, "reason": "broken"}), 409, "stock-negative"
    )
    assert (await admin.get("/api/products/mug")).json()["available"] == 1


async def test_stock_above_its_limit_is_invalid(service: Service) -> None:
    await service.product("mug", available=10)
    answer = await service.admin().post("/api/admin/products/mug/stock", {"delta": 10_000_000, "reason": "found"})
    assert refused(answer, 422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == "/delta"


async def test_a_discontinued_product_is_not_changed_and_discontinuing_it_again_is_harmless(service: Service) -> None:
    await service.product("mug")
    admin = service.admin()
    assert (await admin.delete("/api/admin/products/mug")).json()["version"] == 2
    assert (await admin.delete("/api/admin/products/mug")).json()["version"] == 2
    priced = await admin.put("/api/admin/products/mug/price", {"unit_amount": 1})
    assert refused(priced, 409, "product-discontinued")
    stocked = await admin.post("/api/admin/products/mug/stock", {"delta": 1, "reason": "found"})
    assert refused(stocked, 409, "product-discontinued")
    assert refused(await admin.post("/api/admin/products", {**MUG}), 409, "product-exists")


async def test_an_unknown_product_is_unknown_whatever_its_id(service: Service) -> None:
    calls: list[tuple[str, str, Any]] = [
        ("PUT", "/api/admin/products/{}/price", {"unit_amount": 1}),
        ("POST", "/api/admin/products/{}/stock", {"delta": 1, "reason": "found"}),
        ("DELETE", "/api/admin/products/{}", None),
        ("GET", "/api/products/{}", None),
    ]
    for product_id in ("ghost", "no%20product", "a" * 41, "%00", "%C3%A9"):
        for method, path, body in calls:
            answer = await service.admin().call(method, path.format(product_id), json=body, if_match=3)
            assert refused(answer, 404, "product-unknown")


async def test_a_change_for_another_version_does_nothing(service: Service) -> None:
    await service.product("mug")
    admin = service.admin()
    answer = await admin.put("/api/admin/products/mug/price", {"unit_amount": 1}, if_match=2)
    assert refused(answer, 412, "version-mismatch")
    assert (await admin.put("/api/admin/products/mug/price", {"unit_amount": 1}, if_match=1)).status_code == 200


async def test_a_star_matches_a_product_that_exists(service: Service) -> None:
    await service.product("mug")
    for product_id, status in (("mug", 200), ("ghost", 404)):
        path = f"/api/admin/products/{product_id}/price"
        answer = await service.admin().put(path, {"unit_amount": 1}, headers={"If-Match": "*"})
        assert answer.status_code == status


async def test_only_an_administrator_may(service: Service) -> None:
    calls = [
        ("POST", "/api/admin/products"),
        ("PUT", "/api/admin/products/mug/price"),
        ("POST", "/api/admin/products/mug/stock"),
        ("DELETE", "/api/admin/products/mug"),
        ("POST", "/api/admin/orders/0190aaaa-0000-7000-8000-000000000001/ship"),
        ("GET", "/api/admin/streams/product-mug"),
    ]
    for method, path in calls:
        for someone in (service.someone("guest"), service.someone("customer")):
            assert refused(await someone.call(method, path, json=MUG), 403, "forbidden")
        assert refused(await service.client.request(method, path, json=MUG), 401, "unauthenticated")
