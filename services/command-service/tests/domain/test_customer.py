import pytest

from command_service.domain.customer import Guest, Register, Registered, UpdateProfile, decide, evolve
from command_service.domain.events import CustomerEvent, CustomerRegistered, ProfileUpdated
from command_service.domain.refusals import AlreadyRegistered, CustomerUnknown
from command_service.domain.values import BrokenHistory
from command_service.testing.strategies import ADDRESS

ADA = Registered("Ada@example.org", "Ada", "customer", None)


def test_a_guest_registers_once() -> None:
    registered = CustomerRegistered("Ada@example.org", "Ada", "customer")
    assert decide(Register("Ada@example.org", "Ada", "customer"), Guest()) == (registered,)
    assert evolve(Guest(), registered) == ADA
    assert decide(Register("Ada@example.org", "Ada", "customer"), ADA) == AlreadyRegistered()


def test_a_profile_is_replaced_whole_and_keeps_its_role() -> None:
    updated = ProfileUpdated("Ada L", "ada@example.net", ADDRESS)
    assert decide(UpdateProfile("Ada L", "ada@example.net", ADDRESS), ADA) == (updated,)
    assert evolve(ADA, updated) == Registered("ada@example.net", "Ada L", "customer", ADDRESS)


def test_the_same_profile_again_changes_nothing() -> None:
    assert decide(UpdateProfile("Ada", "Ada@example.org", None), ADA) == ()


def test_a_guest_has_no_profile() -> None:
    assert decide(UpdateProfile("Ada", "ada@example.org", None), Guest()) == CustomerUnknown()


@pytest.mark.parametrize(
    ("state", "event"),
    [(ADA, CustomerRegistered("a@example.org", "A", "admin")), (Guest(), ProfileUpdated("A", "a@example.org", None))],
)
def test_an_event_that_cannot_follow_is_a_broken_history(state: Guest | Registered, event: CustomerEvent) -> None:
    with pytest.raises(BrokenHistory):
        evolve(state, event)
