"""What every request passes on its way in and out.

It gets an id, its answer gets the security headers, and what nobody foresaw becomes a problem too.
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

from api.http.problems import problem
from tasks.telemetry import tracing

log = structlog.get_logger()

SANE_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
"""Request ids of others that we take over; they end up in headers, logs and records."""


def _new_ids() -> Iterator[str]:
    """Ids that no other process and no other start of this one gives out. Nobody has to be unable to guess them."""
    start = f"{time.time_ns() // 1000:x}-{os.getpid():x}"
    return (f"{start}-{number:x}" for number in itertools.count(1))


class RequestMiddleware:
    """ASGI middleware. Sets `scope["request_id"]`, binds it for the log lines of the request, and writes one of its
    own for each."""

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
        bind_contextvars(request_id=request_id)
        status: int | None = None

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        with _entry(scope, headers) as step:
            if traceparent := tracing.current():
                bind_contextvars(trace_id=tracing.trace_id_of(traceparent))
            try:
                await self._app(scope, receive, answer)
            except Exception:
                log.exception("api.fault", method=scope["method"], path=_template(scope))
                if status is not None:
                    raise  # the server then breaks the connection off, so that nobody takes half an answer for a whole
                response = problem(
                    Request(scope), "internal", "Something broke on our side. Tell us the request id if it stays so."
                )
                await response(scope, receive, answer)
            finally:
                _tell(scope, step, status, time.perf_counter() - began)


def _entry(scope: Scope, headers: Headers) -> tracing.Step:
    """The request as a step of the trace that its sender is in, if they say so in one valid header."""
    given = headers.getlist("traceparent")
    traceparent = tracing.parse(given[0]) if len(given) == 1 else None
    return tracing.entry(traceparent, scope["method"], "server", {"http.request.method": scope["method"]})


def _template(scope: Scope) -> str | None:
    """The address as the API's pages write it, without what stands in its place; None where there is none."""
    path: str | None = getattr(scope.get("route"), "path", None)
    return path


def _tell(scope: Scope, step: tracing.Step, status: int | None, seconds: float) -> None:
    """What became of the request. status: None where the sender was gone first. The code is a problem's."""
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
