"""`holdfast-topic NAME`: a Kafka topic's messages, newest last."""

from typing import Any

from holdfast.service.settings import read
from holdfast_tools.command_line import parser, positive, run
from holdfast_tools.inside.records import consumer, partitions, stored
from holdfast_tools.stores import StoreSettings


def line(record: Any) -> str:
    """One record as a line: partition@offset, time, key, value."""
    key = record.key.decode() if record.key else "-"
    value = record.value.decode("utf-8", "replace") if record.value else ""
    return f"{record.partition}@{record.offset} {record.timestamp} {key} {value}"


def main() -> int:
    arguments = parser("holdfast-topic", "Print a topic's messages: partition@offset, time in ms, key, value.")
    arguments.add_argument("name", help="carts, orders, products, customers, dead-letters or heartbeats")
    arguments.add_argument("--last", type=positive, default=5, help="how many of each partition")
    arguments.add_argument("--key", help="only messages of this stream id")
    arguments.add_argument("--follow", action="store_true", help="go on with what comes")
    options = arguments.parse_args()

    async def work() -> int:
        settings = read(StoreSettings)
        async with consumer(settings.kafka_bootstrap) as kafka:
            where = await partitions(kafka, settings.namespace, options.name)
            last = None if options.key else options.last
            found = [record async for record in stored(kafka, where, last)]
            for record in sorted(found, key=lambda record: (record.timestamp, record.partition, record.offset)):
                if options.key is None or record.key == options.key.encode():
                    print(line(record))
            while options.follow:
                for records in (await kafka.getmany(timeout_ms=1000)).values():
                    for record in records:
                        print(line(record), flush=True)
        return 0

    return run("holdfast-topic", work)
