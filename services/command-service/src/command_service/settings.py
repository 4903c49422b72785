"""What the command-service is told by its environment; see INTERNALS for the variables that every process shares."""

from pydantic import Field

from holdfast.service.settings import CallerSettings, ServiceSettings


class PostgresSettings(ServiceSettings):
    """What every process of this package that talks to PostgreSQL shares."""

    postgres_dsn: str = Field(
        "postgresql://holdfast_service:holdfast-service@127.0.0.1:5432/holdfast",
        repr=False,
        description="the event store's address, with the role that the services have",
    )


class Settings(PostgresSettings, CallerSettings):
    """The command-service's own."""

    port: int = Field(8101, ge=1, le=65535, description="where to listen")
    payment_urls: str = Field(
        "http://127.0.0.1:8121", description="payment-service's base URLs, comma-separated, dns+http allowed"
    )
    admin_email: str = Field("admin@holdfast.example", description="the first admin's e-mail")
    admin_password: str = Field("holdfast-admin", repr=False, min_length=10, max_length=200, description="and password")
    postgres_pool_size: int = Field(
        16, ge=1, le=64, description="connections for all but checkout: 2 x peak rate x healthy p99 (RESILIENCE 2)"
    )
    checkout_pool_size: int = Field(
        8, ge=1, le=64, description="connections for checkout: hot products queue here, not in front of carts"
    )
