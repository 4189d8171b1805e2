"""The outermost middleware: request ids, security headers, a log line and a span for each request, and a problem
response for unexpected exceptions.
"""

import itertools
import os
import re
import time
from collections.abc import Iterator

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from api.http.access.cors import token_in_url
from api.http.context import Context
from api.http.problems import problem
from api.uploads import tus
from tasks.telemetry import tracing

log = structlog.get_logger()

SANE_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
"""Client-sent request ids that are accepted. They are written to headers, logs and records."""


CLOSE = ((b"connection", b"close"),)
"""The headers of a process that drains: who keeps connections open makes the next one elsewhere."""


def _new_ids() -> Iterator[str]:
    """Ids that are unique across processes and restarts. They need not be unpredictable."""
    start = f"{time.time_ns() // 1000:x}-{os.getpid():x}"
    return (f"{start}-{number:x}" for number in itertools.count(1))


class RequestMiddleware:
    """ASGI middleware. Sets `scope["request_id"]`, binds it to the request's log lines, and logs each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ids = _new_ids()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if SANE_ID.fullmatch(given) else next(self._ids)
        scope["request_id"] = request_id
        scope["url_token"] = token_in_url(scope)
        context: Context = scope["state"]["context"]
        bind_contextvars(request_id=request_id)
        status: int | None = None
        answered: float | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter()
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    *(CLOSE if context.shutdown.draining else ()),
                    *(tus.ALWAYS if scope["path"].startswith(tus.PATH) else ()),
                ]
            await send(message)

        with _entry(scope, headers) as step:
            if traceparent := tracing.current():
                bind_contextvars(trace_id=tracing.trace_id_of(traceparent))
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                log.exception("api.fault", method=scope["method"], path=_template(scope))
                if status is not None:
                    raise  # the server then closes the connection, so that the client notices the incomplete response
                response = problem(
                    Request(scope), "internal", "An unexpected error happened. If it persists, report the request id."
                )
                await response(scope, receive, send_with_headers)
            finally:
                ended = time.perf_counter()
                _log_request(scope, step, status, ended - began)
                context.http_counts.count(scope["method"], _template(scope), status, (answered or ended) - began)


def _entry(scope: Scope, headers: Headers) -> tracing.Step:
    """A span for the request. It joins the client's trace if there is exactly one valid traceparent header."""
    given = headers.getlist("traceparent")
    traceparent = tracing.parse(given[0]) if len(given) == 1 else None
    tracestate = tracing.parse_state(headers.getlist("tracestate"))
    about = {"http.request.method": scope["method"]}
    return tracing.entry(traceparent, scope["method"], "server", about, tracestate=tracestate)


def _template(scope: Scope) -> str | None:
    """The route's path template, such as `/v1/jobs/{job_id}`; None if no route matched."""
    path: str | None = getattr(scope.get("route"), "path", None)
    return path


def _log_request(scope: Scope, step: tracing.Step, status: int | None, seconds: float) -> None:
    """Log the request and finish its span. status: None if the client disconnected first."""
    method, path = scope["method"], _template(scope)
    facts = {"method": method, "path": path, "status": status, "ms": round(1000 * seconds, 1)}
    facts |= {name: scope[name] for name in ("owner", "code") if name in scope}
    if status is not None and status >= 500:
        log.warning("api.request", **facts)
        step.fail(scope.get("code", str(status)))
    else:
        log.info("api.request", **facts)
    if status is not None:
        step.note({"http.response.status_code": status})
    if path is not None:
        step.note({"http.route": path}, name=f"{method} {path}")
