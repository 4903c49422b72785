"""Ed25519 keys as PEM, as settings hold them."""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

# The demo pairs, published here on purpose: production mode refuses them.
DEMO_PRIVATE_KEY: Final = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEICfYOqEmXqt3LhSfn7+Upn1f4i3gpg4VsZSdLfnHXCkk
-----END PRIVATE KEY-----
"""
DEMO_PUBLIC_KEY: Final = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAeA/GgWLx8zFADzg3V+iG8y5bL/9Ye7nXVGxi1pqbMOY=
-----END PUBLIC KEY-----
"""
DEMO_CHECKPOINT_PRIVATE_KEY: Final = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIWlLgODfuZrc5RORJhaC8iSVKe7n4GMZ2LiEmuZKQiQ
-----END PRIVATE KEY-----
"""
DEMO_CHECKPOINT_PUBLIC_KEY: Final = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA3Qmmw6bJvjdmCA6rLUcgU5a5qhIJAcEfslaKZBnIxN8=
-----END PUBLIC KEY-----
"""


class KeyInvalid(ValueError):
    """A key that is no Ed25519 key in PEM."""


def private_key(pem: str) -> Ed25519PrivateKey:
    """Raises KeyInvalid."""
    try:
        key = load_pem_private_key(_bytes(pem), password=None)
    except (ValueError, TypeError) as error:  # TypeError: it is encrypted
        raise KeyInvalid("not a PEM private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyInvalid("not an Ed25519 private key")
    return key


def public_key(pem: str) -> Ed25519PublicKey:
    """Raises KeyInvalid."""
    try:
        key = load_pem_public_key(_bytes(pem))
    except ValueError as error:
        raise KeyInvalid("not a PEM public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyInvalid("not an Ed25519 public key")
    return key


def key_bytes(pem: str) -> str:
    """The public key of either half of a pair, in hexadecimal, the same however the PEM is written; "" if invalid."""
    try:
        key = private_key(pem).public_key() if "PRIVATE" in pem else public_key(pem)
    except KeyInvalid:
        return ""
    return key.public_bytes_raw().hex()


def is_signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature is one of this message by this key."""
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _bytes(pem: str) -> bytes:
    # A PEM in one environment variable often has its line ends written as \n.
    return pem.replace("\\n", "\n").encode()
