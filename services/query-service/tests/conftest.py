"""The query-service over a read model on the real Elasticsearch that a test writes itself."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from holdfast.contracts import documents
from holdfast.contracts.messages import PARTITIONS, TOPICS, rfc3339
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.tokens import TokenSigner
from holdfast.testing import stores
from holdfast.testing.credentials import AsService
from holdfast.testing.link import Link
from query_service.bootstrap import opened
from query_service.settings import QuerySettings

Json = dict[str, Any]


class Shop:
    """Indices with their aliases, under a prefix of their own. Writes are seen by search after `refresh`."""

    def __init__(self, url: str, namespace: str) -> None:
        self.url = url
        self.namespace = namespace
        self._http = httpx.Client(base_url=url, timeout=30)

    def create(self, *topics: Any) -> None:
        for topic in topics or TOPICS:
            self.create_index(topic, "0", behind_alias=True)
        self._put(f"/{documents.watermarks_index(self.namespace)}", documents.watermarks_definition())

    def create_index(self, topic: Any, suffix: str, *, behind_alias: bool, allocated: bool = True) -> str:
        name = documents.index_name(self.namespace, topic, suffix)
        aliases = {documents.alias(self.namespace, topic): {}} if behind_alias else {}
        definition = documents.index_definition(topic)
        definition["settings"]["index"]["refresh_interval"] = "-1"  # a search sees what a test refreshes, nothing else
        if not allocated:
            definition["settings"]["index"]["routing.allocation.require._name"] = "nobody"
        self._put(f"/{name}?wait_for_active_shards={int(allocated)}", {**definition, "aliases": aliases})
        return name

    def swap(self, topic: Any, old: str, new: str) -> None:
        alias = documents.alias(self.namespace, topic)
        actions = [{"remove": {"index": old, "alias": alias}}, {"add": {"index": new, "alias": alias}}]
        self._http.post("/_aliases", json={"actions": actions}).raise_for_status()

    @contextmanager
    def without(self, topic: Any) -> Iterator[None]:
        """For the length of the block no query finds this topic's index."""
        place = {
            "index": documents.index_name(self.namespace, topic, "0"),
            "alias": documents.alias(self.namespace, topic),
        }
        self._http.post("/_aliases", json={"actions": [{"remove": place}]}).raise_for_status()
        try:
            yield
        finally:
            self._http.post("/_aliases", json={"actions": [{"add": place}]}).raise_for_status()

    def create_unallocated(self, topic: Any) -> None:
        """Create the index anew, known while no node holds its shard, as for a moment after a restart."""
        self._http.delete(f"/{documents.index_name(self.namespace, topic, '0')}").raise_for_status()
        self.create_index(topic, "0", behind_alias=True, allocated=False)

    def allocate(self, topic: Any) -> None:
        index = documents.index_name(self.namespace, topic, "0")
        self._put(f"/{index}/_settings", {"index.routing.allocation.require._name": None})

    def close(self) -> None:
        self._http.close()
        stores.delete_indices(self.url, self.namespace)

    def write(self, topic: str, *found: Mapping[str, Any], refresh: bool = True) -> None:
        """Write documents with their external versions, as the projector does."""
        key = {"products": "product_id", "carts": "cart_id", "orders": "order_id", "customers": "customer_id"}[topic]
        lines: list[Any] = []
        for document in found:
            meta = {"_id": document[key], "version": document["version"], "version_type": "external_gte"}
            lines += [{"index": meta}, document]
        body = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        answer = self._http.post(
            f"/{documents.index_name(self.namespace, topic, '0')}/_bulk",
            params={"refresh": str(refresh).lower()},
            content=body,
            headers={"Content-Type": "application/x-ndjson"},
        )
        answer.raise_for_status()
        assert not answer.json()["errors"], answer.text[:500]

    def refresh(self) -> None:
        self._http.post(f"/{self.namespace}*/_refresh").raise_for_status()

    def drained(self, ago_s: float, *, indices: list[str] | None = None) -> None:
        """Set every watermark to this many seconds ago."""
        names = indices or [documents.index_name(self.namespace, topic, "0") for topic in TOPICS]
        drained_at = rfc3339(datetime.now(UTC) - timedelta(seconds=ago_s))
        for name in names:
            for partition in range(PARTITIONS):
                self._put(
                    f"/{documents.watermarks_index(self.namespace)}/_doc/{name}:{partition}",
                    {"index": name, "partition": partition, "drained_at": drained_at},
                )

    def _put(self, path: str, body: object) -> None:
        answer = self._http.put(path, json=body)
        assert answer.is_success, answer.text


