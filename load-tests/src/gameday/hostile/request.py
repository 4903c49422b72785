"""The bytes of a request, valid or not."""

from collections.abc import Mapping


def request(
    method: str, target: str | bytes, headers: Mapping[str, str] | None = None, body: bytes = b"", token: str = ""
) -> bytes:
    """`target` is sent as it is, path and query; `headers` may replace the usual ones."""
    raw = target if isinstance(target, bytes) else target.encode("latin-1")
    lines = {"Host": "shop", **(headers or {})}
    if token:
        lines["Authorization"] = f"Bearer {token}"
    if body:
        lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), **lines}
    elif method != "GET":
        lines["Content-Length"] = "0"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("latin-1")
    return method.encode() + b" " + raw + b" HTTP/1.1\r\n" + head + b"\r\n" + body
