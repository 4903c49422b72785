"""The fixed list: requests that once were answered wrong, their siblings, and the right answer of each."""

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hostile_requests.operations import Header, Operation, Request, Role, World, valid
from hostile_requests.values import first_value, forged_cursor

_KEY = (b"Idempotency-Key", b"listed")
_JSON = (b"Content-Type", b"application/json")
_DAYS = "/api/admin/sales?from=2010-12-01T00:00:00"


@dataclass(frozen=True, slots=True)
class Example:
    """status, code: the right answer; code None where it is no problem. times: how often it is sent in a row."""

    request: Request
    status: int
    code: str | None
    times: int


def _example(
    about: str, method: str, target: str | bytes, status: int, code: str | None = None, *, role: Role = "nobody",
    headers: tuple[Header, ...] = (), body: bytes = b"", times: int = 1,
) -> Example:  # fmt: skip
    raw = target if isinstance(target, bytes) else target.encode()
    sent = (*headers, _JSON) if body and not any(name == b"Content-Type" for name, _ in headers) else headers
    return Example(Request(about, None, method.encode(), raw, sent, body, role, True), status, code, times)


def examples(calls: Sequence[Operation], world: World) -> Iterator[Example]:
    """All of them. Row names such as A1 are those of the report that found the first of each kind."""
    yield from _long_targets()
    yield from _forged_cursors(calls, world)
    yield from _wide_queries()
    yield from _deep_reads(world)
    yield from _made_up_tokens(world)
    yield from _dots()
    yield from _manners()


def _long_targets() -> Iterator[Example]:
    braces = b"{" * 25_000
    yield _example(
        "A1 a cursor of 25,000 bytes", "GET", b"/api/products?cursor=" + braces, 414, "target-too-long", times=16
    )
    yield _example(
        "A1 an id of 25,000 bytes",
        "DELETE",
        b"/api/cart/items/" + braces,
        414,
        "target-too-long",
        role="guest",
        times=17,
    )
    yield _example("A1 the same, read", "GET", b"/api/products/" + braces, 414, "target-too-long", times=16)
    yield _example("A1 a path of no call", "GET", b"/" + braces, 414, "target-too-long", times=16)
    yield _example(
        "A1 a cursor of 8,000 bytes", "GET", b"/api/products?cursor=" + b"{" * 8_000, 400, "cursor-invalid", times=16
    )
    yield _example("A1 words of 8,000 bytes", "GET", b"/api/products?q=" + b"a" * 8_000, 422, "invalid", times=16)
    yield _example(
        "A1 an id that grows when encoded",
        "DELETE",
        b"/api/cart/items/" + b"{" * 8_000,
        414,
        "target-too-long",
        role="guest",
        times=17,
    )
    grows = (
        b"/api/products?cursor="
        + b"{" * 2_000
        + b"&q="
        + "\u20ac".encode() * 200
        + b"&category="
        + "\u20ac".encode() * 200
    )
    yield _example("A1 a query that grows when encoded", "GET", grows, 414, "target-too-long", times=16)
    yield _example(
        "A1 a product's id of 8,000 bytes", "GET", b"/api/products/" + b"{" * 8_000, 404, "product-unknown", times=16
    )
    yield _example(
        "A1 headers of 40 KB",
        "GET",
        "/api/products",
        431,
        "headers-too-large",
        headers=((b"X", b"," * 40_000),),
        times=16,
    )
    yield _example(
        "A1 200 headers", "GET", "/api/products", 431, "headers-too-large", headers=((b"X", b"y"),) * 200, times=16
    )
    token = ((b"Consistency-Token", b"product-a@1," * 2_000),)
    yield _example(
        "A1 a token of 24 KB", "GET", "/api/products", 400, "consistency-token-invalid", headers=token, times=16
    )


def _forged_cursors(calls: Sequence[Operation], world: World) -> Iterator[Example]:
    for call in calls:
        for query in world.cursors.get(call.id, ()):
            real = query.get("cursor")
            given = [(name.encode(), value.encode()) for name, value in query.items() if name != "cursor"]
            if real is None:
                continue
            for value in (b"null", b"[]", b"true", *_wrong_instead_of(first_value(real))):
                draft = valid(call, world)
                draft.query = [*given, (b"cursor", forged_cursor(real, 0, value))]
                request = draft.request(f"A2 {call.id} {given} with {value.decode()}")
                yield Example(request, 400, "cursor-invalid", 18)


def _wrong_instead_of(value: object) -> tuple[bytes, ...]:
    """Values of another type, or out of range, than a list's real one."""
    if not isinstance(value, str):
        return (b'"x"', b"1e308", b"-1")
    if re.match(r"\d{4}-\d\d-\d\dT", value):
        return (b'"x"', b'""', b"0", b'"9999-12-31T23:59:59-23:59"', b'"2010-12-01T00:00:00"')
    return (b"0", b"1e308", b'"a\\u0000b"')


