"""What is published is a contract: a golden file for each message, checked against `holdfast.contracts`."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from command_service.codec import ORDER
from command_service.publish import publish
from command_service.testing.examples import BARE, EVENTS, ORDER_ID
from command_service.testing.recording import recorded
from holdfast.contracts.messages import MalformedMessage, Message, check_data
from holdfast.eventstore import Kind

GOLDEN = Path(__file__).parent.parent / "golden" / "published"


@pytest.mark.parametrize(("kind", "identity", "event"), EVENTS, ids=lambda each: type(each).__name__)
def test_an_event_is_published_as_its_golden_file_says(kind: Kind[Any, Any], identity: str, event: Any) -> None:
    message = publish(recorded(kind, identity, *kind.dump_event(event)))
    check_data(message)
    assert orjson.loads(message.to_bytes()) == orjson.loads((GOLDEN / f"{message.type}.json").read_bytes())


@pytest.mark.parametrize(("kind", "event"), BARE, ids=lambda each: type(each).__name__)
def test_what_is_optional_is_published_as_null(kind: Kind[Any, Any], event: Any) -> None:
    message = publish(recorded(kind, ORDER_ID, *kind.dump_event(event)))
    check_data(Message.from_bytes(message.to_bytes()))
    assert None in message.data.values()


def test_every_golden_file_is_published() -> None:
    published = {publish(recorded(kind, identity, *kind.dump_event(event))).type for kind, identity, event in EVENTS}
    assert {path.stem for path in GOLDEN.iterdir()} == published


@pytest.mark.parametrize(
    ("name", "schema_version", "data"),
    [("Invented", 1, {"secret": 1}), ("PaymentCaptured", 7, {"sum": 1}), ("PaymentCaptured", 1, {"amount": "much"})],
)
def test_an_event_that_cannot_be_read_parks_its_stream_and_gives_nothing_away(
    name: str, schema_version: int, data: dict[str, Any]
) -> None:
    message = publish(recorded(ORDER, ORDER_ID, name, schema_version, data))
    assert (message.stream_id, message.version, message.type, message.data) == (f"order-{ORDER_ID}", 3, name, {})
    with pytest.raises(MalformedMessage):
        check_data(message)
