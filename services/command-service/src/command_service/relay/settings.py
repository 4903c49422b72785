"""What the relay is told by its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from command_service.settings import PostgresSettings
from holdfast.service.keys import DEMO_CHECKPOINT_PUBLIC_KEY


class RelaySettings(PostgresSettings):
    """The relay's own, beside those of every process."""

    port: int = Field(8131, ge=1, le=65535, description="where /healthz, /readyz, /status and /metrics are served")
    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka's host:port, comma-separated")


class StoreSettings(BaseSettings):
    """What a command that only reads or repairs the event store is told."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    postgres_dsn: str = Field(
        "postgresql://holdfast_service:holdfast-service@127.0.0.1:5432/holdfast",
        description="the event store's address, with the role that the services have",
    )
    checkpoint_public_key: str = Field(
        DEMO_CHECKPOINT_PUBLIC_KEY, description="Ed25519, PEM: verifies the signatures of checkpoints"
    )
