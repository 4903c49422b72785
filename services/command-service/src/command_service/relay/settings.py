"""What the relay is told by its environment."""

from pydantic import Field

from command_service.settings import PostgresSettings


class RelaySettings(PostgresSettings):
    """The relay's own, beside those of every process."""

    port: int = Field(8131, ge=1, le=65535, description="where /healthz, /readyz, /status and /metrics are served")
    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka's host:port, comma-separated")