@pytest.fixture(scope="session")
def shop(elasticsearch_url: str) -> Iterator[Shop]:
    """A read model that all tests share: each looks at customers, categories and words of its own."""
    made = Shop(elasticsearch_url, f"t{secrets.token_hex(6)}-")
    made.create()
    yield made
    made.close()


@pytest.fixture(scope="module")
def goods_only(elasticsearch_url: str) -> Iterator[Shop]:
    """A read model of a module's own with products alone; the other aliases are missing."""
    made = Shop(elasticsearch_url, f"t{secrets.token_hex(6)}-")
    made.create("products")
    yield made
    made.close()


@pytest.fixture
async def link(elasticsearch_url: str) -> AsyncIterator[Link]:
    made = Link(elasticsearch_url)
    await made.start()
    yield made
    await made.stop()


AS_GATEWAY = AsService("gateway", "query-service")
Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def serve() -> Serve:
    """`async with serve(shop, setting=value) as client`: the service over the shop's indices, called in process."""

    @asynccontextmanager
    async def running(shop: Shop, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        # A busy machine's hiccups are not what most tests are about.
        patient = {"elasticsearch_timeout_s": 5, "total_s": 10, "command_urls": "http://127.0.0.1:1"} | settings
        read = QuerySettings(
            **{"elasticsearch_url": shop.url, "namespace": shop.namespace, "freshness_every_s": 5} | patient
        )
        async with opened(read) as app:
            app.state.verifier.ended.known = "command_urls" not in settings  # as if command-service had told it
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://query", timeout=10, auth=AS_GATEWAY
            ) as client:
                yield client

    return running


@pytest.fixture
async def client(shop: Shop, serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(shop) as made:
        yield made


_SIGNER = TokenSigner(DEMO_PRIVATE_KEY)


@pytest.fixture
def bearer() -> Callable[[str, str], dict[str, str]]:
    """`bearer(customer_id, role)`: the headers that make a call this caller's."""

    def headers(subject: str, role: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {_SIGNER.sign(subject, role, datetime.now(UTC))[0]}"}

    return headers


@pytest.fixture
def product() -> Callable[..., Json]:
    """`product(name, **fields)`: a product's document."""

    def made(name: str, **fields: Any) -> Json:
        document = {
            "product_id": uuid4().hex[:12],
            "name": name,
            "description": "",
            "category": "things",
            "unit_amount": 100,
            "currency": "GBP",
            "available": 10,
            "discontinued": False,
            "created_at": rfc3339(datetime.now(UTC)),
            "version": 1,
        }
        return document | fields

    return made


@pytest.fixture
def order() -> Callable[..., Json]:
    """`order(customer_id, [(product_id, name, quantity, unit_amount)], **fields)`: a paid order's document."""

    def made(customer_id: str, lines: list[tuple[str, str, int, int]] | None = None, **fields: Any) -> Json:
        sold = [("p1", "A MUG", 2, 150)] if lines is None else lines
        documents_of_lines = [
            {"product_id": pid, "name": name, "quantity": n, "unit_amount": amount, "line_amount": n * amount}
            for pid, name, n, amount in sold
        ]
        document = {
            "order_id": str(uuid4()),
            "customer_id": customer_id,
            "status": "paid",
            "lines": documents_of_lines,
            "product_ids": [line[0] for line in sold],
            "total_amount": sum(line["line_amount"] for line in documents_of_lines),
            "currency": "GBP",
            "shipping_address": None,
            "refund": None,
            "placed_at": rfc3339(datetime.now(UTC)),
            "paid_at": None,
            "shipped_at": None,
            "cancelled_at": None,
            "carrier": None,
            "tracking": None,
            "cancel_reason": None,
            "decline_reason": None,
            "version": 2,
        }
        return document | fields

    return made
