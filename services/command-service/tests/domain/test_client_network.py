"""Networks of callers and their marks."""

import pytest

from command_service.domain.client_network import client_network, network_mark
from command_service.domain.values import CustomerId

ADA, BOB = CustomerId("ada"), CustomerId("bob")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
    ],
)
def test_an_ipv6_address_counts_as_its_64_bit_network(address: str, network: str) -> None:
    assert client_network(address) == network


@pytest.mark.parametrize(
    "address",
    [None, "", " ", "unknown", "192.0.2", "192.0.2.7:80", "192.0.2.7, 192.0.2.8", "[::1]", "1" * 5_000, "٣.1.1.1"],
)
def test_what_is_no_address_is_no_network(address: str | None) -> None:
    assert client_network(address) is None


def test_neighbours_in_one_64_bit_network_are_one_and_beyond_it_two() -> None:
    assert client_network("2001:db8::1") == client_network("2001:db8::ffff:1")
    assert client_network("2001:db8:0:1::1") != client_network("2001:db8::1")


def test_a_mark_has_20_bits_and_differs_by_network_and_by_customer() -> None:
    networks = [f"192.0.2.{number}" for number in range(256)]
    adas = {network_mark(ADA, network) for network in networks}
    assert len(adas) > 250
    assert all(0 <= mark < 2**20 for mark in adas)
    assert max(adas) > 2**19
    assert len(adas & {network_mark(BOB, network) for network in networks}) < 5
    assert network_mark(ADA, "192.0.2.1") == network_mark(ADA, "192.0.2.1")
