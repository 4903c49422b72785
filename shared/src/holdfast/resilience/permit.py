"""Leave to make one call, which a circuit breaker gives and wants back with the call's outcome."""

from typing import Protocol, Self

from holdfast.resilience.outcome import FAILURE, NEUTRAL, SUCCESS, ClassifyError, Outcome


class Settles(Protocol):
    """What gave a permit."""

    def settle(self, permit: "Permit", outcome: Outcome, /) -> None: ...


class Permit:
    """Leave to make one call. Settle it once, with its outcome; more often changes nothing.

    `with permit:` settles it: what the block raises counts as `classify` says, cancellation as neutral. The block may
    settle it sooner (an answer that is a failure); else its normal end is a success.
    """

    __slots__ = ("_breaker", "_classify", "_settled", "begun_s", "ends_s", "generation")

    def __init__(
        self, breaker: Settles, generation: int, begun_s: float, ends_s: float, classify: ClassifyError
    ) -> None:
        self._breaker = breaker
        self._classify = classify
        self._settled = False
        self.generation = generation
        self.begun_s = begun_s
        self.ends_s = ends_s

    def success(self) -> None:
        self.settle(SUCCESS)

    def failure(self) -> None:
        self.settle(FAILURE)

    def neutral(self) -> None:
        """The call said nothing about the dependency (cancelled, shed, refused locally): the permit is given back."""
        self.settle(NEUTRAL)

    def settle(self, outcome: Outcome) -> None:
        if not self._settled:
            self._settled = True
            self._breaker.settle(self, outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if self._settled:
            return
        try:
            if error is None:
                self.success()
            elif isinstance(error, Exception):
                self.settle(self._classify(error))
        finally:
            self.neutral()  # cancelled: says nothing (CORRECTNESS 28)
