"""What settlement is told by its environment."""

from pydantic import Field

from command_service.settings import PostgresSettings
from holdfast.service.settings import CallerSettings


class SettlementSettings(PostgresSettings, CallerSettings):
    """Settlement's own, beside those of every process."""

    port: int = Field(8132, ge=1, le=65535, description="where /healthz, /readyz, /status and /metrics are served")
    payment_urls: str = Field(
        "http://127.0.0.1:8121", description="payment-service's base URLs, comma-separated, dns+http allowed"
    )
    batch: int = Field(
        4, ge=1, le=16, description="orders worked on at once: few, since shoppers come first and none waits for these"
    )
    reservation_h: float = Field(
        24.0, gt=0, le=8760, description="hours that an order waits for its charge, then its stock goes to others"
    )
    idle_s: float = Field(
        0.25, gt=0, le=10, description="seconds between looks while nothing is due: a late payment waits that long"
    )
