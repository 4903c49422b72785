"""The network that a caller comes from, and the mark by which an account remembers it without storing it."""

import hashlib
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from command_service.domain.values import CustomerId

# About 4,096 IPv4 addresses share each mark, so a copy of the table does not say where a customer lives. A stranger's
# address has by chance one of an account's eight marks once in 131,072 times, which gives that address the attempts of
# a known one and no more.
_MARK_BITS: Final = 20
_IPV6_HOST_BITS: Final = 64


def client_network(address: str | None) -> str | None:
    """The IPv4 address, or the /64 of an IPv6 address (one customer has all of it). None for anything else."""
    try:
        parsed = ip_address((address or "").strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return _of_ipv6(parsed)


def _of_ipv6(address: IPv6Address) -> str:
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    prefix = int(address) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS
    return str(IPv6Network((prefix, 128 - _IPV6_HOST_BITS)))


def network_mark(customer_id: CustomerId, network: str) -> int:
    """20 bits of SHA-256 over both: the same network has another mark for each customer."""
    digest = hashlib.sha256(f"{customer_id} {network}".encode()).digest()
    return int.from_bytes(digest, "big") >> (8 * len(digest) - _MARK_BITS)
