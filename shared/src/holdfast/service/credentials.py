"""Credentials of services: a caller signs a token with its own key, for the one service that it calls (ADR 26)."""

import base64
import binascii
import time
from collections.abc import Mapping
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

HEADER: Final = "X-Service-Token"
_ALGORITHM: Final = "EdDSA"
_LIVES_S: Final = 60
_RENEWED_AFTER_S: Final = 30
_CLOCKS_AGREE_WITHIN_S: Final = 5
_REMEMBERED: Final = 256

# The demo keys, published here on purpose: production mode refuses them. 32 bytes each, base64.
DEMO_SERVICE_KEYS: Final[Mapping[str, str]] = {
    "gateway": "696Wsbnt2usPuHhT/BU/qGjs3CLE+i5dXi0S2nDTte8=",
    "command-service": "TV3PzqA3qbxF1n2awZNbYFR7cDifu84ffkKo49hjrDM=",
    "settlement": "+kLEKWBKD2iWoDyLFJE20xYmp9uJ/dyCExcnSb5V6f0=",
    "query-service": "mv/jBUhJfIsX6QVbj79u6T2gRMDI6nYGltP1CBHCffo=",
    "tools": "PMBEJvpl0qtbtrGIxDY1vs4D48S0fdWizPPj9cmRyrU=",
}
DEMO_SERVICE_PUBLIC_KEYS: Final = (
    "gateway=bcXHs3S9+g4hViaE8xyy5OaA4JVzA9ekZy6DRpKbEeU=,"
    "command-service=rbjvobnUYC00ES75+GGgHjloaAhtl6T+JJytRm6mZCA=,"
    "settlement=REJ39SYqowPwD7T07D32cMWWEZ68yPFArsk90N2X1aI=,"
    "query-service=A8UftTLL763GDR7R7mgax4ShqdcKeS2rhJ8hLEgw8Fo=,"
    "tools=8BNXp8vkGZgn1r950bPxEwj/omwrI8wvA/z1XhImDm8="
)


class ServiceKeyInvalid(ValueError):
    """Not 32 bytes in base64, or not of the form `name=key,name=key`."""


class CredentialInvalid(Exception):
    """A token that is malformed, expired, for another service, or signed by nobody whose key is known."""


def service_private_key(text: str) -> Ed25519PrivateKey:
    """Raises ServiceKeyInvalid."""
    return Ed25519PrivateKey.from_private_bytes(_bytes(text))


def service_public_keys(text: str) -> Mapping[str, Ed25519PublicKey]:
    """By the name of the service. Raises ServiceKeyInvalid."""
    found: dict[str, Ed25519PublicKey] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        name, equals, key = entry.partition("=")
        if not name or not equals or name in found:
            raise ServiceKeyInvalid(f"{entry[:40]!r} is not of the form name=key, once for each name")
        found[name] = Ed25519PublicKey.from_public_bytes(_bytes(key))
    return found


def service_keys_bytes(text: str) -> list[str]:
    """The public keys of a service's private key, or of `name=key,name=key`, in hexadecimal; none if it is invalid."""
    try:
        if "=" in text.strip().rstrip("="):
            return [key.public_bytes_raw().hex() for key in service_public_keys(text).values()]
        return [service_private_key(text).public_key().public_bytes_raw().hex()]
    except ServiceKeyInvalid:
        return []


def _bytes(text: str) -> bytes:
    try:
        found = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceKeyInvalid("a service's key is 32 bytes in base64") from error
    if len(found) != 32:
        raise ServiceKeyInvalid("a service's key is 32 bytes in base64")
    return found


class Signer:
    """Signs as one service. A token serves for many calls."""

    def __init__(self, name: str, private_key: str) -> None:
        """Raises ServiceKeyInvalid."""
        self.name = name
        self._key = service_private_key(private_key)
        self._tokens: dict[str, tuple[str, float]] = {}

    def header(self, audience: str) -> tuple[str, str]:
        """The header of a call to the service of that name."""
        return HEADER, self.token(audience)

    def token(self, audience: str) -> str:
        """A token for the service of that name, good for half a minute or more."""
        now_s = time.time()
        token, renewed_at = self._tokens.get(audience, ("", 0.0))
        if now_s >= renewed_at:
            claims = {"iss": self.name, "aud": audience, "exp": int(now_s) + _LIVES_S}
            token = jwt.encode(claims, self._key, algorithm=_ALGORITHM)
            self._tokens[audience] = token, now_s + _RENEWED_AFTER_S
        return token


class Verifier:
    """Verifies what is signed for one service; each token once."""

    def __init__(self, audience: str, public_keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._audience = audience
        self._keys = public_keys
        self._good: dict[str, tuple[str, int]] = {}

    def verify(self, token: str) -> str:
        """The name of the service that signed it. Raises CredentialInvalid."""
        known = self._good.get(token)
        if known is None:
            known = self._decode(token)
            if len(self._good) >= _REMEMBERED:
                self._good.clear()
            self._good[token] = known
        name, expires_at = known
        if time.time() > expires_at + _CLOCKS_AGREE_WITHIN_S:
            raise CredentialInvalid("the credential has expired")
        return name

    def _decode(self, token: str) -> tuple[str, int]:
        try:
            name = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
            key = self._keys.get(name)
            if key is None:
                raise CredentialInvalid(f"no key of {name[:40]!r} is known here")
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                leeway=_CLOCKS_AGREE_WITHIN_S,
                options={"require": ["iss", "aud", "exp"]},
            )
        except jwt.PyJWTError as error:
            raise CredentialInvalid(f"the credential is not valid: {type(error).__name__}") from error
        return name, int(claims["exp"])
