"""`python -m payment_service`: serves until SIGTERM or SIGINT."""

import sqlite3
import sys

from holdfast.service.app import run, serve
from holdfast.service.settings import load, refuse_start
from payment_service.bootstrap import opened
from payment_service.settings import PaymentSettings


async def _main(settings: PaymentSettings) -> int:
    try:
        async with opened(settings) as app:
            await serve(app, settings)
    except (sqlite3.Error, OSError) as error:
        refuse_start(f"LEDGER_PATH: {settings.ledger_path} cannot be used: {error}")
    return 0


def main() -> int:
    """The process's exit code."""
    settings = load(PaymentSettings)
    return run("payment-service", settings, _main(settings))


if __name__ == "__main__":
    sys.exit(main())
