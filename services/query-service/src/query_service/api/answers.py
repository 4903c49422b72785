"""Answers of the read model, marked with where they come from and how old they may be."""

from collections.abc import Sequence
from typing import Any

from fastapi.responses import Response

from holdfast.service.responses import json_response
from query_service.freshness import Freshness


def read_model_answer(content: Any, freshness: Freshness, *, missing: Sequence[str] = ()) -> Response:
    """200 with `Served-From: read-model`; behind, also `Degraded: projection-lag` and Age in whole seconds (Age only
    if any watermark was ever seen). An answer without some of its parts says `Degraded: part-missing` instead.
    """
    headers = {"Served-From": "read-model"}
    staleness = freshness.staleness()
    if staleness.degraded:
        headers["Degraded"] = "projection-lag"
        if staleness.age_s is not None:
            headers["Age"] = str(int(staleness.age_s))
    if missing:
        headers["Degraded"] = "part-missing"
    return json_response(content, headers=headers)
