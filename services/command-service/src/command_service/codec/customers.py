"""Customers in the store. State: `{"email", "name", "role", "address"}`."""

from typing import Any, Final, assert_never

from pydantic import TypeAdapter

from command_service.codec.forms import EventForms, Stored
from command_service.domain import events
from command_service.domain.customer import Customer, Guest, Registered, evolve
from command_service.domain.events import CustomerEvent
from holdfast.eventstore import Kind

FORMS: Final = EventForms(
    {
        events.CustomerRegistered: Stored("CustomerRegistered"),
        events.ProfileUpdated: Stored("ProfileUpdated"),
    }
)
_REGISTERED: Final = TypeAdapter(Registered)


def _dump_state(state: Customer) -> dict[str, Any]:
    match state:
        case Guest():
            return {}
        case Registered():
            dumped: dict[str, Any] = _REGISTERED.dump_python(state, mode="json")
            return dumped
        case _:
            assert_never(state)


def _load_state(data: dict[str, Any]) -> Customer:
    return _REGISTERED.validate_python(data) if data else Guest()


CUSTOMER: Final[Kind[Customer, CustomerEvent]] = Kind(
    name="customer",
    initial=Guest,
    evolve=evolve,
    dump_state=_dump_state,
    load_state=_load_state,
    dump_event=FORMS.dump,
    load_event=FORMS.load,
)
