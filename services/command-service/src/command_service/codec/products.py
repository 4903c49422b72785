"""Products in the store. State: the fields of `Listed` and `discontinued`."""

from dataclasses import asdict
from typing import Any, Final, assert_never

from command_service.codec.forms import EventForms, Stored
from command_service.domain import events
from command_service.domain.events import ProductEvent
from command_service.domain.product import Discontinued, Listed, NoProduct, Product, evolve
from holdfast.eventstore import Kind

FORMS: Final = EventForms(
    {
        events.ProductCreated: Stored("ProductCreated"),
        events.PriceChanged: Stored("PriceChanged"),
        events.StockAdjusted: Stored("StockAdjusted"),
        events.StockReserved: Stored("StockReserved"),
        events.StockReleased: Stored("StockReleased"),
        events.ProductDiscontinued: Stored("ProductDiscontinued"),
        events.ProductRelisted: Stored("ProductRelisted"),
    }
)


def _dump_state(state: Product) -> dict[str, Any]:
    match state:
        case NoProduct():
            return {}
        case Listed():
            return {**asdict(state), "discontinued": False}
        case Discontinued(last):
            return {**asdict(last), "discontinued": True}
        case _:
            assert_never(state)


def _load_state(data: dict[str, Any]) -> Product:
    if not data:
        return NoProduct()
    listed = Listed(**{name: value for name, value in data.items() if name != "discontinued"})
    return Discontinued(listed) if data["discontinued"] else listed


PRODUCT: Final[Kind[Product, ProductEvent]] = Kind(
    name="product",
    initial=NoProduct,
    evolve=evolve,
    dump_state=_dump_state,
    load_state=_load_state,
    dump_event=FORMS.dump,
    load_event=FORMS.load,
)
