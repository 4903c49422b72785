"""`holdfast-trace ORDER`: one order's way through command, events, outbox, topic, document and charge, with times."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import orjson
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError, TransportError

from holdfast.contracts.documents import alias
from holdfast.contracts.fields import UUID_PATTERN
from holdfast.messaging import partition_of
from holdfast.service.settings import read
from holdfast_tools.command_line import UserError, parser, run
from holdfast_tools.inside.records import consumer, partitions, stored
from holdfast_tools.stores import StoreSettings, payment_get, payment_url, postgres

_EVENTS = """
SELECT e.position, e.version, e.type, e.recorded_at, e.metadata, o.id IS NOT NULL AS waiting
  FROM events e LEFT JOIN outbox o USING (position) WHERE e.stream_id = $1 ORDER BY e.version
"""


async def events(dsn: str, stream_id: str) -> Sequence[asyncpg.Record]:
    """The stream's events. Raises UserError when there are none."""
    async with postgres(dsn) as connection:
        rows = await connection.fetch(_EVENTS, stream_id)
    if not rows:
        raise UserError(f"there is no stream {stream_id}")
    return rows


async def published(settings: StoreSettings, stream_id: str) -> list[tuple[float, str]]:
    """When and where each event lies in the topic, copies included."""
    async with consumer(settings.kafka_bootstrap) as kafka:
        where = (await partitions(kafka, settings.namespace, "orders"))[partition_of(stream_id)]
        found = [record async for record in stored(kafka, [where], None) if record.key == stream_id.encode()]
    return [
        (
            record.timestamp / 1000,
            f"topic     {record.topic} {record.partition}@{record.offset}, {_named(record.value)}",
        )
        for record in found
    ]


def _named(value: bytes) -> str:
    message = orjson.loads(value)
    return f"version {message['version']} {message['type']}"


async def document(settings: StoreSettings, order_id: str) -> str:
    """What Elasticsearch holds of the order, in words."""
    index = alias(settings.namespace, "orders")
    elasticsearch = AsyncElasticsearch(settings.elasticsearch_url, request_timeout=10, max_retries=0)
    try:
        found = await elasticsearch.get(index=index, id=order_id)
        return f"{found['_index']} version {found['_version']}, {found['_source']['status']}"
    except NotFoundError:
        return "no document"
    except (ApiError, TransportError) as error:
        return f"Elasticsearch does not answer ({type(error).__name__})"
    finally:
        await elasticsearch.close()


async def charge(settings: StoreSettings, order_id: str) -> str:
    """What the payment ledger says."""
    answer = await payment_get(f"{payment_url(settings.payment_urls)}/charges/{order_id}")
    return answer.text if answer.status_code == 200 else f"none ({answer.status_code})"


def steps(rows: Sequence[asyncpg.Record]) -> list[tuple[float, str]]:
    """The command behind each event, and the event; what still waits in the outbox says so."""
    found = []
    for row in rows:
        metadata = orjson.loads(row["metadata"])
        at = row["recorded_at"].timestamp()
        who = f"by {metadata.get('actor', '-')}, correlation {metadata.get('correlation_id', '-')}"
        found.append((at, f"command   {who}"))
        waits = ", waits in the outbox" if row["waiting"] else ""
        found.append((at, f"event     version {row['version']} {row['type']}, position {row['position']}{waits}"))
    return list(dict.fromkeys(found))


def main() -> int:
    arguments = parser("holdfast-trace", "Show one order's way with times (UTC).")
    arguments.add_argument("order", help="the order id")
    options = arguments.parse_args()

    async def work() -> int:
        if not re.fullmatch(UUID_PATTERN, options.order):
            raise UserError(f"an order id is a UUID, not {options.order!r}")
        settings = read(StoreSettings)
        stream_id = f"order-{options.order}"
        rows = await events(settings.postgres_dsn, stream_id)
        way = sorted(steps(rows) + await published(settings, stream_id), key=lambda step: step[0])
        began = way[0][0]
        print(stream_id)
        for at, what in way:
            moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
            print(f"{moment}  {(at - began) * 1000:+8.0f} ms  {what}")
        print(f"document  {await document(settings, options.order)}")
        print(f"charge    {await charge(settings, options.order)}")
        return 0

    return run("holdfast-trace", work)
