"""What answers when a page fails: whatever refuses a request of `/console` or `/portal`, a browser gets a page."""

import json
from collections.abc import Mapping
from typing import Any, Final

import structlog
from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.console.visit import ROOT, problem_page
from api.http.problems import MEDIA_TYPE
from api.portal.sessions import ROOT as PORTAL
from api.portal.visit import portal_problem

log = structlog.get_logger()

FOR_PROGRAMS: Final = ("application/json", "text/event-stream", MEDIA_TYPE)
OF_THE_BODY: Final = (b"content-type", b"content-length")


class PageProblems:
    """ASGI middleware around all others. It turns problems of pages, which are JSON, into pages: also of an unexpected
    error, and of a request that no page has seen."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_page(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        parts: list[bytes] = []

        async def send_page(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                content_type = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
                if content_type.startswith(MEDIA_TYPE):
                    start = message
                    return
            elif start is not None:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    await _send_problem(scope, start, b"".join(parts), send)
                return
            await send(message)

        await self._app(scope, receive, send_page)


def is_page(scope: Scope) -> bool:
    """Whether a browser asks for a page, or sends a form of one."""
    path = scope["path"]
    is_ours = any(path == root or path.startswith(f"{root}/") for root in (ROOT, PORTAL))
    return is_ours and not Headers(scope=scope).get("accept", "").startswith(FOR_PROGRAMS)


async def _send_problem(scope: Scope, start: Message, body: bytes, send: Send) -> None:
    headers, content = start["headers"], body
    try:
        page, content = _page_of(scope, start["status"], json.loads(body))
        kept = {name for name, _ in page} | set(OF_THE_BODY)
        headers = [*page, *(pair for pair in headers if pair[0] not in kept)]
    except Exception:  # the problem is sent as it is, which says more than nothing
        log.exception("console.problem_page_failed")
    await send({"type": "http.response.start", "status": start["status"], "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _page_of(scope: Scope, status: int, problem: Mapping[str, Any]) -> tuple[list[tuple[bytes, bytes]], bytes]:
    request = Request(scope)
    if scope["path"].startswith(PORTAL):
        answer = portal_problem(request, status, problem)
    else:
        answer = problem_page(request, scope.get("access"), status, problem)
    return answer.raw_headers, bytes(answer.body)
