"""One client that calls too often, against a server that counts."""

import time
from pathlib import Path

from gameday.experiments.flood import Flood
from shop_double import Asked, Serve, Told


def test_a_flood_calls_with_one_token_until_it_is_ended_and_says_what_was_answered(
    serve: Serve, tmp_path: Path
) -> None:
    def answer(asked: Asked) -> Told:
        return Told(201, {"token": "the one"}) if asked.method == "POST" else Told(429)

    double = serve(answer)
    flood = Flood([double.url], rate=50, log=tmp_path / "flood.log")
    ends_at = time.monotonic() + 60
    while len(double.asked) < 50 and time.monotonic() < ends_at:
        time.sleep(0.1)
    flood.stop()
    calls = [asked for asked in double.asked if asked.method == "GET"]
    assert {asked.headers["authorization"] for asked in calls} == {"Bearer the one"}
    assert 49 / (calls[48].at - calls[0].at) < 75
    assert (tmp_path / "flood.log").read_text() == f"429: {len(calls)}\n"
