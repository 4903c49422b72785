"""Hostile values by kind: as raw bytes of a target, a header or a JSON text."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_UUID = "0193a5b4-8f1e-7c3a-9d2b-6f4e8a1c0d57"

# As sent in a path's segment or in a query's value; none holds `/`, `?`, `#` or `&`.
SEGMENTS: Sequence[bytes] = (
    b".", b"..", b"...", b"%2e", b"%2E", b"%2e%2e", b".%2e", b"%252e%252e", b"..;", b"..%3B", b"..%2F", b"%2F..",
    b"%2e%2e%2f%2e%2e%2fcart", b"..%5c", b"..%5C..%5C", b"a%2Fb", b"%2F", b"%5C", b"%C0%AE%C0%AE", b"%C0%AF",
    b"%EF%BC%8E%EF%BC%8E", b"%u002e%u002e", b"%", b"%2", b"%zz", b"%FF", b"%ED%A0%80", b"%F4%90%80%80", b"%F0%9F%92%A3",
    b"%00", b"a%00b", b"a%00.json", b"%0d%0aX-Injected:%201", b"%0A", b"%09", b"%20", b"+", b"%1B[31m", b"%7F",
    b"%C2%85",
    b"%E2%80%AE%61", b"%E2%80%8B", b"%EF%BB%BF", b"%E2%81%A6", b"e%CC%81", b"%EF%BD%81",
    b"{", b"}", b"{{7*7}}", b"%7B", b"'", b"%22", b"%27%20OR%20%271%27=%271", b"*", b"*:*", b"$%7Bjndi:ldap:%7D",
    b"%3Cscript%3E", b"a;b=c", b"a=b", b"~", b"!", b"@", b"a:b", b"null", b"true", b"undefined", b"NaN", b"_search",
    b"-1", b"0", b"00", b"1.0", b"1e3", b"0x10", b"%D9%A1", b"%C2%B2", b"2147483648", b"9007199254740993",
    b"9223372036854775808", b"18446744073709551616", b"1" * 13, b"9" * 4000, b"1e400", b"-0", b"+1", b"1_000",
    b"1970-01-01", b"0000-01-01", b"9999-12-31T23:59:60Z", b"2010-12-01T00:00:00%2B99:99", b"2010-12-01T00:00:00+02:00",
    b"2010-02-30", b"-2010-12-01",
    b"x" * 41, b"x" * 201, b"x" * 256, b"x" * 2_001, b"x" * 7_000, b"%41" * 2_500, b"%C3%A9" * 1_000, b"'" * 7_000,
    b"%20".join([b"a"] * 100), b"a%20" * 1_000, b"{" * 7_000, b"." * 7_000, b"%2F" * 2_000, b"(" * 5_000,
    _UUID.encode(), _UUID.upper().encode(), _UUID.replace("-", "").encode(), b"{" + _UUID.encode() + b"}",
    b"urn:uuid:" + _UUID.encode(), b"cart-" + _UUID.encode() + b"@1", b"order-" + _UUID.encode(),
)  # fmt: skip
# Raw bytes that no URI holds, and lengths above what any target may have.
RAW_SEGMENTS: Sequence[bytes] = (
    "caf\u00e9".encode(), b"\xff\xfe", b"\xc0\xae", b"\xed\xa0\x80", b"\x80", "\u202e".encode(), b"a\x00b", b"a\tb",
    b"a b",
    b"a\x0bb", b"a\x7fb", b"\x1b[0m", b"a\rb", b"<a>", b'"', b"\\..\\..", b"^", b"`", b"|", "\u00e9".encode() * 4_000,
    b"{" * 25_000, b"x" * 8_200, b"x" * 40_000, b"x" * 1_000_000, b"%41" * 20_000,
)  # fmt: skip
LEAVING_SEGMENTS: Sequence[bytes] = (
    b"", b"/", b"//", b"./x", b"../x", b"../../cart", b"x/..", b"x/../..", b"..;/x", b"x/", b"a/b",
    b"a/../../../../etc",
)  # fmt: skip

HEADER_VALUES: Sequence[bytes] = (
    b"", b" ", b",", b";", b'"', b"*", b"null", b"0", b"-1", b"1", b"1" * 4_000, b"\xb2", b"\xd9\xa1", b"1e400", b"NaN",
    b"caf\xc3\xa9", b"\xff", b"\xe2\x80\xae", b"a\tb", b"%00", b"%0d%0a", b"${jndi:ldap://127.0.0.1/a}", b"{}",
    b"a=b;c",
    b"x" * 257, b"x" * 8_001, b"x" * 30_000, b"," * 30_000, b'"' * 30_000, b"a," * 15_000, b" " * 30_000,
    b"\xff" * 30_000,
    b'W/"' * 10_000, b";q=0.1" * 5_000, b"gzip;q=1," * 3_300, b'"a", ' * 6_000, b"no-cache," * 3_300,
)  # fmt: skip
RAW_HEADER_VALUES: Sequence[bytes] = (
    b"a\x00b",
    b"a\rb",
    b"a\nb",
    b"a\r\n b",
    b"\x7f",
    b"\x01",
    b"x" * 33_000,
    b"," * 1_000_000,
)
STREAMS = "cart-{0}@{1}, order-{0}@{1}"
OWN_HEADER_VALUES: Mapping[str, Sequence[bytes]] = {
    "authorization": (
        b"Bearer", b"Bearer ", b"bearer x", b"Bearer a.b.c", b"Bearer " + b"." * 8_000, b"Bearer " + b"a" * 30_000,
        b"Bearer a b c", b"Basic YTpi", b"Digest username=x", b"Negotiate " + b"A" * 20_000, b"Bearer null",
        b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwicm9sZSI6ImFkbWluIiwiZXhwIjo5OTk5OTk5OTk5fQ.",
        b"Bearer eyJhbGciOiJFZERTQSJ9." + base64.urlsafe_b64encode(b"[" * 5_000).rstrip(b"=") + b".AA",
        b"Bearer eyJhbGciOiJFZERTQSIsImNyaXQiOlsiYSJdfQ.e30.AA", b"Bearer \xff\xfe", b"\tBearer x",
    ),
    "idempotency-key": (b"x" * 255, b"x" * 256, b"a b", b"caf\xc3\xa9"),
    "if-match": (b"3", b'"3', b'W/"3"', b'"3", "4"', b'"' + b"9" * 15 + b'"', b'"' + b"9" * 16 + b'"', b'"-1"', b"*, *",
        b'"01"',
    ),
    "if-none-match": (b"*", b'W/"a"', b'"a"' * 3_000, b'W/"' + b"0" * 24 + b'"', b"a", b'"\xff"'),
    "consistency-token": (
        b"cart@1", b"@", b"cart-x@1", f"cart-{_UUID}@999999".encode(), f"cart-{_UUID}@{10**15 - 1}".encode(),
        f"cart-{_UUID}@{10**15}".encode(), f"cart-{_UUID}@-1".encode(), f"product-..@{2**53}".encode(),
        ", ".join(f"order-{number:08x}{_UUID[8:]}@999999" for number in range(100)).encode(),
        ", ".join(f"order-{number:08x}{_UUID[8:]}@1" for number in range(101)).encode(),
        ", ".join(f"order-{_UUID}@{number}" for number in range(140)).encode(), b"product-a@1," * 660, b"," * 8_000,
        b" \t" * 4_000, b"product-" + b"a" * 41 + b"@1",
    ),
    "x-request-timeout-ms": (
        b"1", b"2", b"0", b"60000", b"60001", b"1.5", b"1e3", b"\xb2", b" 5", b"0" * 9 + b"1", b"+1",
    ),
    "content-type": (
        b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=" + b"x" * 20_000,
        b"application/json; charset=utf-16", b"application/json; charset=utf-7", b"APPLICATION/JSON",
        b"application/json;" * 1_500,
        b"application/a+json", b"application/json, text/plain", b"application/xml",
    ),
    "content-encoding": (b"gzip", b"br", b"identity", b"gzip, gzip", b"deflate", b"gzip," * 6_000),
    "accept-encoding": (
        b"gzip;q=0", b"*;q=0", b"identity;q=0", b"gzip;q=1.0001", b"gzip;q=a", b"br, zstd", b"gzip;" * 6_000, b"*",
    ),
    "accept": (b"text/html", b"application/xml;q=0", b"*/*;" * 7_000),
    "cache-control": (b"no-cache", b"max-age=9" + b"9" * 4_000, b"no-store, no-cache", b"no-cache=" + b'"' * 1_000),
    "x-request-id": (b"x" * 128, b"x" * 129, b"a b", b"../../etc/passwd"),
    "traceparent": (
        b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"ff-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"00-1-2-3",
    ),
    "range": (b"bytes=0-", b"bytes=" + b"0-0," * 7_000),
    "cookie": (b"a=b", b"a=b;" * 7_000),
    "x-forwarded-for": (b"127.0.0.1", b"1.2.3.4," * 3_000, b"::1"),
    "x-client-address": (b"127.0.0.1",),
    "x-attempt": (b"2", b"999"),
    "x-http-method-override": (b"DELETE",),
    "x-original-url": (b"/api/admin/customers",),
    "origin": (b"null", b"http://evil.example"),
    "x-forwarded-host": (b"evil.example",),
    "forwarded": (b"for=127.0.0.1;proto=https",),
    "te": (b"trailers",),
}  # fmt: skip
"""Values that a certain header is likely to be read wrong by; the others above go into every header as well."""
# Whole head lines that change how a request is framed or who it is for: name and value.
FRAMING: Sequence[tuple[tuple[bytes, bytes], ...]] = (
    ((b"Host", b""),), ((b"Host", b"a"), (b"Host", b"b")), ((b"Host", b"a b/c@d"),), ((b"Host", b"x" * 20_000),),
    ((b"Content-Length", b"-1"),), ((b"Content-Length", b"+0"),), ((b"Content-Length", b"\xb2"),),
    ((b"Content-Length", b"0"), (b"Content-Length", b"1")), ((b"Content-Length", b"0, 0"),),
    ((b"Content-Length", b"9" * 30),), ((b"Content-Length", b"65537"),), ((b"Content-Length", b"1e2"),),
    ((b"Transfer-Encoding", b"gzip"),), ((b"Transfer-Encoding", b"gzip, chunked"),),
    ((b"Transfer-Encoding", b"identity"),),
    ((b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"5")), ((b"Transfer-Encoding", b"xchunked"),),
    ((b"Connection", b"close"),), ((b"Connection", b"upgrade"), (b"Upgrade", b"websocket")),
    ((b"Connection", b"Upgrade, HTTP2-Settings"), (b"Upgrade", b"h2c"), (b"HTTP2-Settings", b"AAMAAABkAAQAAP__")),
    ((b"Connection", b"Authorization, Idempotency-Key"),), ((b"Expect", b"100-continue"),), ((b"Expect", b"200-ok"),),
    ((b"A:B", b"c"),), ((b"A B", b"c"),), ((b"", b"c"),), ((b"\xff", b"c"),), ((b"x" * 20_000, b"c"),), ((b"_", b"c"),),
    tuple((b"X-%d" % number, b"y") for number in range(95)), tuple((b"X", b"y") for _ in range(95)),
    tuple((b"X-%d" % number, b"y") for number in range(101)),
    tuple((b"X-%d" % number, b"") for number in range(50_000)),
    tuple((b"Cookie", b"a=b") for _ in range(90)),
)  # fmt: skip
METHODS: Sequence[bytes] = (
    b"OPTIONS", b"TRACE", b"CONNECT", b"PATCH", b"FOO", b"get", b"GETT", b"PROPFIND", b"QUERY", b"SUBSCRIBE",
    b"M-SEARCH", b"X" * 40, b"X" * 9_000, b"G\x00T", b"\xff", b"",
)  # fmt: skip

_LONG = 60_000
JSON_VALUES: Sequence[bytes] = (
    b"null", b"true", b"false", b"0", b"-0", b"-1", b"1", b"1.0", b"1.5", b"1E2", b"1e400", b"-1e400", b"1e-400",
    b"NaN",
    b"Infinity", b"-Infinity", b"2147483648", b"9007199254740993", b"9223372036854775808", b"-9223372036854775809",
    b"18446744073709551616", b"10000001", b"100001", b"1" + b"0" * 31, b"1" + b"0" * 4_000, b"0.1" + b"0" * 4_000,
    b"01", b"+1", b"0x10", b".5", b"1.", b'""', b'" "', b'"\\u0000"', b'"a\\u0000b"', b'"\\ud800"', b'"\\udc00\\ud800"',
    b'"\\u202e"', b'"\\u200b"', b'"\\ufeff"', b'"\\u0007"', b'"\\u0085"', b'"\\u2028"', b'"a\nb"', b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\\x41"', b'"\\', b'"%s"' % (b"x" * 201), b'"%s"' % (b"x" * 4_001), b'"%s"' % (b"x" * _LONG),
    b'"%s"' % (b"\\u0000" * 10_000), b'"%s"' % (b"\\ud83d\\ude00" * 5_000), b'"%s"' % (b'\\"' * 30_000),
    b'"%s"' % ("\u00e9".encode() * 30_000), b'"1"', b'"1e400"', b'"."', b'".."', b'"../x"', b'"a/b"', b'"%2e%2e"',
    b'"*"',
    b'"{{7*7}}"', b'"<script>"', b'"a@b@c"', b'"<a@example.com>"', b'"a@-example.com"', b'"a@[127.0.0.1]"',
    b'"%s@example.com"' % (b"a" * 240), b'"%s"' % (b"a@" * 120), b'"%s@%s"' % (b"a" * 64, b".".join([b"b"] * 90)),
    b'"gb"', b'"ZZ"', b'"UK"', b'"GBR"', b'"\xef\xbc\xa7\xef\xbc\xa2"',
    b"[]", b"{}", b"[1]", b'[[]]', b'{"a":1}', b"[" * 12 + b"]" * 12, b"[" * 17 + b"]" * 17,
    b"[" * 30_000 + b"]" * 30_000,
    b"[" * _LONG, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[%s]" % b",".join([b"1"] * 990),
    b"[%s]" % b",".join([b"1"] * 30_000),
    b"[%s]" % b",".join([b"{}"] * 990), b"[%s]" % b",".join([b'""'] * 990),
)  # fmt: skip


def _members(count: int, name: str = "m{}", value: bytes = b"1") -> bytes:
    return b"{" + b",".join(json.dumps(name.format(number)).encode() + b":" + value for number in range(count)) + b"}"


BODIES: Sequence[bytes] = (
    b"null", b"[]", b'""', b"0", b"true", b"{", b"}", b"{}", b"{}{}", b"{} x", b"{}\x00", b" {} ", b"{'a':1}",
    b'{"a":1,}', b"{,}",
    b'{"a"}', b'{"a":}', b"{a:1}", b"/**/{}", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), "{}".encode("utf-32"), b"\xff",
    b"\x00",
    b"\x1f\x8b\x08\x00", b"a=b&c=d", b"--x\r\n\r\n--x--", b"<a/>", b" " * 65_536, b" " * 65_537, b"x" * 65_536,
    b"{" * 65_536,
    b"[" * 65_536, b'"' * 65_536, b"\\" * 65_536, b"," * 65_536, b'"\\' * 32_768, b"1" * 65_536, b"-" * 65_536,
    b"0" * 65_536,
    b"[" + b"1" * 32 + b"]", b"[" * 16 + b"]" * 16, b"[" * 17 + b"]" * 17, b'{"":' * 10_000,
    _members(999), _members(1_001), _members(7_000), _members(990, "m{}" + "x" * 50),
    _members(900, "{}", b'"%s"' % (b"y" * 60)),
    _members(990, "\u202e{}"), _members(990, "{}/~"), _members(990, "same"), b'{"__proto__":{"a":1}}',
    b'{"%s":1}' % (b"n" * 65_000), b'{"\\ud800":1}', b'{"\\u0000":1}', b'{"\xff":1}', b'{"":""}',
    b"[%s]" % b",".join([b"{}"] * 499), b"[%s]" % b",".join([b"0.1e1"] * 9_000),
)  # fmt: skip
TARGETS: Sequence[bytes] = (
    b"http://evil.example%s", b"https://shop%s", b"HTTP://a:b@shop:99999%s", b"%s#fragment", b"%s?", b"%s??", b" %s",
    b"%s HTTP/1.1\r\nX: y",
)  # fmt: skip
"""Forms of a target that still name the call; `%s` stands for its path."""
TARGETS_ELSEWHERE: Sequence[bytes] = (
    b"*", b"", b"ftp://shop%s", b"//evil.example%s", b"/.%s", b"/..%s", b"/%%2e%%2e%s", b"/x/..%s", b"\\%s", b"/;%s",
    b"/%s",
    b"%s/", b"%s//", b"%s/.", b"%s/..", b"%s/%%2e%%2e", b"%s/x/..", b"javascript:%s", b"shop:80", b"http://[::1%s",
    b"http:///%s",
    b"http:%s", b"data:,x", b"/\xff%s", b"/api/..%s", b"/api/%%2e%s",
)  # fmt: skip
"""Forms that name something else, unless a layer normalises them."""
SUFFIXES: Sequence[bytes] = (b";a=b", b"%00", b"%20", b"%0A", b".json", b"%3Fq=a", b"%23", b"%2F", b"%2F..", b"%C0%80")
"""What makes another path of one that ends in a fixed name."""


def wrong_cursors(real: str | None) -> Iterable[bytes]:
    """Cursors that no list gave. real: one that a list gave; its fingerprint is kept, its values are not."""
    yield from _NO_CURSORS
    yield from map(_encoded, _NO_PLACES)
    if real is None:
        return
    body = _decoded(real)
    for position in range(len(body["at"])):
        for value in _CURSOR_VALUES:
            yield forged_cursor(real, position, value)
    for at in (b"[]", b"null", b"{}", b'"x"', b"[%s]" % b",".join([b"1"] * 400), b"[null,null]", b"[[],[]]"):
        yield _encoded(b'{"at":%s,"of":"%s"}' % (at, body["of"].encode()))
    yield _encoded(json.dumps(body | {"of": "0" * 16}).encode())
    yield _encoded(json.dumps(body | {"more": 1}).encode())
    yield real[:-1].encode()
    yield real.encode() + b"A"


def forged_cursor(real: str, position: int, value: bytes) -> bytes:
    """A list's own cursor with one of its sort values replaced by this JSON text."""
    body = _decoded(real)
    at = [json.dumps(one).encode() for one in body["at"]]
    at[position] = value
    return _encoded(b'{"at":[%s],"of":"%s"}' % (b",".join(at), body["of"].encode()))


