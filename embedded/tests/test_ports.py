"""Ports: the given one, else the usual one, else a free one."""

import socket
from collections.abc import Iterator

import pytest

from embedded import ports
from embedded.versions import PORTS


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_usual_port_is_taken_when_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with ports.claimed(["relay"], {}) as chosen:
        free = chosen["relay"]
    monkeypatch.setitem(PORTS, "relay", free)
    with ports.claimed(["relay"], {}) as chosen:
        assert chosen == {"relay": free}


def test_a_free_port_is_found_when_the_usual_one_is_taken(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setitem(PORTS, "relay", taken)
    with ports.claimed(["relay"], {}) as chosen:
        assert chosen["relay"] != taken
        with socket.create_server(("127.0.0.1", chosen["relay"])):
            pass


def test_a_given_port_that_is_taken_is_refused(taken: int) -> None:
    with (
        pytest.raises(ports.PortTaken, match=f"port {taken} for relay is taken"),
        ports.claimed(["relay"], {"relay": taken}),
    ):
        pass


def test_no_port_is_chosen_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PORTS, "relay", PORTS["projector"])
    with ports.claimed(["projector", "relay"], {}) as chosen:
        assert chosen["projector"] != chosen["relay"]


def test_a_port_that_a_stack_has_is_no_other_ones_although_nothing_listens_there() -> None:
    with ports.claimed(["relay"], {}) as ours:
        with ports.claimed(["relay"], {}) as theirs:
            assert theirs["relay"] != ours["relay"]
        with pytest.raises(ports.PortTaken), ports.claimed(["relay"], ours):
            pass
    with ports.claimed(["relay"], ours) as again:
        assert again == ours


def test_given_ports_are_read_as_pairs() -> None:
    assert ports.parse("gateway-1=8090,postgres=5433") == {"gateway-1": 8090, "postgres": 5433}
    assert ports.parse("") == {}


@pytest.mark.parametrize("text", ["gateway-3=1", "relay", "relay=", "relay=x", "relay=0", "relay=65536"])
def test_what_is_no_pair_of_name_and_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.partition("=")[0]):
        ports.parse(text)
