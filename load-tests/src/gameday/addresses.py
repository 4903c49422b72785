"""Source addresses on the loopback interface: every caller on this machine can have one of its own.

Linux answers for all of 127.0.0.0/8, so that limits by address can be tried with one machine.
"""

import random
import socket
from collections.abc import Sequence
from contextlib import closing
from ipaddress import AddressValueError, IPv4Address
from typing import Final

SHOPPERS: Final = tuple(f"127.1.0.{last}" for last in range(1, 251))
"""One connection each to two gateways are 500 connections: few enough to keep open, many enough for limits by address
to see 250 callers instead of one."""
ADMIN: Final = "127.1.1.1"
"""Where the load signs in as the admin and restocks from."""
ATTACKERS: Final = tuple(f"127.66.0.{last}" for last in range(1, 251))


def can_bind(host: str) -> bool:
    """Whether connections to this host can come from these addresses: it is a loopback address, and so is the way.

    Between containers, and where the system gives 127.0.0.1 alone to its loopback interface, they cannot.
    """
    try:
        if not IPv4Address(host).is_loopback:
            return False
    except AddressValueError:
        return False
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        try:
            probe.bind((SHOPPERS[-1], 0))
        except OSError:
            return False
    return True


def draw(sources: Sequence[str], dice: random.Random) -> str:
    """One of them at random, "" of none: the system chooses."""
    return dice.choice(sources) if sources else ""
