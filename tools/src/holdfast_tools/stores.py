"""The stores that the tools look into directly, found by the settings that the services use too."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import httpx
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from holdfast.service.credentials import DEMO_SERVICE_KEYS, ServiceKeyInvalid, Signer
from holdfast.service.keys import DEMO_CHECKPOINT_PUBLIC_KEY
from holdfast.service.settings import read
from holdfast_tools.command_line import UserError

_JOURNAL_PAGE: Final = 1000


class StoreSettings(BaseSettings):
    """Read from the environment; the defaults are the embedded stack's."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    postgres_dsn: str = "postgresql://holdfast_service:holdfast-service@127.0.0.1:5432/holdfast"
    service_private_key: str = ""
    checkpoint_public_key: str = DEMO_CHECKPOINT_PUBLIC_KEY
    kafka_bootstrap: str = "127.0.0.1:9092"
    elasticsearch_url: str = "http://127.0.0.1:9200"
    payment_urls: str = "http://127.0.0.1:8121"
    namespace: str = Field("", description="prefix of topics and indices")


@asynccontextmanager
async def postgres(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the tool's own. Raises UserError."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5, command_timeout=120)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise UserError(f"PostgreSQL does not answer: {str(error) or type(error).__name__}") from error
    try:
        yield connection
    finally:
        connection.terminate()


def tools_signer() -> Signer:
    """Signs the tools' own calls to services, with the key of SERVICE_PRIVATE_KEY. Raises UserError."""
    try:
        return Signer("tools", read(StoreSettings).service_private_key or DEMO_SERVICE_KEYS["tools"])
    except ServiceKeyInvalid as error:
        raise UserError(f"SERVICE_PRIVATE_KEY: {error}") from error


def payment_url(urls: str) -> str:
    """The first payment-service's base URL."""
    return urls.split(",", maxsplit=1)[0].strip().removeprefix("dns+").rstrip("/")


async def payment_get(url: str, **params: int) -> httpx.Response:
    """GET from payment-service. Raises UserError when it does not answer."""
    name, token = tools_signer().header("payment-service")
    async with httpx.AsyncClient(timeout=10, trust_env=False, headers={name: token}) as http:
        try:
            return await http.get(url, params=params)
        except httpx.HTTPError as error:
            raise UserError(f"payment-service does not answer: {error}") from error


async def journal(urls: str) -> list[Mapping[str, Any]]:
    """The processor's whole journal: `{seq, order_id, kind, amount, at}`, in order. Raises UserError."""
    entries: list[Mapping[str, Any]] = []
    after: int | None = 0
    while after is not None:
        answer = await payment_get(f"{payment_url(urls)}/journal", after=after, limit=_JOURNAL_PAGE)
        if answer.status_code != 200:
            raise UserError(f"payment-service does not give its journal: {answer.status_code} {answer.text[:200]}")
        page = answer.json()
        entries += page["items"]
        after = page["next_after"] if page["items"] else None
    return entries
