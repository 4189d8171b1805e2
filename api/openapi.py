"""The OpenAPI document: FastAPI's, plus the models and the security that FastAPI cannot see."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from api.http.access.auth import PROTECTED
from api.http.access.scopes import required_scopes
from api.http.access.tokens.routes import TOKEN_ROUTES
from api.http.components import COMPONENT, add_components, documented_headers, possible_headers
from api.http.problems import MEDIA_TYPE, REFUSED, STATUS, Problem
from api.operations.metrics import PATH as METRICS
from tasks.refusal import CODES
from tasks.validation import with_standard_bounds

SUMMARY = (
    "Image thumbnails, PDF reports and webhooks as background jobs: submit a job, wait for it or get a webhook, and "
    "download the results."
)
RETRY_AFTER = documented_headers(**{"Retry-After": "Seconds after which the same request may succeed."})
LOCATION = documented_headers(Location="The path of what the request has made or started.")
HEADERS: dict[str, dict[str, Any]] = {
    "201": LOCATION,
    "202": LOCATION,
    "401": documented_headers(**{"WWW-Authenticate": "`Bearer`."}),
    "416": documented_headers(**{"Content-Range": "`bytes */` and the size of the file."}),
    "429": RETRY_AFTER,
    "503": RETRY_AFTER,
    "507": RETRY_AFTER,
}
"""The headers that every response with the status has."""
RATE_LIMIT: Final = possible_headers(
    **{
        "RateLimit": 'What is left of a quota: `"requests";r=19`, and with `t` after how many seconds there is more.',
        "RateLimit-Policy": 'How much the quota allows: `"requests";q=20;w=2` is 20 in 2 seconds.',
    },
)
"""What every response under `/v1` has for an owner with a limit on requests, and each that refuses one for a quota."""
ANYWHERE: Final = (
    *("malformed_request", "foreign_origin", "request_timeout", "misdirected", "header_too_large", "internal"),
)
"""What any request may be answered, whatever it is for: by the HTTP server, or when something unexpected happens."""
UNDER_V1: Final = ("unauthorized", "forbidden", "rate_limited", "unavailable", "invalid_request")
"""What any request under `/v1` may be answered."""
TOKEN_SCHEMES: Final = {
    "upload_token": "A token for a web page, from `POST /v1/upload-tokens`, that uploads what its minter allows.",
    "job_token": "The token of one job, from a submit with an upload token, that sees this job.",
}
FASTAPIS_DEFAULT = "Successful Response"
FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> None:
    """Make `app` serve this document. It is built once, at the first request for it, while others are answered."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version="1", summary=SUMMARY, routes=app.routes, webhooks=app.webhooks.routes
            )
            for path in (*document["paths"].values(), *document["webhooks"].values()):
                for operation in path.values():
                    _correct(operation["responses"])
            document["components"]["responses"] = {code: _refused(code) for code in ANYWHERE}
            document["components"]["headers"] = RATE_LIMIT
            for place, path in document["paths"].items():
                for operation in path.values():
                    _add_common(operation["responses"], protected=place.startswith(PROTECTED))
            for name in FASTAPIS_OWN:
                document["components"]["schemas"].pop(name, None)
            add_components(document["components"]["schemas"])
            _lock(document, app.routes)
            app.openapi_schema = with_standard_bounds(document)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    _serve(app)


def _serve(app: FastAPI) -> None:
    """Replace FastAPI's route, which builds the document on the event loop and writes it as JSON for each request."""
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", None) != app.openapi_url]
    building: list[asyncio.Task[bytes]] = []

    async def send_document(_: Request) -> Response:
        if not building or (building[0].done() and (building[0].cancelled() or building[0].exception())):
            building[:] = [asyncio.create_task(asyncio.to_thread(_written, app), name="OpenAPI")]
        # One who goes away takes no one else's answer along.
        return Response(await asyncio.shield(building[0]), media_type="application/json")

    app.add_route(str(app.openapi_url), send_document, include_in_schema=False)


def _written(app: FastAPI) -> bytes:
    return json.dumps(app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()


def _lock(document: dict[str, Any], routes: Iterable[BaseRoute]) -> None:
    """Mark the operations that need an API key: FastAPI does not know the middleware that checks it."""
    about = (
        "An API key. Each operation names the scopes of which the key needs one: docs/accounts.md lists them. Without "
        "keys, in development, every request runs as the owner `dev`."
    )
    schemes = {"key": about, **TOKEN_SCHEMES}
    document["components"]["securitySchemes"] = {
        name: {"type": "http", "scheme": "bearer", "description": text} for name, text in schemes.items()
    }
    needed = {route.operation_id: required_scopes(route.endpoint) for route in routes if isinstance(route, APIRoute)}
    for place, path in document["paths"].items():
        if place.startswith(PROTECTED) or place == METRICS:
            for method, operation in path.items():
                keys = [{"key": [scope]} for scope in needed[operation["operationId"]]]
                tokens: list[dict[str, list[str]]] = [
                    {route.kind: []} for route in TOKEN_ROUTES if route.opens(method, place)
                ]
                operation["security"] = [*keys, *tokens]


def _add_common(responses: dict[str, Any], *, protected: bool) -> None:
    """Document what any request may be answered. protected: one under `/v1`."""
    for code in UNDER_V1 if protected else ():
        responses.setdefault(_status_of(code), _refused(code))
    for response in responses.values() if protected else ():
        response["headers"] = response.get("headers", {}) | {
            name: {"$ref": f"#/components/headers/{name}"} for name in RATE_LIMIT
        }
    for code in ANYWHERE:
        responses.setdefault(_status_of(code), {"$ref": f"#/components/responses/{code}"})


def _status_of(code: str) -> str:
    return str(STATUS.get(code, REFUSED))


def _refused(code: str) -> dict[str, Any]:
    """A response with this code, in the form of OpenAPI; `documented` has that of FastAPI."""
    schema = {"$ref": COMPONENT.format(model=Problem.__name__)}
    response = {"description": f"`{code}`: {CODES[code]}", "content": {MEDIA_TYPE: {"schema": schema}}}
    headers = HEADERS.get(_status_of(code))
    return {**response, "headers": headers} if headers else response


def _correct(responses: dict[str, Any]) -> None:
    """Document errors as `application/problem+json`, and drop the 422 response that FastAPI adds by itself."""
    for status, response in list(responses.items()):
        if response["description"] == FASTAPIS_DEFAULT:
            response["description"] = "The request succeeded."
        if FASTAPIS_OWN[0] in str(response):
            del responses[status]
            continue
        if status in HEADERS:
            response["headers"] = HEADERS[status] | response.get("headers", {})
        if int(status) >= 400 and "application/json" in (content := response.get("content", {})):
            content[MEDIA_TYPE] = content.pop("application/json")
