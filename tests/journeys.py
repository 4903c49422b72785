"""What has to hold for a running shop, whichever way it runs."""

import asyncio
import re
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from holdfast_tools.load import sign_in
from holdfast_tools.shop import Answer, Shop
from running import ROOT, Running, assert_audit_is_clean, tool

CARD = {"payment_token": "tok_visa"}


def tour_of_the_readme(shop: Running) -> None:
    """The README's curl tour, pasted as it is."""
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", blocks[0]],
        env={"SHOP": shop.urls[0], "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert '"status":"cancelled"' in done.stdout


async def guest(shop: Shop) -> str:
    answer = await shop.call("POST", "/api/sessions", body={})
    assert answer.status == 201, answer
    return str(answer.body["token"])


async def product(shop: Shop, available: int) -> str:
    """A new product that nobody else touches."""
    admin = await sign_in(shop, "admin@holdfast.example", "holdfast-admin")
    product_id = f"test-{uuid.uuid4().hex[:12]}"
    body = {"product_id": product_id, "name": "Test piece", "category": "Tests", "unit_amount": 250}
    answer = await shop.call("POST", "/api/admin/products", token=admin, body=body | {"available": available})
    assert answer.status == 201, answer
    return product_id


async def with_cart(shop: Shop, product_id: str, quantity: int = 1) -> str:
    """A new guest's token, with the product in the cart."""
    token = await guest(shop)
    answer = await shop.call(
        "POST", "/api/cart/items", token=token, body={"product_id": product_id, "quantity": quantity}
    )
    assert answer.ok, answer
    return token


async def settled(shop: Shop, token: str, order_id: str) -> dict[str, Any]:
    """The order once it is no longer waiting for its payment."""
    for _ in range(120):
        answer = await shop.call("GET", f"/api/orders/{order_id}", token=token)
        if answer.ok and answer.body["status"] != "awaiting_payment":
            return dict(answer.body)
        await asyncio.sleep(0.25)
    raise AssertionError(f"order {order_id} was not settled within 30 s")


async def sells_to_the_last_piece(running: Running, shoppers: int = 200, pieces: int = 50) -> None:
    """All check out at once: exactly `pieces` are paid, the others are told, within 60 s."""
    async with Shop(running.urls, give_up_s=60) as shop:
        product_id = await product(shop, pieces)
        tokens = [await with_cart(shop, product_id) for _ in range(shoppers)]
        began = time.monotonic()

        async def buy(token: str) -> tuple[str, Answer]:
            return token, await shop.call("POST", "/api/checkout", token=token, body=CARD)

        answers = await asyncio.gather(*(buy(token) for token in tokens))
        paid = 0
        for token, answer in answers:
            if answer.status in (201, 202):
                paid += (await settled(shop, token, answer.body["order_id"]))["status"] == "paid"
        assert time.monotonic() - began < 60
        refused = Counter(answer.code for _, answer in answers if not answer.ok)
        assert (paid, refused) == (pieces, {"out-of-stock": shoppers - pieces})
        assert await left(shop, product_id) == 0


async def left(shop: Shop, product_id: str) -> int:
    """The write model's stock number."""
    admin = await sign_in(shop, "admin@holdfast.example", "holdfast-admin")
    answer = await shop.call("GET", f"/api/admin/streams/product-{product_id}", token=admin)
    return int(answer.body["state"]["available"])


async def one_key_charges_once(running: Running, calls: int = 100) -> None:
    """Concurrent calls of one checkout with one key: one order; others are served meanwhile."""
    async with Shop(running.urls) as shop:
        product_id = await product(shop, 1000)
        token = await with_cart(shop, product_id, 3)
        other = await guest(shop)

        async def same() -> Answer:
            return await shop.call("POST", "/api/checkout", token=token, key="the-same", body=CARD)

        async def somebody_else() -> Answer:
            return await shop.call(
                "POST", "/api/cart/items", token=other, body={"product_id": product_id, "quantity": 1}
            )

        answers = await asyncio.gather(*(same() for _ in range(calls)), *(somebody_else() for _ in range(20)))
        checkouts, others = answers[:calls], answers[calls:]
        assert {answer.status for answer in others} == {200}
        assert {answer.status for answer in checkouts} <= {201, 202}
        assert len({answer.body["order_id"] for answer in checkouts}) == 1
        orders = await shop.call("GET", "/api/orders", token=token)
        assert orders.body["total"] == 1
        assert await left(shop, product_id) == 997


def survives_the_death_of_every_process(shop: Running, orders: int, down_s: float, limit_s: float) -> None:
    """While real orders are replayed each process is killed, stays down for `down_s` seconds and is started again."""
    replay = start_replay(shop, orders)
    names = list(shop.names)
    try:
        for name in names:
            shop.kill(name)
            time.sleep(down_s)
            shop.start(name)
            time.sleep(1)  # a JVM is still starting when the next is killed
    finally:
        said, _ = replay.communicate(timeout=limit_s)
    assert replay.returncode == 0, said
    assert_audit_is_clean(shop)


def start_replay(shop: Running, orders: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        shop.command("holdfast-replay", "--orders", str(orders)),
        cwd=ROOT,
        env=dict(shop.environment()),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def replays_and_audits(shop: Running, orders: int) -> None:
    """Real orders through the REST API, then no difference anywhere."""
    done = tool(shop, "holdfast-replay", "--orders", str(orders), timeout_s=600)
    assert done.returncode == 0, done.stderr
    assert f"{orders} of {orders}" in done.stderr, done.stderr
    assert_audit_is_clean(shop)


_PAST_THE_CACHE = {"Cache-Control": "no-cache"}


async def share_of_reads(running: Running, metrics: Sequence[str], reads: int = 2000) -> list[float]:
    """How a number of product reads spread over the query-services with these /metrics, as shares of 1."""
    async with httpx.AsyncClient(trust_env=False) as http, Shop(running.urls) as shop:
        before = [await _reads(http, url) for url in metrics]
        for _ in range(reads // 20):
            asking = (shop.call("GET", "/api/products/71053", headers=_PAST_THE_CACHE) for _ in range(20))
            await asyncio.gather(*asking)
        after = [await _reads(http, url) for url in metrics]
    counts = [late - early for late, early in zip(after, before, strict=True)]
    assert sum(counts) >= 0.9 * reads  # one that took too long is answered by the write model
    return [count / sum(counts) for count in counts]


async def _reads(http: httpx.AsyncClient, url: str) -> float:
    text = (await http.get(f"{url}/metrics")).text
    wanted = re.compile(r'http_requests_total\{method="GET",route="/api/products/\{[a-z_]+\}",status="200"\} (\S+)')
    return sum(float(value) for value in wanted.findall(text))
