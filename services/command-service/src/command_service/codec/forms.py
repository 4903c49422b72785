"""Events as JSON objects: the name and the schema version that each event class is stored under."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from holdfast.eventstore import UnknownEventType


@dataclass(frozen=True, slots=True)
class Stored:
    """One event class's name in the store, chosen by hand and kept when the class is renamed, and its newest schema."""

    name: str
    schema_version: int = 1


class EventForms:
    """Dumps and loads the events of one kind.

    A dump's fields are the class's, tuples as lists. `load` takes the newest schema version and raises
    UnknownEventType, or ValueError when a field is missing or of another type.
    """

    def __init__(self, forms: Mapping[type[Any], Stored]) -> None:
        self._forms = forms
        self._adapters = {event_class: TypeAdapter[Any](event_class) for event_class in forms}
        self._classes = {stored.name: event_class for event_class, stored in forms.items()}

    @property
    def newest(self) -> dict[str, int]:
        """Name to newest schema version of every event of the kind."""
        return {stored.name: stored.schema_version for stored in self._forms.values()}

    def dump(self, event: Any) -> tuple[str, int, dict[str, Any]]:
        event_class = type(event)
        stored = self._forms[event_class]
        return stored.name, stored.schema_version, self._adapters[event_class].dump_python(event, mode="json")

    def load(self, name: str, data: dict[str, Any]) -> Any:
        event_class = self._classes.get(name)
        if event_class is None:
            raise UnknownEventType(name)
        return self._adapters[event_class].validate_python(data)
