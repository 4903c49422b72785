"""Two scripted gateways."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from shop_double import Double, Serve, Told, in_turn


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that gives these answers, or asks a function for them."""
    with ExitStack() as running:

        def start(*answers: Told | Callable[..., Told]) -> Double:
            given = answers[0] if callable(answers[0]) else in_turn(*answers)  # type: ignore[arg-type]
            return running.enter_context(Double(given).running())

        yield start
