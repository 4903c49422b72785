"""projector-service's settings."""

from pydantic import Field

from holdfast.service.settings import ServiceSettings


class ProjectorSettings(ServiceSettings):
    """Environment variables of the same names in capitals."""

    port: int = Field(8133, ge=1, le=65535, description="where to listen: health only")
    kafka_bootstrap: str = Field("127.0.0.1:9092", description="host:port of Kafka")
    elasticsearch_url: str = Field("http://127.0.0.1:9200", description="base URL of Elasticsearch")
    poll_records: int = Field(
        500, ge=1, le=10_000, description="messages a batch: large enough to share one bulk, small enough for 2 s"
    )
    store_timeout_s: float = Field(
        2.0, gt=0, le=60, description="seconds for one mget or bulk: a healthy one takes 50 ms, a starved one 1 s"
    )
    index_timeout_s: float = Field(
        10.0, gt=0, le=60, description="seconds to create, switch or drop an index: 0.2 when idle, more under load"
    )
    discover_every_s: float = Field(
        1.0, gt=0, le=60, description="seconds between looks at the indices: a rebuild is noticed within one"
    )
    fresh_s: float = Field(
        2.0, gt=0, le=60, description="seconds: a rebuilt index serves once its watermarks are younger (CORRECTNESS 18)"
    )
    drop_after_s: float = Field(
        30.0,
        ge=0,
        description="seconds an index is still fed after a newer one serves: queries under way end long before",
    )
