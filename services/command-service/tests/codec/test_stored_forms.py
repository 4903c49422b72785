"""What is stored can be read for ever: a golden file for each schema version of each event ever written."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from command_service.codec import KINDS, ORDER
from command_service.codec.carts import FORMS as CART_FORMS
from command_service.codec.customers import FORMS as CUSTOMER_FORMS
from command_service.codec.orders import FORMS as ORDER_FORMS
from command_service.codec.products import FORMS as PRODUCT_FORMS
from command_service.testing.examples import BARE, EVENTS, STATES
from command_service.testing.recording import recorded
from holdfast.eventstore import Kind, UnknownEventType

GOLDEN = Path(__file__).parent.parent / "golden" / "stored"
NEWEST = {**CART_FORMS.newest, **CUSTOMER_FORMS.newest, **ORDER_FORMS.newest, **PRODUCT_FORMS.newest}


def golden(name: str, schema_version: int) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads((GOLDEN / f"{name}.v{schema_version}.json").read_bytes())
    return read


@pytest.mark.parametrize(("kind", "identity", "event"), EVENTS, ids=lambda each: type(each).__name__)
def test_an_event_is_stored_as_its_golden_file_says(kind: Kind[Any, Any], identity: str, event: Any) -> None:
    name, schema_version, data = kind.dump_event(event)
    assert data == golden(name, schema_version)


@pytest.mark.parametrize(("kind", "identity", "event"), EVENTS, ids=lambda each: type(each).__name__)
def test_every_version_ever_stored_is_read_as_the_event_of_today(
    kind: Kind[Any, Any], identity: str, event: Any
) -> None:
    name, newest, _ = kind.dump_event(event)
    for schema_version in range(1, newest + 1):
        stored = recorded(kind, identity, name, schema_version, golden(name, schema_version))
        assert kind.read(stored) == event


def test_every_event_has_an_example_and_every_golden_file_an_event() -> None:
    assert {kind.dump_event(event)[0] for kind, _, event in EVENTS} == set(NEWEST)
    files = {path.name for path in GOLDEN.iterdir()}
    assert files == {f"{name}.v{version}.json" for name, newest in NEWEST.items() for version in range(1, newest + 1)}


@pytest.mark.parametrize(("kind", "event"), BARE, ids=lambda each: type(each).__name__)
def test_what_is_optional_may_be_missing(kind: Kind[Any, Any], event: Any) -> None:
    name, _, data = kind.dump_event(event)
    assert kind.load_event(name, orjson.loads(orjson.dumps(data))) == event


@pytest.mark.parametrize(("kind", "state"), STATES, ids=lambda each: type(each).__name__)
def test_a_state_comes_back_out_of_the_store_as_it_went_in(kind: Kind[Any, Any], state: Any) -> None:
    dumped = kind.dump_state(state)
    # jsonb sorts the keys of objects and keeps the order of lists.
    stored = orjson.loads(orjson.dumps(dumped, option=orjson.OPT_SORT_KEYS))
    loaded = kind.load_state(stored)
    assert loaded == state
    assert kind.dump_state(loaded) == dumped


def test_a_cart_keeps_the_order_of_its_lines() -> None:
    kind, cart = STATES[1]
    loaded = kind.load_state(orjson.loads(orjson.dumps(kind.dump_state(cart), option=orjson.OPT_SORT_KEYS)))
    assert list(loaded.lines) == list(cart.lines)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_unknown_event_is_said_to_be_unknown(kind: Kind[Any, Any]) -> None:
    with pytest.raises(UnknownEventType, match="Invented"):
        kind.load_event("Invented", {})


def test_a_stored_event_without_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="currency"):
        ORDER.load_event("PaymentCaptured", {"amount": 1})


def test_an_order_of_an_unknown_status_is_refused() -> None:
    with pytest.raises(ValueError, match="lost"):
        ORDER.load_state({**ORDER.dump_state(STATES[6][1]), "status": "lost"})
