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

from api.problems import problem

log = structlog.get_logger()

SANE_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
"""Request ids of others that we take over; they end up in headers, logs and records."""


def _new_ids() -> Iterator[str]:
    """Ids that no other process and no other start of this one gives out. Nobody has to be unable to guess them."""
    start = f"{time.time_ns() // 1000:x}-{os.getpid():x}"
    return (f"{start}-{number:x}" for number in itertools.count(1))


class Edge:
    """ASGI middleware. Sets `scope["request_id"]`, and binds it for the log lines of the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ids = _new_ids()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if SANE_ID.fullmatch(given) else next(self._ids)
        scope["request_id"] = request_id
        bind_contextvars(request_id=request_id)
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:
            log.exception("api.fault", method=scope["method"], path=scope["path"])
            if started:
                raise  # the server then breaks the connection off, so that nobody takes half an answer for a whole one
            response = problem(
                Request(scope), "internal", "Something broke on our side. Tell us the request id if it stays so."
            )
            await response(scope, receive, answer)
