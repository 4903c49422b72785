"""A registered customer's profile; a guest has no stream (CORRECTNESS 6). Uniqueness of e-mails is not decided here."""

from dataclasses import dataclass
from typing import assert_never

from command_service.domain.events import CustomerEvent, CustomerRegistered, ProfileUpdated, Role
from command_service.domain.refusals import AlreadyRegistered, CustomerUnknown
from command_service.domain.values import Address, BrokenHistory


@dataclass(frozen=True, slots=True)
class Guest:
    """Nobody registered under this id."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The e-mail as typed."""

    email: str
    name: str
    role: Role
    address: Address | None


Customer = Guest | Registered


@dataclass(frozen=True, slots=True)
class Register:
    """RegisterCustomer."""

    email: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class UpdateProfile:
    """UpdateUserProfile: replaces name, e-mail and address."""

    name: str
    email: str
    address: Address | None


Command = Register | UpdateProfile
Refusal = AlreadyRegistered | CustomerUnknown


def decide(command: Command, state: Customer) -> tuple[CustomerEvent, ...] | Refusal:
    match command:
        case Register(email, name, role):
            return (CustomerRegistered(email, name, role),) if isinstance(state, Guest) else AlreadyRegistered()
        case UpdateProfile():
            return _update(command, state)
        case _:
            assert_never(command)


def evolve(state: Customer, event: CustomerEvent) -> Customer:
    """Raises BrokenHistory when the event cannot follow the state."""
    match event, state:
        case CustomerRegistered(email, name, role), Guest():
            return Registered(email, name, role, None)
        case ProfileUpdated(name, email, address), Registered():
            return Registered(email, name, state.role, address)
        case _:
            raise BrokenHistory(state, event)


def _update(command: UpdateProfile, state: Customer) -> tuple[CustomerEvent, ...] | CustomerUnknown:
    if isinstance(state, Guest):
        return CustomerUnknown()
    if (command.name, command.email, command.address) == (state.name, state.email, state.address):
        return ()
    return (ProfileUpdated(command.name, command.email, command.address),)
