"""Lists of replicas: what may stand in them, and names resolved in the background."""

import socket
import threading

import pytest

from holdfast.resilience.addresses import DnsName, Resolver, look_up, parse_urls


def test_urls_and_names_are_told_apart_and_repeats_dropped() -> None:
    found = parse_urls(" http://127.0.0.1:8101/, http://127.0.0.1:8101,dns+http://command:8080 ,http://command ")
    assert found.urls == ("http://127.0.0.1:8101", "http://command:80")
    assert found.names == (DnsName("command", 8080),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "127.0.0.1:8101",
        "https://a:1",
        "http://",
        "http://a:99999",
        "http://a:b",
        "http://a:1/path",
        "http://a:1?q",
        "http://a:1#f",
        "http://user@a:1",
        "dns+http://name",
        "http://[::1",
        "http://ok:1,ftp://bad:1",
    ],
)
def test_what_is_no_address_is_refused_with_the_entry(text: str) -> None:
    with pytest.raises(ValueError, match=r"no URL|must") as caught:
        parse_urls(text)
    assert text.rsplit(",", maxsplit=1)[-1].strip() in str(caught.value)


def test_an_ipv6_address_is_put_in_brackets() -> None:
    assert parse_urls("http://[::1]:8101").urls == ("http://[::1]:8101",)


def test_the_systems_resolver_gives_every_address_once() -> None:
    assert "127.0.0.1" in look_up("localhost", 80)


class Answers:
    """A lookup that gives one scripted answer after another, then the last one for ever."""

    def __init__(self, *answers: list[str] | OSError) -> None:
        self.answers = list(answers)
        self.asked = threading.Semaphore(0)
        self.given: list[tuple[str, ...]] = []
        self.changed = threading.Semaphore(0)

    def look_up(self, name: str, port: int) -> list[str]:
        self.asked.release()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    def found(self, name: DnsName, urls: tuple[str, ...]) -> None:
        self.given.append(urls)
        self.changed.release()


def test_a_failed_or_empty_answer_keeps_the_last_good_one() -> None:
    answers = Answers(["10.0.0.1"], socket.gaierror("gone"), [], ["10.0.0.1", "fd00::2"])
    resolver = Resolver(DnsName("command", 8080), answers.found, every_s=0.005, lookup=answers.look_up)
    resolver.start()
    assert answers.changed.acquire(timeout=5)
    assert answers.changed.acquire(timeout=5)
    resolver.stop()
    assert answers.given[:2] == [("http://10.0.0.1:8080",), ("http://10.0.0.1:8080", "http://[fd00::2]:8080")]


def test_stopping_does_not_wait_for_a_lookup_that_hangs_and_drops_its_answer() -> None:
    hang, asked, given = threading.Event(), threading.Event(), []

    def look_up(name: str, port: int) -> list[str]:
        asked.set()
        hang.wait(5)
        return ["10.0.0.1"]

    resolver = Resolver(DnsName("x", 1), lambda *found: given.append(found), every_s=0.001, lookup=look_up)
    resolver.start()
    assert asked.wait(5)
    resolver.stop()
    hang.set()
    resolver._thread.join(5)
    assert not resolver._thread.is_alive()
    assert given == []