def first_value(real: str) -> object:
    """The first sort value of a list's own cursor."""
    return _decoded(real)["at"][0]


def _decoded(cursor: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return body


_NO_CURSORS: Sequence[bytes] = (
    b"x", b"=", b"e30", b"W10", b"bnVsbA", b"%FF", b"A" * 2_000, b"A" * 2_001, b"_" * 1_999, b"e30=", b"{" * 1_900,
)  # fmt: skip
_NO_PLACES: Sequence[bytes] = (
    b"{}", b"[]", b"[" * 1_400, b'{"at":[],"of":"x"}', b'{"at":1,"of":1}', b'{"at":' + b"[" * 1_400, b"1" * 1_400,
)  # fmt: skip
_CURSOR_VALUES: Sequence[bytes] = (
    b'"x"', b'""', b"0", b"-1", b"1", b"1.5", b"1e308", b"-1e308", b"1e400", b"NaN", b"9223372036854775807",
    b"9223372036854775808",
    b"9007199254740993", b"1" * 300, b"true", b"null", b"[]", b"{}", b"[1]", b'"\\u0000"', b'"\\ud800"', b'"a\\nb"',
    b'"1970-01-01T00:00:00Z"', b'"0001-01-01T00:00:00Z"', b'"9999-12-31T23:59:59.999999Z"',
    b'"9999-12-31T23:59:59-23:59"',
    b'"2010-12-01"', b'"2010-12-01T00:00:00"', b'"2010-W48-3"', b'"2262-01-01T00:00:00Z"', b'"1e10"', b'"-1"',
    b'"%s"' % _UUID.encode(), b'"%s"' % _UUID.replace("-", "").encode(), b'"urn:uuid:%s"' % _UUID.encode(), b'"."',
    b'".."',
    b'"%s"' % (b"x" * 500), b'"%s"' % (b"x" * 1_300), b'"\xe2\x80\xae"',
)  # fmt: skip


def _encoded(body: bytes) -> bytes:
    return base64.urlsafe_b64encode(body).rstrip(b"=")
