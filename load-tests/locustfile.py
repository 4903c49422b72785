"""Shoppers for Locust: `locust -f load-tests/locustfile.py`, then open the page it names, or add `--headless`.

Each user is a guest of the shop who browses, searches, fills a cart and now and then checks out. A refusal that the
contract allows (out of stock) is no failure; a 503 with Retry-After is one, because a shopper would see it.
"""

import random
import uuid

from locust import FastHttpUser, between, task

WORDS = ("lantern", "heart", "metal", "bag", "christmas", "mug", "candle", "vintage", "lunch box", "red retrospot")


class Shopper(FastHttpUser):
    """One guest. Weights follow a shop's usual funnel: most look, some fill a cart, few buy."""

    host = "http://127.0.0.1:8080"
    wait_time = between(0.5, 2)
    connection_timeout = 2.0
    network_timeout = 5.0

    def on_start(self) -> None:
        with self.client.post("/api/sessions", json={}, name="new session", catch_response=True) as answer:
            self.token = answer.json()["token"] if answer.status_code == 201 else ""
        self.seen: list[str] = []

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Idempotency-Key": uuid.uuid4().hex}

    @task(6)
    def search(self) -> None:
        params = {"q": random.choice(WORDS), "in_stock": "true"}
        with self.client.get("/api/products", params=params, name="search", catch_response=True) as answer:
            if answer.status_code == 200:
                self.seen = [item["product_id"] for item in answer.json()["items"]] or self.seen

    @task(4)
    def look(self) -> None:
        if self.seen:
            product = random.choice(self.seen)
            self.client.get(f"/api/products/{product}", name="product")
            self.client.get(f"/api/products/{product}/recommendations", name="recommendations")

    @task(3)
    def add_to_cart(self) -> None:
        if self.seen:
            body = {"product_id": random.choice(self.seen), "quantity": random.randint(1, 3)}
            self.client.post("/api/cart/items", json=body, headers=self._headers(), name="add to cart")
            self.client.get("/api/cart", headers=self._headers(), name="cart")

    @task(1)
    def check_out(self) -> None:
        body = {"payment_token": "tok_visa"}
        with self.client.post(
            "/api/checkout", json=body, headers=self._headers(), name="checkout", catch_response=True
        ) as answer:
            if answer.status_code == 409 and answer.json().get("code") in ("cart-empty", "out-of-stock"):
                answer.success()
            if answer.status_code in (201, 202):
                self.client.get(f"/api/orders/{answer.json()['order_id']}", headers=self._headers(), name="order")