def _wide_queries() -> Iterator[Example]:
    names = "&".join(f"n{number}=" for number in range(12_000))
    yield _example("A4 12,000 names", "GET", f"/api/products?{names}&n1=", 414, "target-too-long")
    short = "&".join(f"{number:x}" for number in range(2_000))
    yield _example("A4 2,000 names in 8 KB", "GET", f"/api/products?{short}", 422, "invalid")
    yield _example("A4 8,000 separators", "GET", "/api/products?" + "&" * 8_000, 422, "invalid")
    members = json.dumps({f"m{number}": 1 for number in range(4_000)}).encode()
    yield _example("A4 4,000 members", "POST", "/api/sessions", 422, "invalid", body=members)
    members = json.dumps({f"m{number}": 1 for number in range(999)}).encode()
    yield _example("A4 999 members", "POST", "/api/sessions", 422, "invalid", body=members)
    yield _example("A4 30,000 levels", "POST", "/api/sessions", 422, "invalid", body=b"[" * 30_000 + b"]" * 30_000)
    yield _example(
        "A4 a number of 60,000 digits",
        "POST",
        "/api/sessions",
        422,
        "invalid",
        body=b'{"email":' + b"1" * 60_000 + b"}",
    )


def _deep_reads(world: World) -> Iterator[Example]:
    stream = f"/api/admin/streams/{world.attackers['stream_id']}"
    yield _example(
        "A6 a version that is not there", "GET", f"{stream}?at_version=999999999999", 200, role="admin", times=9
    )
    yield _example(
        "A6 a version beyond numbers", "GET", f"{stream}?at_version={10**12}", 422, "invalid", role="admin", times=9
    )


def _made_up_tokens(world: World) -> Iterator[Example]:
    for stream in ("cart-{}", "customer-{}"):
        token = ((b"Consistency-Token", f"{stream.format(world.attackers['customer_id'])}@999999".encode()),)
        for path in ("/api/cart", "/api/orders", f"/api/orders/{world.attackers['order_id']}"):
            yield _example(f"A7 {stream} at 999999", "GET", path, 200, role="guest", headers=token, times=11)
    product = ((b"Consistency-Token", f"product-{world.attackers['product_id']}@999999".encode()),)
    yield _example(
        "A7 a product at 999999",
        "GET",
        f"/api/products/{world.attackers['product_id']}",
        200,
        headers=product,
        times=11,
    )


def _dots() -> Iterator[Example]:
    item = b'{"quantity":0}'
    for part in (".", "..", "%2e", "%2E%2e", ".%2e"):
        yield _example(
            f"C1 {part}", "DELETE", f"/api/cart/items/{part}", 404, "line-unknown", role="guest", headers=(_KEY,)
        )
        yield _example(f"C1 {part}", "PUT", f"/api/cart/items/{part}", 404, "line-unknown", role="guest", body=item)
        yield _example(f"C2 {part}", "GET", f"/api/products/{part}", 404, "product-unknown")
        yield _example(f"C2 {part}", "GET", f"/api/products/{part}/recommendations", 404, "product-unknown")
        yield _example(f"C2 {part}", "GET", f"/api/orders/{part}", 404, "order-unknown", role="guest")
        yield _example(f"C2 {part}", "DELETE", f"/api/admin/products/{part}", 404, "product-unknown", role="admin")
        yield _example(f"C2 {part}", "GET", f"/api/admin/streams/{part}", 404, "stream-unknown", role="admin")
    for product_id in (".", ".."):
        body = {"product_id": product_id, "name": "x", "category": "x", "unit_amount": 1, "available": 1}
        yield _example(
            f"C2 {product_id}",
            "POST",
            "/api/admin/products",
            422,
            "invalid",
            role="admin",
            body=json.dumps(body).encode(),
        )
        added = json.dumps({"product_id": product_id, "quantity": 1}).encode()
        yield _example(f"C2 {product_id}", "POST", "/api/cart/items", 422, "invalid", role="guest", body=added)
    for part in ("a%2Fb", "..%2F..", "%00", "%C0%AE", "..;", "%0A", "a%0Ab"):
        yield _example(f"C3 {part}", "DELETE", f"/api/cart/items/{part}", 200, role="guest")


def _manners() -> Iterator[Example]:
    for path in ("/api/products", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/api/ops/status"):
        yield _example("C4", "HEAD", path, 200)
        yield _example("C4 a page and a line break", "GET", f"{path}%0A", 404, "not-found")
    for path in ("/api/cart", "/api/orders"):
        yield _example("C4", "HEAD", path, 200, role="guest")
    yield _example("C5 raw UTF-8", "GET", "/api/products?q=caf\u00e9", 200)
    yield _example("C5 raw Latin-1", "GET", b"/api/products?q=caf\xe9", 422, "invalid")
    yield _example("C5 a method of no server", "FOO", "/api/products", 501, "method-unknown")
    yield _example("C5 no HTTP", "GET", b"/ x", 400, "malformed")
    yield _example("C6 any version", "DELETE", "/api/cart", 200, role="guest", headers=((b"If-Match", b"*"),))
    for scheme in (b"Basic YTpi", b"Digest a", b"Negotiate"):
        yield _example("C7 another scheme", "GET", "/api/products", 200, headers=((b"Authorization", scheme),))
    for coding in (b"gzip", b"br", b"GZIP, gzip"):
        for body in (b"{}", gzip.compress(b"{}")):
            yield _example(
                "C8",
                "POST",
                "/api/sessions",
                415,
                "unsupported-media-type",
                headers=((b"Content-Encoding", coding),),
                body=body,
            )
    for offset in ("+02:00", "%2B02:00", "-02:00", "Z"):
        yield _example(f"C9 {offset}", "GET", _DAYS + offset, 200, role="admin")
    preflight = ((b"Origin", b"https://shop.example"), (b"Access-Control-Request-Method", b"GET"))
    yield _example("C9 a preflight", "OPTIONS", "/api/products", 405, "method-not-allowed", headers=preflight)
