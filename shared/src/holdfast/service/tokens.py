"""Bearer tokens: the gateway alone signs them (EdDSA), every service verifies them with the public key."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, cast, get_args

import jwt

from holdfast.service.keys import private_key, public_key

Role = Literal["guest", "customer", "admin"]
LIFETIMES: Final = {
    "guest": timedelta(days=30),
    "customer": timedelta(hours=12),
    "admin": timedelta(hours=12),
}
_ALGORITHM: Final = "EdDSA"


class TokenInvalid(Exception):
    """A token that is malformed, expired, or signed by someone else. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `subject` is the customer id, `expires_at` in seconds since the epoch."""

    subject: str
    role: Role
    expires_at: int

    def age_s(self, now_s: float) -> float:
        """Seconds since the token was signed; tokens say when they expire, and each role's last equally long."""
        return now_s - self.expires_at + LIFETIMES[self.role].total_seconds()


class TokenSigner:
    """Signs tokens. Raises KeyInvalid for a key that is no Ed25519 private key."""

    def __init__(self, private_key_pem: str) -> None:
        self._key = private_key(private_key_pem)

    def sign(self, subject: str, role: Role, now: datetime) -> tuple[str, datetime]:
        """A token for `subject` and the time it expires; guests 30 days, others 12 hours."""
        expires_at = (now + LIFETIMES[role]).replace(microsecond=0)
        claims = {"sub": subject, "role": role, "exp": int(expires_at.timestamp())}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), expires_at


class TokenVerifier:
    """Verifies tokens, and remembers the last `remember` good ones so that a caller's signature is checked once."""

    def __init__(self, public_key_pem: str, remember: int = 4096) -> None:
        self._key = public_key(public_key_pem)
        self._remember = remember
        self._good: OrderedDict[str, Caller] = OrderedDict()

    def verify(self, token: str) -> Caller:
        """The caller that the token names. Raises TokenInvalid."""
        known = self._good.get(token)
        if known is None:
            known = self._decode(token)
            self._good[token] = known
            if len(self._good) > self._remember:
                self._good.popitem(last=False)
        if known.expires_at <= datetime.now(UTC).timestamp():
            raise TokenInvalid("the token has expired")
        return known

    def _decode(self, token: str) -> Caller:
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options={"require": ["sub", "role", "exp"]})
        except jwt.PyJWTError as error:
            raise TokenInvalid(f"the token is not valid: {type(error).__name__}") from error
        if claims["role"] not in get_args(Role):
            raise TokenInvalid("the token names an unknown role")
        return Caller(claims["sub"], cast(Role, claims["role"]), int(claims["exp"]))
