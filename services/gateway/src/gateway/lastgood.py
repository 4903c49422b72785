"""The last good answers of the catalogue, kept to be shown, marked stale, when nothing else answers (RFC 5861,
stale-if-error).

They are used on errors only, never to spare a call, and hold nothing of any caller.
"""

from collections import OrderedDict
from dataclasses import dataclass

from holdfast.resilience.clock import SYSTEM_CLOCK, Clock

_OVERHEAD_BYTES = 500  # an entry's key and objects, roughly


@dataclass(frozen=True, slots=True)
class GoodAnswer:
    """`body` as it came, `age_s` how old the read model said it was then, `at_s` when it came (the clock's seconds)."""

    body: bytes
    content_type: str
    age_s: int
    at_s: float


class LastGood:
    """The newest good answer for each key, within `max_bytes`; the least recently used go first. One event loop."""

    def __init__(self, max_bytes: int, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._answers: OrderedDict[str, GoodAnswer] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    def keep(self, key: str, body: bytes, content_type: str, age_s: int = 0) -> None:
        """Remember the answer; one that alone is over the limit is not kept."""
        self._drop(key)
        if _size(key, body) > self._max_bytes:
            return
        self._answers[key] = GoodAnswer(body, content_type, age_s, self._clock.now())
        self.bytes += _size(key, body)
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._answers)))

    def find(self, key: str, max_age_s: float) -> tuple[GoodAnswer, int] | None:
        """The answer and its age in whole seconds; None when there is none, or only one older than `max_age_s`.

        The age counts from when the read model was right, not from when the answer came.
        """
        answer = self._answers.get(key)
        if answer is None:
            return None
        age_s = answer.age_s + int(self._clock.now() - answer.at_s)
        if age_s > max_age_s:
            return None
        self._answers.move_to_end(key)
        return answer, age_s

    def _drop(self, key: str) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self.bytes -= _size(key, answer.body)


def _size(key: str, body: bytes) -> int:
    return len(key) + len(body) + _OVERHEAD_BYTES
