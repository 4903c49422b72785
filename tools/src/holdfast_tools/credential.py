"""`holdfast-credential SERVICE`: the header by which a service knows the tools, for calls by hand (ADR 26)."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from holdfast_tools.command_line import UserError
from holdfast_tools.stores import tools_signer

_SERVICES: Final = (
    *("gateway", "command-service", "query-service", "payment-service", "projector-service"),
    *("outbox-relay", "settlement", "migrations"),
)
_EPILOG: Final = """example:
  curl -H "$(holdfast-credential settlement)" http://127.0.0.1:8132/status"""


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 2 if SERVICE_PRIVATE_KEY is invalid. Prints one header line, good for half a minute or more."""
    parser = argparse.ArgumentParser(
        prog="holdfast-credential",
        description="Print the header that signs a call to a service with the tools' key (SERVICE_PRIVATE_KEY).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("service", metavar="SERVICE", choices=_SERVICES, help=", ".join(_SERVICES))
    service = parser.parse_args(arguments).service
    try:
        name, token = tools_signer().header(service)
    except UserError as error:
        print(f"holdfast-credential: {error}", file=sys.stderr)
        return 2
    print(f"{name}: {token}")
    return 0
