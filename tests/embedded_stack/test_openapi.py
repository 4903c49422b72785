"""The gateway keeps to its own OpenAPI document, whatever schemathesis sends: a fixed seed, some thousand calls."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

import journeys
from holdfast_tools.load import sign_in
from holdfast_tools.shop import Shop
from running import ROOT, EmbeddedShop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_ADMIN = ("admin@holdfast.example", "holdfast-admin")
# Left out are two questions that the document cannot answer: whether a schema-valid call must succeed (a version or a
# cursor may be out of date), and whether what was made can be read at once (not without its Consistency-Token).
_CONFIG = """\
seed = 20101201
continue-on-failure = true
rate-limit = "95/s"
request-timeout = 10
[cache]
enabled = false
[generation]
max-examples = {examples}
no-shrink = true
allow-extra-parameters = false
database = "none"
[checks]
positive_data_acceptance.enabled = false
ensure_resource_availability.enabled = false
not_a_server_error.expected-statuses = ["2xx", "304", "4xx", "503", "504"]
[phases]
stateful.enabled = false
"""
_PINNED = """
[[operations]]
include-operation-id = "{operation}"
parameters = {{ "path.{part}" = "{value}" }}
"""


def _fuzz(shop: EmbeddedShop, directory: Path, token: str, examples: int, pinned: str, *options: str) -> None:
    """Run schemathesis with this token; what it found is in the failure."""
    config = directory / "schemathesis.toml"
    config.write_text(_CONFIG.format(examples=examples) + pinned)
    command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "run"]
    header = ("--header", f"Authorization: Bearer {token}")
    done = subprocess.run(
        [*command, f"{shop.urls[0]}/openapi.json", *header, *options],
        cwd=directory,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "openapi_hooks", "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


async def test_an_administrator_gets_only_documented_answers(shop: EmbeddedShop, tmp_path: Path) -> None:
    pinned = {}
    async with Shop(shop.urls) as client:
        admin = await sign_in(client, *_ADMIN)
        # What changes or ends something acts on a thing of this test, not on the shop's own goods.
        for operation in ("change_price", "adjust_stock", "discontinue_product"):
            pinned[operation] = ("product_id", await journeys.product(client, 100))
        for operation in ("ship_order", "cancel_order", "get_order", "get_order_history"):
            pinned[operation] = ("order_id", await _order_of(client, admin))
        pinned["get_stream"] = ("stream_id", f"order-{await _order_of(client, admin)}")
    entries = [_PINNED.format(operation=name, part=part, value=value) for name, (part, value) in pinned.items()]
    # The administrator's own e-mail is how every other test signs in, and the shop's protections are everybody's.
    left_out = ("--exclude-operation-id", "change_profile", "--exclude-operation-id", "switch_protections")
    _fuzz(shop, tmp_path, admin, 10, "".join(entries), *left_out)


async def _order_of(client: Shop, token: str) -> str:
    assert (await client.call("DELETE", "/api/cart", token=token)).ok
    item = {"product_id": await journeys.product(client, 100), "quantity": 2}
    assert (await client.call("POST", "/api/cart/items", token=token, body=item)).ok
    bought = await client.call("POST", "/api/checkout", token=token, body=journeys.CARD)
    assert bought.ok, bought
    return str(bought.body["order_id"])


async def test_a_customer_and_a_guest_get_only_documented_answers(shop: EmbeddedShop, tmp_path: Path) -> None:
    async with Shop(shop.urls) as client:
        guest = await journeys.guest(client)
        customer = await journeys.guest(client)
        body = {"email": f"{uuid.uuid4().hex}@shoppers.example", "password": "long enough", "name": "Ann"}
        registered = await client.call("POST", "/api/customers", token=customer, body=body)
        assert registered.ok, registered
    profile = ("--include-operation-id", "change_profile", "--include-operation-id", "get_profile")
    _fuzz(shop, tmp_path, str(registered.body["token"]), 20, "", *profile)
    # The boundary values of the coverage phase were an administrator's; most of these are 403.
    _fuzz(shop, tmp_path, guest, 10, "", "--exclude-tag", "operation", "--phases", "examples,fuzzing")
