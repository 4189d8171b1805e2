"""Error responses: every error is an RFC 9457 problem."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match

from api.http.components import COMPONENT
from tasks.refusal import CODES, NO_SPACE, Quota, Refusal
from tasks.storage.protocol import StorageUnavailable
from tasks.telemetry.outage_log import OutageLog
from tasks.validation import read_faults, refusal_of

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = {
    "unavailable": 2,
    "too_many_connections": 2,
    "too_many_streams": 15,
    "queue_full": 10,
    "owner_queue_full": 10,
    "disk_full": 10,
    "redis_full": 30,
    "owner_storage_full": 600,
    "spec_reader_unavailable": 5,
}

REFUSED = 422
"""The status of every code that is not in STATUS: the request was understood, but cannot be carried out."""
STATUS = {
    "malformed_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "foreign_origin": 403,
    "token_used": 403,
    "token_forbids": 403,
    "owner_suspended": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "not_ready": 409,
    "already_ended": 409,
    "not_ended": 409,
    "not_retryable": 409,
    "not_changeable": 409,
    "not_unique": 409,
    "inputs_gone": 409,
    "endpoint_disabled": 409,
    "too_many_portal_links": 409,
    "too_many_upload_tokens": 409,
    "owner_exists": 409,
    "too_many_presets": 409,
    "too_many_keys": 409,
    "key_ended": 409,
    "two_live_keys": 409,
    "too_many_destinations": 409,
    "too_many_endpoints": 409,
    "too_many_schedules": 409,
    "queue_in_use": 409,
    "too_many_queues": 409,
    "too_many_secrets": 409,
    "batch_open": 409,
    "batch_sealed": 409,
    "prerequisite_failed": 409,
    "upload_unfinished": 409,
    "too_many_uploads": 409,
    "offset_conflict": 409,
    "expired": 410,
    "event_gone": 410,
    "endpoint_gone": 410,
    "unsupported_protocol": 412,
    "too_large": 413,
    "params_too_large": 413,
    "too_many_objects": 413,
    "too_many_parts": 413,
    "unsupported_media_type": 415,
    "range_not_satisfiable": 416,
    "misdirected": 421,
    "queue_full": 429,
    "owner_queue_full": 429,
    "rate_limited": 429,
    "header_too_large": 431,
    "checksum_mismatch": 460,
    "internal": 500,
    "failed": 500,
    "poison": 500,
    "unavailable": 503,
    "too_many_connections": 503,
    "too_many_streams": 503,
    "disk_full": 503,
    "spec_reader_unavailable": 503,
    "redis_full": 507,
    "owner_storage_full": 507,
}
_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed"}


class ProblemField(BaseModel):
    """One field of the request that is at fault."""

    field: str = Field(description="The path of the field.", examples=["params.name"])
    message: str = Field(description="What is wrong with it.")
    limit: float | int | None = Field(None, description="The limit that it exceeds.")


class Problem(BaseModel):
    """An error response (RFC 9457). `code` is for programs, `detail` for people."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A stable URN made from the code.", examples=["urn:pressroom:problem:too_large"])
    title: str = Field(description="What the code means.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, and what to do.")
    code: str = Field(description="A stable code for programs.", examples=["too_large"])
    request_id: str = Field(
        description="The request's id, as in the X-Request-Id header. Give it when you report a problem."
    )
    field: str | None = Field(None, description="The path of the request field at fault, such as `variants.0.width`.")
    limit: float | int | None = Field(None, description="The limit that was exceeded.")
    errors: list[ProblemField] | None = Field(
        None, description="Every field at fault, where several were examined; `field` and `detail` are of the first."
    )
    more_errors: int | None = Field(
        None,
        description="How many more fields are at fault than `errors` lists. Absent if it lists all that were found.",
    )
    job: str | None = Field(None, description="Of `not_unique`: the id of the job that holds the key.")


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of an endpoint that may refuse with these codes, or with those of any endpoint."""
    # Not as `model`: FastAPI would build a validator for each of six hundred, a tenth of the time that a start takes.
    schema = {"$ref": COMPONENT.format(model=Problem.__name__)}
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in (*codes, "unavailable"):
        new = {"description": "", "content": {MEDIA_TYPE: {"schema": schema}}}
        entry = by_status.setdefault(STATUS.get(code, REFUSED), new)
        entry["description"] = f"{entry['description']} `{code}`: {CODES[code]}".strip()
    return by_status


def problem(
    request: Request,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    limit: float | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """Build an error response.

    Args:
        request: The request.
        code: A code of `tasks.refusal.CODES`.
        detail: What happened, and what to do.
        field: The path of the request field at fault.
        limit: The limit that was exceeded.
        headers: Additional headers.
        more: Extension members of the problem.
    """
    status = STATUS.get(code, REFUSED)
    request.scope["code"] = code  # for the log line of `api.http.middleware`
    body = Problem(
        type=f"urn:pressroom:problem:{code}",
        title=CODES[code],
        status=status,
        detail=detail,
        code=code,
        request_id=request.scope["request_id"],
        field=field,
        limit=limit,
        **more,
    )
    sent = dict(headers or {})
    if code in RETRY_AFTER_S:
        sent.setdefault("Retry-After", str(RETRY_AFTER_S[code]))
    if status == 401:
        sent["WWW-Authenticate"] = "Bearer"
    return Response(body.model_dump_json(exclude_none=True), status, sent, MEDIA_TYPE)


def problem_of(request: Request, refusal: Refusal) -> Response:
    """The error response for a refusal."""
    # RFC 9110 asks for the size of the file.
    headers = {"Content-Range": f"bytes */{refusal.limit}"} if refusal.code == "range_not_satisfiable" else {}
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.quota is not None:
        retry_s = refusal.retry_after_s or RETRY_AFTER_S.get(refusal.code)
        headers |= quota_headers(refusal.quota, int(refusal.limit or 0), 0, retry_s)
    return problem(
        request,
        refusal.code,
        refusal.message,
        field=refusal.field,
        limit=refusal.limit,
        headers=headers,
        errors=[fault._asdict() for fault in refusal.faults] or None,
        more_errors=refusal.more_faults or None,
        job=refusal.job,
    )


def quota_headers(quota: Quota, limit: int, left: int, seconds: int | None = None) -> dict[str, str]:
    """`RateLimit-Policy` and `RateLimit`, as draft-ietf-httpapi-ratelimit-headers has them.

    Args:
        quota: The quota.
        limit: How much it allows.
        left: How much of it is left.
        seconds: After how many there is more; None if that is not known.
    """
    policy = f'"{quota.name}";q={limit}'
    if quota.unit is not None:
        policy += f';qu="{quota.unit}"'
    if quota.window_s is not None:
        policy += f";w={quota.window_s}"
    state = f'"{quota.name}";r={left}' + (f";t={seconds}" if seconds is not None else "")
    return {"RateLimit-Policy": policy, "RateLimit": state}


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - how Starlette types its handlers
    return problem_of(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = [{**one, "loc": one["loc"][1:]} for one in error.errors()]  # without "header" or "path"
    return problem_of(request, refusal_of(read_faults(found)))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    code = _CODE_OF_STATUS.get(error.status_code, "invalid_request")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods_of(request))
        detail = f"{request.method} is not supported here. The path supports {headers['Allow']}."
    elif error.status_code == 404:
        detail = f"There is nothing at {request.url.path}. The API is under /v1, its reference at /docs."
    else:
        detail = f"{request.method} {request.url.path}: {error.detail}."
    return problem(request, code, detail, headers=headers)


def _methods_of(request: Request) -> list[str]:
    """The methods of all routes of this path. Starlette knows only those of the first."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    # The first path is the most specific: `/v1/jobs/retry` is also a `/v1/jobs/{job_id}`, of which it has no method.
    paths = [getattr(route, "path", None) for route in routes]
    methods = [getattr(route, "methods", None) or () for route in routes]
    return sorted({method for path, some in zip(paths, methods, strict=True) if path == paths[0] for method in some})


async def _unavailable(request: Request, error: Exception) -> Response:
    what = "The storage" if isinstance(error, StorageUnavailable) else "Redis"
    outages: Mapping[str, OutageLog] = request.scope["state"]["context"].outages
    outages[what].failed(error)
    return problem(
        request,
        "unavailable",
        f"{what} does not respond. Try again in a moment. With an Idempotency-Key nothing is done twice.",
    )


async def _os_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, OSError) or error.errno not in NO_SPACE:
        raise error  # `api.http.middleware` answers it
    log.warning("api.disk_full", error=str(error))
    return problem(
        request,
        "disk_full",
        "The temporary folder of the server is full, so this upload cannot be received. Try later.",
    )


async def _gone(request: Request, error: Exception) -> Response:  # noqa: ARG001 - the client is gone
    return Response(status_code=400)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem response. `api.http.middleware` handles unexpected exceptions."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(OSError, _os_error)
    # Not TimeoutError: what else takes too long is no outage of Redis, whose client raises a RedisError then.
    for outage in (RedisError, StorageUnavailable):
        app.add_exception_handler(outage, _unavailable)
