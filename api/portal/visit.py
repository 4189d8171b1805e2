"""A visit of a page of the portal: as one of the console, but with what a portal link opens."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from api.console.calls import ProblemError
from api.console.html import HEADERS, render
from api.console.origin import check_origin
from api.console.texts import language_of
from api.console.visit import Visit, again_of, note_refusal, page_values, retry_after_of
from api.http.access.auth import check_rate
from api.http.context import process_context
from api.http.problems import REFUSED, STATUS
from api.portal.sessions import COOKIE, ROOT, open_session
from tasks.refusal import Refusal

PortalPage = Callable[[Visit], Awaitable[Response]]


class PortalVisit(Visit):
    """A request for a page of the portal."""

    shell = "portal/shell.html"
    is_portal = True
    root = ROOT


class PortalRouter(APIRouter):
    """The pages of the portal. Most are those of the console, which are given another visit."""

    def add_page(self, path: str, page: PortalPage, method: str = "GET") -> None:
        """Answer a path with a page.

        Args:
            path: Below `/portal`.
            page: The page.
            method: GET, or POST for what a form does.
        """

        async def answer(request: Request) -> Response:
            return await answer_portal(request, page)

        name = f"portal_{page.__name__}"
        self.add_api_route(ROOT + path, answer, methods=[method], name=name, include_in_schema=False)


async def answer_portal(request: Request, page: PortalPage) -> Response:
    """Answer a visit of the portal."""
    context = process_context(request)
    try:
        session = await open_session(request)
        access = session.access
        request.scope["access"], request.scope["owner"] = access, access.owner
        check_origin(request)
        request.scope["account"] = await context.accounts.owner(access.owner)
        check_rate(context, request.scope, access)
        return await page(PortalVisit(request, session))
    except ProblemError as error:
        request.scope["code"] = error.problem.get("code")
        return portal_problem(request, error.status, error.problem, error.retry_after)
    except Refusal as refusal:
        return portal_refusal(request, refusal, tried_key=COOKIE in request.cookies)


def portal_refusal(request: Request, refusal: Refusal, *, tried_key: bool = True) -> Response:
    """What is shown instead of a page that was refused here and not by the API. Arguments as `note_refusal`."""
    note_refusal(request, refusal, tried_key=tried_key)
    status = STATUS.get(refusal.code, REFUSED)
    return portal_problem(request, status, {"detail": refusal.message}, retry_after_of(refusal))


def portal_problem(
    request: Request, status: int, problem: Mapping[str, Any], retry_after: str | None = None
) -> Response:
    """What is shown instead of a page."""
    return HTMLResponse(
        render("portal/problem.html", **portal_values(request), problem=problem, again=again_of(request)),
        status,
        headers={**HEADERS, "Cache-Control": "no-store", **({"Retry-After": retry_after} if retry_after else {})},
    )


def portal_values(request: Request) -> dict[str, Any]:
    """What pages of the portal name that have no visit."""
    language = language_of(request.cookies.get("pressroom-language"), request.headers.get("accept-language", ""))
    return page_values(request, language, request.scope.get("access"))
