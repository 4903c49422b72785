"""What both ways to run agree on: versions, heaps, limits, ports. A test compares it with docker-compose.yml."""

from typing import Final

KAFKA_VERSION: Final = "4.1.1"
ELASTICSEARCH_VERSION: Final = "9.2.0"

KAFKA_HEAP_MB: Final = 256
ELASTICSEARCH_HEAP_MB: Final = 512
POSTGRES_MAX_CONNECTIONS: Final = 200

PORTS: Final[dict[str, int]] = {
    "gateway-1": 8080,
    "gateway-2": 8081,
    "command-1": 8101,
    "command-2": 8102,
    "query-1": 8111,
    "query-2": 8112,
    "payment": 8121,
    "relay": 8131,
    "settlement": 8132,
    "projector": 8133,
    "migrations": 8134,
    "postgres": 5432,
    "kafka": 9092,
    "elasticsearch": 9200,
    "kafka-controller": 9093,
    "elasticsearch-transport": 9300,
}
"""The port of each process on 127.0.0.1 when nobody else has it; the last two are the servers' inner ones."""
