"""An event store for tests, made as the process `migrations` makes it."""

from urllib.parse import urlsplit

from command_service.maintenance.maintenance import Maintenance
from command_service.maintenance.settings import MaintenanceSettings
from holdfast.eventstore import Database
from holdfast.service.keys import DEMO_CHECKPOINT_PRIVATE_KEY, private_key


def maintenance(owner_dsn: str) -> Maintenance:
    """What `migrations` does with this database, to be done by hand. Its key is the demo one."""
    sign = private_key(DEMO_CHECKPOINT_PRIVATE_KEY).sign
    return Maintenance(Database(owner_dsn), service_dsn(owner_dsn), sign, checkpoint_every_s=3600)


async def make_store(owner_dsn: str) -> str:
    """Makes schema and role in a database of this owner. Returns the DSN with the services' role."""
    await maintenance(owner_dsn).make_schema()
    return service_dsn(owner_dsn)


def service_dsn(owner_dsn: str) -> str:
    """The same database with the role that services have by default."""
    role = urlsplit(MaintenanceSettings.model_fields["postgres_dsn"].default).netloc.rpartition("@")[0]
    parts = urlsplit(owner_dsn)
    return parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}").geturl()
