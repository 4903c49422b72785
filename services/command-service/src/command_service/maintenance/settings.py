"""Settings of the process `migrations`."""

from pydantic import Field

from command_service.settings import PostgresSettings
from holdfast.service.keys import DEMO_CHECKPOINT_PRIVATE_KEY


class MaintenanceSettings(PostgresSettings):
    """Its own, beside those of every process: it alone knows the owner of the tables and the key of checkpoints."""

    port: int = Field(8134, ge=1, le=65535, description="where /healthz, /readyz, /status and /metrics are served")
    postgres_owner_dsn: str = Field(
        "postgresql://holdfast:holdfast@127.0.0.1:5432/holdfast",
        repr=False,
        description="the event store's address, with the role that owns the tables",
    )
    checkpoint_private_key: str = Field(
        DEMO_CHECKPOINT_PRIVATE_KEY, repr=False, description="Ed25519, PEM: signs checkpoints"
    )
    checkpoint_every_s: float = Field(
        60.0, gt=0, le=3600, description="seconds between checkpoints: what is newer is not covered yet"
    )
