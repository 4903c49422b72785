"""Sessions that ended before their tokens expire: after sign-out, a new password, or registration (ADR 24)."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from holdfast.service.tokens import Caller, Role


@dataclass(frozen=True, slots=True)
class Revocation:
    """Ends sessions of one subject: the one of `token_id`, all of a `role`, or those issued before `issued_before` but
    `spared`. Exactly one of the three is set. `number` grows with each; times are in seconds since the epoch, and no
    token that it ends is valid after `expires_at`.
    """

    number: int
    subject: str
    expires_at: float
    token_id: str | None = None
    role: Role | None = None
    issued_before: float | None = None
    spared: str | None = None

    def ends(self, caller: Caller) -> bool:
        """Whether it ends this caller's session; the subject is its own."""
        if self.token_id is not None:
            return caller.token_id == self.token_id
        if self.role is not None:
            return caller.role == self.role
        assert self.issued_before is not None
        return caller.issued_at < self.issued_before and caller.token_id != self.spared

    def as_json(self) -> Mapping[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Self:
        """Raises TypeError for what is none."""
        return cls(**content)


class Revocations:
    """All that this process knows of; implements tokens.EndedSessions. One event loop.

    `known` says whether the list was complete once. `last` is the highest number in it.
    """

    def __init__(self) -> None:
        self.known = False
        self.last = 0
        self._by_subject: dict[str, tuple[Revocation, ...]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_subject.values()))

    def add(self, revocations: Iterable[Revocation]) -> None:
        for each in revocations:
            self._by_subject[each.subject] = (*self._by_subject.get(each.subject, ()), each)
            self.last = max(self.last, each.number)

    def ends(self, caller: Caller) -> bool:
        """Whether the caller's session has ended."""
        found = self._by_subject.get(caller.subject)
        return found is not None and any(each.ends(caller) for each in found)

    def forget_expired(self, now_s: float) -> None:
        """Drop those whose tokens have all expired by themselves."""
        kept = {
            subject: tuple(each for each in found if each.expires_at > now_s)
            for subject, found in self._by_subject.items()
        }
        self._by_subject = {subject: found for subject, found in kept.items() if found}
