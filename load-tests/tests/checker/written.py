"""Histories written by hand, as short as a defect allows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gameday.checker.history import History, read_history

ANN = "ann"
CART = "cart-ann"


class Written:
    """`w.done("add", at=1, said=…)` is an operation from second 1 to 1.1; the file is written by `history`."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, Mapping[str, Any]]] = []
        self._operations = 0

    def done(self, call: str, at: float, *, took: float = 0.1, ended: str = "ok", **fields: Any) -> None:
        self._operations += 1
        number = self._operations
        asked = {
            "process": ANN,
            "call": call,
            "method": "GET" if call in ("view", "details", "product") else "POST",
            "path": {"view": "/api/cart", "details": "/api/orders/o1", "product": "/api/products/p1"}.get(
                call, "/api/x"
            ),
            "intent": "",
            "key": "",
            "read": {},
            "value": {},
        }
        told = {
            "status": 200,
            "code": "",
            "attempts": 1,
            "gateway": 0,
            "versions": {},
            "served_from": "",
            "degraded": "",
            "age_s": None,
        }
        asked |= {name: fields.pop(name) for name in list(fields) if name in asked}
        said = fields.pop("said", {})
        told |= fields
        self.lines.append((at, {"type": "invoke", "operation": number, **asked, "mono": at, "wall": at}))
        if ended != "never":
            line = {"type": ended, "operation": number, **told, "value": said, "mono": at + took, "wall": at + took}
            self.lines.append((at + took, line))

    def add(self, at: float, intent: str, version: int, quantity: int = 1, **more: Any) -> None:
        fields = {"key": intent, "intent": intent, "value": {"product_id": "p1", "quantity": quantity}}
        said = {"cart_id": ANN, "version": version}
        self.done("add", at, **{**fields, "said": said, "versions": {CART: version}, **more})

    def view(self, at: float, version: int, quantity: int, **more: Any) -> None:
        lines = [{"product_id": "p1", "quantity": quantity}] if quantity else []
        self.done("view", at, said={"cart_id": ANN, "version": version, "lines": lines}, **more)

    def checkout(self, at: float, intent: str, order: str, **more: Any) -> None:
        fields = {"key": intent, "intent": intent, "value": {"payment_token": "tok_visa"}}
        self.done("checkout", at, **{**fields, "said": {"order_id": order, "status": "paid"}, **more})

    def write(self, path: Path) -> Path:
        rows = [{"type": "run", "run": "r"}, *(line for _, line in sorted(self.lines, key=lambda one: one[0]))]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def history(self, folder: Path) -> History:
        return read_history(self.write(folder / "history.jsonl"))
