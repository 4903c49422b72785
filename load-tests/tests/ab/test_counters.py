"""What processes counted: read from their metrics, and put together over places that told at different moments."""

import math

import pytest

from gameday.ab.counters import Counts, Told, grown, read

GATEWAY = """\
# HELP outbound_attempts_total Attempts of calls
outbound_attempts_total{dependency="query-service",ended="200",number="1",replica="query-1"} 7.0
outbound_attempts_total{dependency="query-service",ended="timeout",number="1",replica="query-1"} 3.0
outbound_attempts_total{dependency="query-service",ended="503",number="2",replica="query-2"} 2.0
outbound_attempts_total{dependency="command-service",ended="200",number="1",replica="command-1"} 90.0
outbound_attempts_created{dependency="query-service",ended="200",number="1",replica="query-1"} 1.7e+09
http_requests_total{method="GET",route="/api/products",status="200"} 50.0
"""
QUERY = """\
query_elasticsearch_attempts_total{number="1"} 10.0
query_elasticsearch_attempts_total{number="2"} 4.0
query_elasticsearch_attempts_created{number="2"} 1.7e+09
http_requests_total{method="GET",route="/api/products",status="200"} 8.0
http_requests_total{method="GET",route="/api/products/{product_id}",status="503"} 2.0
http_requests_total{method="GET",route="/healthz",status="200"} 400.0
http_requests_total{method="GET",route="/status",status="200"} 30.0
"""


def test_a_gateway_tells_its_attempts_at_query_service_and_how_many_were_answered() -> None:
    assert read("gateway-1", GATEWAY) == Counts(to_query=12, received=9)


def test_query_service_tells_its_attempts_at_the_store_and_its_answers_to_others() -> None:
    assert read("query-1", QUERY) == Counts(to_store=14, answers=10)


def test_nothing_told_is_nothing_counted() -> None:
    assert read("query-1", "") == Counts()
    assert grown({}, "answers", 5.0) == 0


def test_between_two_answers_a_place_is_taken_to_grow_evenly() -> None:
    slow = [Told(10.0, "query-1", Counts(answers=100)), Told(20.0, "query-1", Counts(answers=200))]
    quick = [Told(at, "query-2", Counts(answers=10 * at)) for at in (10.0, 11.0, 12.0, 13.0)]
    told = {"query-1": slow, "query-2": quick}
    assert grown(told, "answers", 12.5) == pytest.approx(125 + 125)
    assert grown(told, "answers", 10.0) == pytest.approx(100 + 100)


def test_before_the_first_answer_nothing_has_grown_and_after_the_last_nobody_knows() -> None:
    told = {"query-1": [Told(10.0, "query-1", Counts(answers=100)), Told(20.0, "query-1", Counts(answers=200))]}
    assert grown(told, "answers", 3.0) == 100
    assert grown(told, "answers", 20.0) == 200
    assert math.isnan(grown(told, "answers", 20.1))
