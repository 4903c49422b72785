"""/openapi.json and /docs: the routing table's document completed, and Swagger UI from this machine (no CDN)."""

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from gateway.documented import (
    ANSWER_HEADERS,
    PROBLEM,
    SECURITY,
    endpoint_of,
    extra_of,
    responses_of,
    shared_responses,
)
from gateway.routing import Route
from holdfast.contracts.schemas import ProblemBody

_ABOUT: Final = (
    "The public API of Holdfast, an event-sourced shop of microservices that contains the failure of any of its parts. "
    "Money is integer pence, times are RFC 3339 UTC, errors are `application/problem+json` with a stable `code`. "
    "After 503, 504 or no answer a command has happened wholly or not at all: repeat it with its Idempotency-Key."
)
_ASSETS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
_PROCESS: Final[dict[str, dict[int, tuple[str, dict[str, Any]]]]] = {
    "/healthz": {200: ("The process lives", {"status": "string", "service": "string", "replica": "string"})},
    "/readyz": {
        200: ("It can serve", {"status": "string", "dependencies": "object"}),
        503: ("It can serve no journey at all", {"status": "string", "dependencies": "object"}),
    },
}


def install(app: FastAPI, routes: Sequence[Route]) -> None:
    """Give `app` the document of `routes`, which another application serves, and its page."""
    app.title = "Holdfast"
    app.description = _ABOUT
    app.openapi = lambda: _document(app, routes)  # type: ignore[method-assign]  # FastAPI's way to extend its document
    assets = _assets_folder()

    shown = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Holdfast API",
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon.png",
    )
    shown.headers["Content-Security-Policy"] = _page_policy(bytes(shown.body).decode())

    async def page() -> HTMLResponse:
        return shown

    async def asset(name: str) -> Response:
        if name not in _ASSETS:
            raise HTTPException(404, "no such part of the docs")
        return FileResponse(assets / name, media_type=_ASSETS[name], headers={"Cache-Control": "max-age=86400"})

    app.add_api_route("/docs", page, include_in_schema=False)
    app.add_api_route("/docs/{name}", asset, include_in_schema=False)


def _page_policy(html: str) -> str:
    """What the page may load: its own files, the one script that stands in it, and Swagger UI's styles and icons."""
    inline = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    scripts = " ".join(["'self'", *(f"'sha256-{one}'" for one in hashes)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _assets_folder() -> Path:
    # The package patches FastAPI when imported and used; only its files are wanted.
    spec = find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package fastapi-offline, which carries Swagger UI, is not installed")
    return Path(spec.origin).parent / "static"


def _document(app: FastAPI, routes: Sequence[Route]) -> dict[str, Any]:
    if app.openapi_schema is None:
        documented = [_documented(route) for route in routes]
        document = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=documented)
        components = document.setdefault("components", {})
        components["headers"] = ANSWER_HEADERS
        components["responses"] = shared_responses()
        components["securitySchemes"] = {SECURITY: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        problem = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        components.setdefault("schemas", {}).update(problem.pop("$defs", {}) | {PROBLEM: problem})
        _allow_empty(document["paths"])
        document["paths"] |= {path: {"get": _process_call(path, told)} for path, told in _PROCESS.items()}
        document["paths"]["/metrics"] = {"get": _metrics()}
        app.openapi_schema = document
    return app.openapi_schema


def _documented(route: Route) -> APIRoute:
    """The route as FastAPI's generator of documents knows it. It serves nothing."""
    return APIRoute(
        route.path,
        endpoint_of(route),
        methods=[route.method],
        name=route.name,
        operation_id=route.name,
        summary=route.summary,
        tags=[route.tag],
        status_code=route.status,
        response_model=route.answer,
        responses=responses_of(route),
        openapi_extra=extra_of(route),
    )


def _allow_empty(paths: dict[str, Any]) -> None:
    """Say of every query parameter that an empty one counts as not given; FastAPI has no word for it."""
    for path in paths.values():
        for call in path.values():
            for parameter in call.get("parameters", ()):
                if parameter["in"] == "query":
                    parameter["allowEmptyValue"] = True


def _process_call(path: str, told: dict[int, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    return {
        "operationId": f"get_{path.strip('/')}",
        "summary": told[200][0],
        "tags": ["operation"],
        "responses": {
            str(status): {
                "description": about,
                "content": {"application/json": {"schema": _object(members)}},
            }
            for status, (about, members) in told.items()
        }
        | _unreadable_timeout(),
    }


def _metrics() -> dict[str, Any]:
    limited = {"429": {"$ref": "#/components/responses/RateLimited"}}
    return {
        "operationId": "get_metrics",
        "summary": "Prometheus metrics",
        "tags": ["operation"],
        "responses": {"200": {"description": "Prometheus text", "content": {"text/plain": {}}}}
        | _unreadable_timeout()
        | limited,
    }


def _unreadable_timeout() -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{PROBLEM}"}
    return {"422": {"description": "`invalid`", "content": {"application/problem+json": {"schema": schema}}}}


def _object(members: dict[str, Any]) -> dict[str, Any]:
    properties = {name: {"type": kind} for name, kind in members.items()}
    return {"type": "object", "properties": properties, "required": list(members)}
