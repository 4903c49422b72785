"""`holdfast-audit`: nothing lost, nobody charged twice, nothing oversold, the read side equal to a replay."""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

import asyncpg
from elasticsearch import AsyncElasticsearch
from rich.console import Console
from rich.table import Table

from command_service.codec import KINDS
from holdfast.eventstore import Database, DatabaseUnavailable, verify
from holdfast.eventstore.verification import Verification
from holdfast.service.keys import KeyInvalid, is_signed, public_key
from holdfast.service.settings import read
from holdfast_tools.acks import default_path, read_acks
from holdfast_tools.audit.documents import DocumentCheck, parked
from holdfast_tools.audit.findings import Findings
from holdfast_tools.audit.ledger import Facts, check_acks, check_charges, check_stock, messages
from holdfast_tools.command_line import UserError, parser, positive, run
from holdfast_tools.stores import StoreSettings, journal, postgres

_SHOWN: Final = 10


async def settled(connection: asyncpg.Connection, wait_s: float) -> Sequence[str]:
    """Wait until no charge is owed and the outbox is empty; what is still open after `wait_s` seconds."""
    ends_at = time.monotonic() + wait_s
    while True:
        owed = await connection.fetchval("SELECT count(*) FROM payment_work")
        pending = await connection.fetchval("SELECT count(*) FROM outbox")
        if (not owed and not pending) or time.monotonic() > ends_at:
            break
        await asyncio.sleep(0.25)
    return [f"{owed} orders wait for settlement"] * bool(owed) + [f"{pending} events wait in the outbox"] * bool(
        pending
    )


async def audit(settings: StoreSettings, acks: Path, wait_s: float) -> Findings:
    """Make every check. Raises UserError when a store cannot be asked."""
    findings = Findings()
    elasticsearch = AsyncElasticsearch(settings.elasticsearch_url, request_timeout=30, max_retries=0)
    try:
        async with postgres(settings.postgres_dsn) as connection:
            with findings.check("nothing is left to settle or to publish") as check:
                left = await settled(connection, wait_s)
                check.expect(not left, "; ".join(left))
            facts = await _documents(findings, connection, elasticsearch, settings.namespace, wait_s)
        with findings.check("no stream is parked") as check:
            names = await parked(elasticsearch, settings.namespace)
            check.expect(not names, f"parked: {', '.join(names)}")
        with findings.check("every acknowledged order and cancellation is there as acknowledged") as check:
            check_acks(check, facts, list(read_acks(acks)))
        with findings.check("each order is charged once, and captured less refunded equals orders paid") as check:
            check_charges(check, facts, await journal(settings.payment_urls))
        with findings.check("stock equals its start less what was sold, and never was negative") as check:
            check_stock(check, facts)
        await _folds(findings, settings)
    finally:
        await elasticsearch.close()
    return findings


async def _documents(
    findings: Findings,
    connection: asyncpg.Connection,
    elasticsearch: AsyncElasticsearch,
    namespace: str,
    wait_s: float,
) -> Facts:
    """Compare until the documents agree or `wait_s` is over (the projector may still be writing)."""
    ends_at = time.monotonic() + wait_s
    while True:
        attempt = Findings()
        facts = Facts()
        with attempt.check("every document equals a fresh fold of its events") as check:
            documents = DocumentCheck(check, elasticsearch, namespace)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                async for message in messages(connection):
                    facts.take(message)
                    await documents.take(message)
            await documents.finish()
        if not attempt.differences or time.monotonic() > ends_at:
            findings.checks += attempt.checks
            return facts
        await asyncio.sleep(1)


async def _folds(findings: Findings, settings: StoreSettings) -> None:
    with findings.check("every folded state, hash and checkpoint equals its events") as check:
        database = Database(settings.postgres_dsn, application="holdfast-audit")
        counts = Verification()
        try:
            key = public_key(settings.checkpoint_public_key)
            async for difference in verify(database, KINDS, counts, signed=partial(is_signed, key)):
                check.differences.append(str(difference))
        except DatabaseUnavailable as error:
            raise UserError(f"PostgreSQL: {error}") from error
        except KeyInvalid as error:
            raise UserError(f"CHECKPOINT_PUBLIC_KEY: {error}") from error
        finally:
            database.close()
        check.looked_at = counts.streams


def report(findings: Findings) -> Table:
    """One line a check."""
    table = Table(title="audit", title_justify="left")
    table.add_column("claim")
    table.add_column("looked at", justify="right")
    table.add_column("differences", justify="right")
    for check in findings.checks:
        table.add_row(check.claim, f"{check.looked_at:,}", f"{len(check.differences):,}")
    return table


def as_json(findings: Findings) -> str:
    """The checks as `{"differences": 0, "checks": [{"claim", "looked_at", "differences": ["…"]}]}`."""
    return json.dumps({"differences": findings.differences, "checks": list(map(asdict, findings.checks))})


def options() -> argparse.ArgumentParser:
    arguments = parser(
        "holdfast-audit",
        "Compare acknowledgements, charges, stock, folds and documents. Exit code 0: no difference, 1: some.",
    )
    arguments.add_argument(
        "--acks",
        type=Path,
        default=default_path(),
        help="acknowledgements that a replay or a load wrote; - reads them from the input",
    )
    arguments.add_argument("--json", action="store_true", help="print every check and its differences as JSON")
    arguments.add_argument("--wait", type=positive, default=60, help="seconds to wait for settlement and projection")
    return arguments


def main() -> int:
    chosen = options().parse_args()

    async def work() -> int:
        findings = await audit(read(StoreSettings), chosen.acks, chosen.wait)
        console = Console(stderr=True, soft_wrap=True)
        console.print(report(findings))
        for check in findings.checks:
            for difference in check.differences[:_SHOWN]:
                console.print(f"  {difference}", markup=False)
            if len(check.differences) > _SHOWN:
                console.print(f"  … and {len(check.differences) - _SHOWN:,} more")
        print(as_json(findings) if chosen.json else f"audit: {findings.differences} differences")
        return 1 if findings.differences else 0

    return run("holdfast-audit", work)
