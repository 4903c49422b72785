"""`holdfast-secrets`: new keys and passwords for a shop in production mode, as lines of an .env file."""

import argparse
import base64
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_SERVICE_KEYS: Final = {
    "gateway": "GATEWAY_SERVICE_KEY",
    "command-service": "COMMAND_SERVICE_KEY",
    "settlement": "SETTLEMENT_SERVICE_KEY",
    "query-service": "QUERY_SERVICE_KEY",
    "tools": "TOOLS_SERVICE_KEY",
}
"""Each service that calls others, and the variable from which docker-compose.yml gives it its key."""

_EPILOG = """example:
  (umask 077; holdfast-secrets > .env)   then docker compose up: compose reads the file

PostgreSQL takes the owner's password when its volume is made. Change it later with ALTER ROLE, then in the file."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Always 0; prints the lines."""
    argparse.ArgumentParser(
        prog="holdfast-secrets",
        description="Print new secrets for production mode, which refuses those of the demo.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(arguments)
    print("\n".join(f'{name}="{value}"' for name, value in made().items()))
    return 0


def made() -> Mapping[str, str]:
    """New values of every secret setting, and MODE. Line ends of keys are written as `\\n`."""
    token, checkpoint = _pair(), _pair()
    services = {name: Ed25519PrivateKey.generate() for name in _SERVICE_KEYS}
    return {
        "MODE": "production",
        "TOKEN_PRIVATE_KEY": token[0],
        "TOKEN_PUBLIC_KEY": token[1],
        "CHECKPOINT_PRIVATE_KEY": checkpoint[0],
        "CHECKPOINT_PUBLIC_KEY": checkpoint[1],
        **{_SERVICE_KEYS[name]: _base64(key.private_bytes_raw()) for name, key in services.items()},
        "SERVICE_PUBLIC_KEYS": ",".join(
            f"{name}={_base64(key.public_key().public_bytes_raw())}" for name, key in services.items()
        ),
        "ADMIN_PASSWORD": secrets.token_urlsafe(24),
        "POSTGRES_OWNER_PASSWORD": secrets.token_urlsafe(24),
        "POSTGRES_SERVICE_PASSWORD": secrets.token_urlsafe(24),
    }


def _base64(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _pair() -> tuple[str, str]:
    private = Ed25519PrivateKey.generate()
    pems = (
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )
    first, second = (pem.decode().strip().replace("\n", "\\n") for pem in pems)
    return first, second
