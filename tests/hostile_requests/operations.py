"""What /openapi.json says of each call, and one valid request of it: a new route is covered by itself."""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

Role = Literal["nobody", "guest", "customer", "admin"]
Header = tuple[bytes, bytes]
PROTOCOL_STATUSES = frozenset({400, 404, 405, 408, 413, 414, 431, 501})
"""What a request may be answered that is no operation of the document."""

_METHODS = ("get", "post", "put", "delete", "patch")
_EXAMPLES: Mapping[str, Any] = {
    "quantity": 1,
    "payment_token": "tok_visa",
    "country": "GB",
    "containment": "on",
    "unit_amount": 250,
}
"""Members of bodies whose schema alone does not tell a value that is taken and does no harm."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the public API. statuses: its documented ones. codes: the problem codes of each of them."""

    id: str
    method: str
    path: str
    role: Role
    statuses: frozenset[int]
    codes: Mapping[int, frozenset[str]]
    query: Mapping[str, Mapping[str, Any]]
    headers: tuple[str, ...]
    members: Mapping[str, bytes] | None
    """The body's members with a valid value each, as JSON; None: the call has no body."""
    required: frozenset[str]

    @property
    def parts(self) -> list[str]:
        """The names of the path's variable parts."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def lists(self) -> bool:
        return "cursor" in self.query


@dataclass(frozen=True, slots=True)
class World:
    """What requests are about. attackers: path parts and members that the attacker may use as it likes. innocent: the
    same of others, which no hostile request may reach. cursors: by operation, queries of lists with their real cursors.
    """

    attackers: Mapping[str, str]
    innocent: Mapping[str, str]
    cursors: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. about: what is hostile of it. operation: None where it is none of the document's.

    protocol: its head or framing is hostile, so that PROTOCOL_STATUSES are right besides the operation's.
    """

    about: str
    operation: Operation | None
    method: bytes
    target: bytes
    headers: tuple[Header, ...]
    body: bytes
    role: Role
    protocol: bool

    @property
    def allowed(self) -> frozenset[int]:
        """The statuses that are right."""
        if self.operation is None:
            return PROTOCOL_STATUSES | ({422} if self.sets_deadline else set())  # this header is read on every path
        return self.operation.statuses | (PROTOCOL_STATUSES if self.protocol else frozenset())

    @property
    def sets_deadline(self) -> bool:
        """Whether it has an X-Request-Timeout-Ms, for which 504 is right."""
        return any(name.lower() == b"x-request-timeout-ms" for name, _ in self.headers)

    @property
    def whole(self) -> bool:
        """Whether it ends where it says, so that another request may follow it."""
        lengths = [value for name, value in self.headers if name.lower() == b"content-length"]
        return all(value == str(len(self.body)).encode() for value in lengths)

    def encoded(self, token: str | None) -> bytes:
        """The bytes to send. Authorization, Host and Content-Length are added where the request has none of its own."""
        names = {name.lower() for name, _ in self.headers}
        lines = list(self.headers)
        if b"host" not in names:
            lines.insert(0, (b"Host", b"shop"))
        if token is not None and b"authorization" not in names:
            lines.append((b"Authorization", b"Bearer " + token.encode()))
        if self.body and not names & {b"content-length", b"transfer-encoding"}:
            lines.append((b"Content-Length", str(len(self.body)).encode()))
        head = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
        return self.method + b" " + self.target + b" HTTP/1.1\r\n" + head + b"\r\n" + self.body


@dataclass(slots=True)
class Draft:
    """A request being made: a valid one to begin with, then changed by mutations. Path parts and query are as sent."""

    operation: Operation
    method: bytes
    parts: dict[str, bytes]
    query: list[tuple[bytes, bytes | None]]
    headers: list[Header]
    members: dict[str, bytes]
    body: bytes | None = None
    target: bytes | None = None
    protocol: bool = False
    leaving: set[str] = field(default_factory=set)
    """The places for which it is no request of this operation any more."""

    def request(self, about: str) -> Request:
        path = re.sub(r"{(\w+)}", lambda part: self.parts[part[1]].decode("latin-1"), self.operation.path)
        target = path.encode("latin-1") if self.target is None else self.target
        if self.query:
            pairs = (name if value is None else name + b"=" + value for name, value in self.query)
            target += b"?" + b"&".join(pairs)
        body = self.body
        if body is None:
            body = b"" if self.operation.members is None else json_object(self.members)
        headers = list(self.headers)
        if body and not any(name.lower() == b"content-type" for name, _ in headers):
            headers.append((b"Content-Type", b"application/json"))
        operation = None if self.leaving else self.operation
        role = self.operation.role
        return Request(about, operation, self.method, target, tuple(headers), body, role, self.protocol)


def json_object(members: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(json.dumps(name).encode() + b":" + value for name, value in members.items()) + b"}"


def valid(operation: Operation, world: World) -> Draft:
    """A request of this operation that is taken, and that changes nothing but what is the attacker's."""
    parts = {name: quote(world.attackers[name], safe="").encode() for name in operation.parts}
    headers: list[Header] = []
    if "Idempotency-Key" in operation.headers:
        headers.append((b"Idempotency-Key", uuid.uuid4().hex.encode()))
    members = {name: value for name, value in (operation.members or {}).items() if name in operation.required}
    members |= {name: json.dumps(world.attackers[name]).encode() for name in members.keys() & world.attackers.keys()}
    return Draft(operation, operation.method.encode(), parts, [], headers, members)


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Every call of the document, in its order."""
    return [
        _operation(path, method, call, document)
        for path, calls in document["paths"].items()
        for method, call in calls.items()
        if method in _METHODS
    ]


def _operation(path: str, method: str, call: Mapping[str, Any], document: Mapping[str, Any]) -> Operation:
    parameters = call.get("parameters", ())
    responses = {int(status): _resolved(answer, document) for status, answer in call["responses"].items()}
    schema = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    body = None if schema is None else _resolved(schema, document)
    return Operation(
        id=call["operationId"],
        method=method.upper(),
        path=path,
        role=_role(call),
        statuses=frozenset(responses),
        codes={
            status: frozenset(re.findall("`([a-z-]+)`", answer["description"])) for status, answer in responses.items()
        },
        query={one["name"]: one["schema"] for one in parameters if one["in"] == "query"},
        headers=tuple(one["name"] for one in parameters if one["in"] == "header"),
        members=None if body is None else _members(body, document),
        required=frozenset(body.get("required", ()) if body else ()),
    )


def _role(call: Mapping[str, Any]) -> Role:
    """The role that gets furthest with this call; its profile is an administrator's only when it has to be."""
    if "403" in call["responses"]:
        return "customer" if "shop" in call["tags"] else "admin"
    return "guest" if call.get("security") == [{"bearer": []}] else "nobody"


def _members(schema: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: json.dumps(_value(name, one, document)).encode() for name, one in schema["properties"].items()}


def _value(name: str, schema: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    found = _resolved(schema, document)
    if "anyOf" in found:
        return _value(name, found["anyOf"][0], document)
    if "properties" in found:
        return {one: _value(one, found["properties"][one], document) for one in found.get("required", ())}
    return {"integer": 1, "string": "x", "boolean": True, "array": [], "null": None}[found["type"]]


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        found: Any = document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        schema = found
    return schema
