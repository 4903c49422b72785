"""`holdfast-catalogue`: the month's goods become products, through the admin API."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlencode

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from holdfast_tools.command_line import UserError, add_data, add_shop, parser, positive, run, urls
from holdfast_tools.retail import DataError, Month, Product, read_month
from holdfast_tools.shop import Shop, ShopUnreachable

_AT_ONCE = 12
_LISTING_S = 5.0  # thirty pages take one


async def sign_in(shop: Shop, email: str, password: str) -> str:
    """The admin's token. Raises UserError when the shop refuses or cannot be reached."""
    try:
        answer = await shop.call("POST", "/api/sessions", body={"email": email, "password": password})
    except ShopUnreachable as error:
        raise UserError(str(error)) from error
    if not answer.ok:
        raise UserError(f"the shop refused the sign-in of {email}: {answer.code}")
    return str(answer.body["token"])


async def load(shop: Shop, token: str, products: Sequence[Product], progress: Progress) -> Counter[str]:
    """Create what is not there yet; counts `created`, `there already`, and refusals by code. Raises UserError."""
    counts: Counter[str] = Counter()
    there = await _listed(shop, token)
    missing = [product for product in products if product.product_id not in there]
    counts["product-exists"] = len(products) - len(missing)
    task = progress.add_task("products", total=len(products), completed=counts["product-exists"])
    waiting = iter(missing)

    async def worker() -> None:
        for product in waiting:
            answer = await shop.call(
                "POST",
                "/api/admin/products",
                token=token,
                body={
                    "product_id": product.product_id,
                    "name": product.name,
                    "category": product.category,
                    "unit_amount": product.unit_amount,
                    "available": product.available,
                },
            )
            counts[{201: "created"}.get(answer.status, answer.code)] += 1
            progress.advance(task)

    workers = [asyncio.create_task(worker()) for _ in range(_AT_ONCE)]
    try:
        await asyncio.gather(*workers)
    except ShopUnreachable as error:
        raise UserError(str(error)) from error
    finally:
        for task_ in workers:
            task_.cancel()
    counts["there already"] = counts.pop("product-exists", 0)
    return counts


async def _listed(shop: Shop, token: str) -> set[str]:
    """The ids that the shop lists: these exist. What a list that lags or breaks off leaves out is found one by one."""
    found: set[str] = set()
    page = {"sort": "name", "limit": "100"}
    with suppress(TimeoutError, ShopUnreachable):
        async with asyncio.timeout(_LISTING_S):
            while (answer := await shop.call("GET", f"/api/products?{urlencode(page)}", token=token)).ok:
                found |= {item["product_id"] for item in answer.body["items"]}
                if answer.body["next_cursor"] is None:
                    break
                page["cursor"] = answer.body["next_cursor"]
    return found


def report(month: Month) -> Table:
    """How the month's lines were sorted."""
    table = Table(title=f"{month.total_lines:,} invoice lines", title_justify="left")
    table.add_column("lines")
    table.add_column("count", justify="right")
    table.add_row(
        f"goods sold ({len(month.products):,} products)", f"{month.total_lines - sum(month.left_out.values()):,}"
    )
    for reason, count in sorted(month.left_out.items(), key=lambda item: -item[1]):
        table.add_row(f"left out: {reason}", f"{count:,}")
    return table


def main() -> int:
    arguments = parser("holdfast-catalogue", "Load the goods of a month of real invoices as products. Safe to repeat.")
    add_shop(arguments)
    add_data(arguments)
    arguments.add_argument("--limit", type=positive, default=None, help="only the first so many products")
    options = arguments.parse_args()

    async def work() -> int:
        try:
            month = read_month(options.data)
        except DataError as error:
            raise UserError(str(error)) from error
        console = Console(stderr=True)
        began = time.monotonic()
        async with Shop(urls(options.url)) as shop:
            token = await sign_in(shop, options.admin_email, options.admin_password)
            with Progress(console=console, transient=True) as progress:
                counts = await load(shop, token, month.products[: options.limit], progress)
        console.print(report(month))
        said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        console.print(f"catalogue: {said} in {time.monotonic() - began:.1f} s")
        refused = sum(count for what, count in counts.items() if what not in ("created", "there already"))
        return 1 if refused else 0

    return run("holdfast-catalogue", work)


if __name__ == "__main__":
    sys.exit(main())
