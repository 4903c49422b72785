"""Bearer tokens: the gateway alone signs them (EdDSA), every service verifies them with the public key."""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol, cast, get_args

import jwt

from holdfast.service.keys import private_key, public_key

Role = Literal["guest", "customer", "admin"]
LIFETIMES: Final = {
    "guest": timedelta(days=30),
    "customer": timedelta(hours=12),
    "admin": timedelta(hours=12),
}
_ALGORITHM: Final = "EdDSA"
# A gateway's clock may be ahead by a moment: when a token was issued is compared, not checked.
_OPTIONS: Final[Any] = {"require": ["sub", "role", "exp"], "verify_iat": False, "verify_jti": False}


class TokenInvalid(Exception):
    """A token that is malformed, expired, or signed by someone else. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SessionEnded(TokenInvalid):
    """A good token whose session was ended before its time. Field: `caller`, who it names."""

    def __init__(self, caller: "Caller") -> None:
        super().__init__("the session has ended")
        self.caller = caller


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `subject` is the customer id, `token_id` names the session. Times in seconds since the epoch."""

    subject: str
    role: Role
    expires_at: int
    issued_at: float = 0.0
    token_id: str = ""

    def age_s(self, now_s: float) -> float:
        """Seconds since the token was signed."""
        return now_s - self.issued_at


class EndedSessions(Protocol):
    """Which sessions have ended before their time."""

    def ends(self, caller: Caller) -> bool: ...


class TokenSigner:
    """Signs tokens. Raises KeyInvalid for a key that is no Ed25519 private key."""

    def __init__(self, private_key_pem: str) -> None:
        self._key = private_key(private_key_pem)

    def sign(self, subject: str, role: Role, now: datetime) -> tuple[str, datetime]:
        """A token for `subject` and the time it expires; guests 30 days, others 12 hours."""
        expires_at = (now + LIFETIMES[role]).replace(microsecond=0)
        claims = {
            "sub": subject,
            "role": role,
            "iat": round(now.timestamp(), 3),
            "exp": int(expires_at.timestamp()),
            "jti": secrets.token_hex(16),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), expires_at


class TokenVerifier:
    """Verifies tokens, and remembers the last `remember` good ones so that a caller's signature is checked once.

    `ended` may be set later: which sessions have ended before their time.
    """

    def __init__(self, public_key_pem: str, remember: int = 4096) -> None:
        self.ended: EndedSessions | None = None
        self._key = public_key(public_key_pem)
        self._remember = remember
        self._good: OrderedDict[str, Caller] = OrderedDict()

    def verify(self, token: str) -> Caller:
        """The caller that the token names. Raises TokenInvalid, SessionEnded for one whose session has ended."""
        known = self._good.get(token)
        if known is None:
            known = self._decode(token)
            self._good[token] = known
            if len(self._good) > self._remember:
                self._good.popitem(last=False)
        if known.expires_at <= datetime.now(UTC).timestamp():
            raise TokenInvalid("the token has expired")
        if self.ended is not None and self.ended.ends(known):
            raise SessionEnded(known)
        return known

    def _decode(self, token: str) -> Caller:
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options=_OPTIONS)
        except jwt.PyJWTError as error:
            raise TokenInvalid(f"the token is not valid: {type(error).__name__}") from error
        if claims["role"] not in get_args(Role):
            raise TokenInvalid("the token names an unknown role")
        role, expires_at = cast(Role, claims["role"]), int(claims["exp"])
        # Tokens from before said neither when they were issued, which their role tells, nor which they were.
        issued_at = float(claims.get("iat", expires_at - LIFETIMES[role].total_seconds()))
        token_id = str(claims.get("jti") or hashlib.sha256(token.encode()).hexdigest()[:32])
        return Caller(claims["sub"], role, expires_at, issued_at, token_id)
