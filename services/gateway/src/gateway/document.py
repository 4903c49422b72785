"""`python -m gateway.document` prints /openapi.json, sorted and indented, so that its differences read well."""

import sys

import orjson

from gateway.bootstrap import build
from gateway.settings import GatewaySettings


def document() -> bytes:
    """The document of demo mode with every other setting at its default."""
    found = build(GatewaySettings(mode="demo")).openapi()
    return orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS)


if __name__ == "__main__":
    sys.stdout.buffer.write(document())
