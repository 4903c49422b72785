"""What the sampler keeps of the gateways' answers, asked over real HTTP."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gameday.monitor.sampler import Sampler, as_sample, kept
from gameday.monitor.samples import Sample, read_samples
from gameday.verdict.breakers import Opening, opening

METRICS = """# HELP outbound_attempts_total Attempts
outbound_attempts_total{dependency="query-service",ended="200",number="1",replica="r"} 12.0
outbound_attempts_created{dependency="query-service"} 1.7e+09
http_requests_total{route="/"} 3.0
"""


def status(breaker: str = "closed", pending: int | None = 4) -> dict[str, Any]:
    return {
        "dependencies": [
            {"from": "gateway", "to": "query-service", "replica": "r", "breaker": breaker, "in_flight": 1, "limit": 32,
             "error_rate": 0.0, "p99_ms": None}
        ],
        "outbox": None if pending is None else {"pending": pending, "oldest_s": 0.5},
        "projection": {"lag_events": 7, "as_of": None},
        "shedding": {"replica": "g", "limit": 100, "in_flight": 2, "waiting": 0, "shed": {"checkout": 0}},
    }  # fmt: skip


class Gateway(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = METRICS.encode() if self.path == "/metrics" else json.dumps(status()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_half_second_is_written_down_though_one_gateway_is_away(gateway: str, tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    sampler = Sampler(path, [gateway, "http://127.0.0.1:1"], {"gateway-1": gateway, "gateway-2": "http://127.0.0.1:1"})
    sampler.start()
    time.sleep(1.3)
    sampler.stop()
    samples = list(read_samples(path))
    assert 2 <= len(samples) <= 4
    assert [one.breakers[0].state for one in samples] == ["closed"] * len(samples)
    assert (samples[0].outbox_pending, samples[0].lag_events, samples[0].shedding[0].limit) == (4, 7, 100)
    assert samples[0].counters == {"gateway-1": kept(METRICS)}
    assert list(kept(METRICS).values()) == [12.0]


def test_the_worse_state_of_a_breaker_counts_and_what_nobody_knows_is_none() -> None:
    sample = as_sample(1.0, [status("half-open", None), status("open", None)], {})
    assert [one.state for one in sample.breakers] == ["open"]
    assert (sample.outbox_pending, sample.counters) == (None, None)
    assert as_sample(1.0, [], {}) == Sample(1.0)


def test_a_group_of_routes_is_told_apart_from_replicas_and_its_opening_counts() -> None:
    told = status()
    (replica,) = told["dependencies"]
    told["dependencies"] += [replica | {"replica": None, "group": name, "breaker": "open"} for name in ("a", "b")]
    sample = as_sample(101.0, [told, status("half-open")], {})
    assert [(one.replica, one.group, one.state) for one in sample.breakers] == [
        ("r", "", "half-open"),
        ("", "a", "open"),
        ("", "b", "open"),
    ]
    assert opening([sample], "query-service", 100.0, 160.0) == Opening(0.0, 1.0)


def test_samples_are_read_as_they_were_written_and_half_a_line_is_left(tmp_path: Path) -> None:
    sample = as_sample(1.5, [status()], {"gateway-1": {"a": 1.0}})
    path = tmp_path / "samples.jsonl"
    path.write_bytes(sample.line() + sample.line()[:20])
    assert list(read_samples(path)) == [sample]
    assert list(read_samples(tmp_path / "none.jsonl")) == []


def test_a_breaker_of_a_group_of_routes_is_one_of_its_own() -> None:
    told = status()
    (line,) = told["dependencies"]
    told["dependencies"] = [line | {"group": "browse", "breaker": "open"}, line | {"group": "search"}]
    sample = as_sample(1.0, [told, told], {})
    assert {one.name: one.state for one in sample.breakers} == {
        "gateway → query-service browse r": "open",
        "gateway → query-service search r": "closed",
    }
