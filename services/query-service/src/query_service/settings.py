"""This service's settings; the shared ones stand in `holdfast.service.settings`."""

from pydantic import Field

from holdfast.resilience.settings import READ_TOTAL_S
from holdfast.service.settings import CallerSettings


class QuerySettings(CallerSettings):
    """Environment variables of the same names in capitals."""

    port: int = Field(8111, ge=1, le=65535, description="where to listen")
    elasticsearch_url: str = Field("http://127.0.0.1:9200", pattern=r"^https?://[^\s/]+(/[^\s]*)?$")
    command_urls: str = Field(
        "http://127.0.0.1:8101", description="command-service: base URLs, comma-separated, asked which sessions ended"
    )
    total_s: float = Field(
        READ_TOTAL_S, gt=0, le=60, description="longest a read may take, s; the gateway's header shortens it"
    )
    elasticsearch_timeout_s: float = Field(
        0.2,
        gt=0,
        le=10,
        description="longest one call to Elasticsearch may take, s: less than the gateway's attempt",
    )
    token_wait_s: float = Field(
        0.2, ge=0, le=5, description="longest wait for a token's version, s: the projector is normally far faster"
    )
    freshness_every_s: float = Field(
        0.25,
        gt=0,
        le=10,
        description="mean pause between two looks at the watermarks, s: a quarter of the refresh interval",
    )
    stale_after_s: float = Field(
        2.0, gt=0, le=3600, description="age, s, from which answers say projection-lag: a heartbeat comes each 0.5 s"
    )
    recommendations_fresh_s: float = Field(
        20.0, ge=0, le=3600, description="how long what is bought together is kept, s: it changes slowly"
    )
    recommendations_kept: int = Field(
        1_000, ge=1, le=100_000, description="products whose list is kept: a hundred ids each, a few MB in all"
    )
