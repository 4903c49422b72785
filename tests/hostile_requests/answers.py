"""What the answer to a hostile request has to be."""

import json
import re

from hostile_requests.exchange import Response
from hostile_requests.operations import Request

_BUSY_CODES = frozenset({"overloaded", "bulkhead-full", "deadline-exceeded"})
_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code", "request_id"})


def is_rate_limited(response: Response) -> bool:
    """Whether the caller, not the request, was refused."""
    return response.status == 429


def is_busy(request: Request, response: Response) -> bool:
    """Whether the shop says that it has no time or place now, for no reason that the request gives."""
    if response.status not in (503, 504) or request.sets_deadline:
        return False
    return "retry-after" in response.headers and code_of(response) in _BUSY_CODES


def faults(request: Request, response: Response) -> list[str]:
    """What is wrong with the answer; empty if nothing is."""
    found = []
    if response.status >= 500 and response.status not in (501, 504):
        found.append(f"{response.status} for bad input: {response.body[:200]!r}")
    elif response.status == 504 and not request.sets_deadline:
        found.append("504 for a request that sets no deadline")
    elif response.status not in request.allowed:
        found.append(f"{response.status} is not documented: {response.body[:200]!r}")
    return found + problem_faults(request, response)


def problem_faults(request: Request, response: Response) -> list[str]:
    """What is wrong with an answer as a problem; empty for one that is none."""
    if response.status < 400 or request.method == b"HEAD":
        return []
    kind = response.headers.get("content-type", "none")
    if kind != "application/problem+json":
        return [f"{response.status} as {kind}: {response.body[:200]!r}"]
    body = json.loads(response.body)
    if not isinstance(body, dict) or not body.keys() >= _MEMBERS:
        return [f"{response.status} is no whole problem: {response.body[:200]!r}"]
    found = []
    if (
        body["status"] != response.status
        or body["request_id"] != response.headers.get("x-request-id")
        or not body["request_id"]
    ):
        found.append(f"status or request id of body and head differ: {body}, {response.headers}")
    if not re.fullmatch(r"[a-z]+(-[a-z]+)*", body["code"]):
        found.append(f"{body['code']!r} is no code")
    operation = request.operation
    if operation is not None and not request.protocol and response.status in operation.statuses:
        documented = operation.codes[response.status]
        if body["code"] not in documented:
            found.append(f"{response.status} {body['code']} is not documented, only {sorted(documented)}")
    if response.status == 422 and body["code"] == "invalid" and not _has_pointers(body):
        found.append(f"422 without a pointer: {body}")
    return found


def _has_pointers(body: dict[str, object]) -> bool:
    errors = body.get("errors")
    if not isinstance(errors, list) or not errors:
        return False
    return all(one.keys() == {"pointer", "detail"} and isinstance(one["pointer"], str) for one in errors)


def code_of(response: Response) -> str | None:
    """The problem's code, None for an answer that is no problem."""
    if response.headers.get("content-type") != "application/problem+json" or not response.body:
        return None
    return str(json.loads(response.body).get("code"))
