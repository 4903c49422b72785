"""Kinds read old events through their upcasters."""

from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.eventstore import EventMetadata, Metadata, RecordedEvent, UnknownEventType, UpcastLoop


def recorded(event_type: str, schema_version: int, data: dict[str, Any]) -> RecordedEvent:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return RecordedEvent(1, "cart-a-b", 1, event_type, schema_version, data, EventMetadata(Metadata()), at)


def test_an_event_of_the_newest_schema_is_read_as_it_is(cart, added):
    assert cart.read(recorded("Added", 2, {"amount": 4})) == added(4)


def test_upcasters_chain_over_versions_and_names(cart, added):
    assert cart.read(recorded("Incremented", 1, {"by": 4})) == added(4)


def test_an_unknown_type_is_named(cart):
    with pytest.raises(UnknownEventType, match="Vanished"):
        cart.read(recorded("Vanished", 1, {}))


def test_upcasters_that_go_round_in_circles_are_refused(cart):
    cart.upcasters[("Added", 2)] = lambda data: ("Incremented", 1, {"by": data["amount"]})
    try:
        with pytest.raises(UpcastLoop, match="lead back"):
            cart.read(recorded("Added", 2, {"amount": 4}))
    finally:
        del cart.upcasters[("Added", 2)]


def test_a_recorded_event_knows_its_kind_and_identity():
    event = recorded("Added", 2, {})
    assert (event.kind_name, event.identity) == ("cart", "a-b")
