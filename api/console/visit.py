"""One visit of a page: who looks, in which language, and what comes back. Every page is a function of a `Visit`.

router = ConsoleRouter()

@router.page("/jobs")
async def show_jobs(visit: Visit) -> Response:
    found = await visit.api.get("/v1/jobs")
    return visit.show("jobs/list.html", jobs=found["jobs"])

@router.action("/jobs/{id}/retry")
async def retry_job(visit: Visit) -> Response:
    return await visit.act(ApiCall("POST", at("jobs", visit.path["id"], "retry")), to="/console/jobs")
"""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from api.console.calls import Api, ApiAnswer, ApiCall, ProblemError
from api.console.forms import FORM_TYPE, Form, read_form
from api.console.html import HEADERS, render
from api.console.origin import check_origin
from api.console.texts import NAMES, Language, Text, language_of, text_in
from api.http.access.access import Access
from api.http.access.auth import check_rate
from api.http.access.sessions import Session
from api.http.context import Context, process_context
from api.http.problems import REFUSED, RETRY_AFTER_S, STATUS
from tasks import clock
from tasks.refusal import Refusal

ROOT: Final = "/console"
LOGIN: Final = f"{ROOT}/login"
THEMES: Final = ("light", "dark")
NOTICE: Final = "pressroom-notice"
NOTICE_BYTES: Final = 3_000
"""Of the cookie: browsers keep none of more than 4096 bytes."""
NOTICE_S: Final = 30
RENEW_AFTER_S: Final = 600
"""Seconds after which a session that is used gets a new cookie, which is good for the whole time again."""

Page = Callable[["Visit"], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Notice:
    """What a page says once, above everything else: what has just been done, or why it was not.

    Attributes:
        kind: `done` or `failed`.
        text: The sentence.
        link: A page of this service that it leads to; None if to no one.
    """

    kind: Literal["done", "failed"]
    text: str
    link: str | None = None


class Visit:
    """A request for a page, or of a form on one.

    Attributes:
        request: The request.
        context: The resources of this process.
        session: Whose session it is.
        api: The API, for what the session opens.
        shell: The template that is around the page.
        is_portal: Whether the page is one for a customer.
        root: Where the pages begin.
    """

    shell = "shell.html"
    is_portal = False
    root = ROOT

    def __init__(self, request: Request, session: Session) -> None:
        self.request = request
        self.context: Context = process_context(request)
        self.session = session
        self.api = Api(request, session.access)
        self._form: Form | None = None

    def place(self, path: str) -> str:
        """The path of a page. path: as in `ConsoleRouter.page`."""
        return self.root + path

    @property
    def access(self) -> Access:
        """What the visitor may do."""
        return self.session.access

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters in the path."""
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the query. Unknown ones do no harm."""
        return self.request.query_params

    async def form(self) -> Form:
        """The form that was sent; read once. One with files is passed on unread by `api.send_form`.

        Raises:
            Refusal: `unsupported_media_type`, `too_large`, `malformed_request`.
        """
        if self._form is None:
            self._form = await read_form(self.request)
        return self._form

    @cached_property
    def language(self) -> Language:
        """The visitor's language."""
        return language_of(
            self.request.cookies.get("pressroom-language"), self.request.headers.get("accept-language", "")
        )

    @cached_property
    def t(self) -> Text:
        """The texts in that language."""
        return text_in(self.language)

    @property
    def is_program(self) -> bool:
        """Whether a script of our pages asks, which wants JSON."""
        return self.request.headers.get("accept", "").startswith("application/json")

    def show(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page.

        Args:
            template: A file in `templates/`.
            status: Of HTTP.
            **values: What the template names, besides what every page has (`page_values`).
        """
        values |= {"shell": self.shell, "is_portal": self.is_portal}
        text = render(template, **page_values(self.request, self.language, self.access), **values)
        response = HTMLResponse(text, status, headers={**HEADERS, "Cache-Control": "no-store"})
        if NOTICE in self.request.cookies:
            response.delete_cookie(NOTICE, path=self.root)
        return response

    def go(self, to: str, notice: Notice | None = None) -> Response:
        """Lead the browser to a page of ours after a form.

        Args:
            to: The path.
            notice: What that page says once.
        """
        response = RedirectResponse(local(to, self.root), 303)
        if notice is not None:
            set_notice(self.request, response, notice, self.root)
        return response

    async def act(self, call: ApiCall, *, to: str, done: str = "", **values: Any) -> Response:
        """Make a call that changes something, and lead the browser to where its effect is seen.

        Args:
            call: The call.
            to: The page; a form may name another one of ours in its field `back`.
            done: The name of the text that the page then says.
            **values: What its braces name.
        """
        answer = await self.api.send(call)
        return await self.acted(answer, to=to, done=done, **values)

    async def acted(self, answer: ApiAnswer, *, to: str, done: str = "", **values: Any) -> Response:
        """As `act`, after the call."""
        if self.is_program:
            return JSONResponse(answer.json(), 200, headers={"Cache-Control": "no-store"})
        is_form = self.request.headers.get("content-type", "").startswith(FORM_TYPE)
        back = (await self.form()).get("back") if is_form else None
        return self.go(back or to, Notice("done", self.t(done, **values)) if done else None)


class ConsoleRouter(APIRouter):
    """The pages of a module."""

    def page(self, path: str) -> Callable[[Page], Page]:
        """A page that a browser gets. path: below `/console`."""
        return self._add(path, "GET")

    def action(self, path: str, *, for_readers: bool = False) -> Callable[[Page], Page]:
        """What a form on a page does.

        Args:
            path: Below `/console`.
            for_readers: Whether a read-only key may do it, since it changes nothing but the browser itself.
        """
        return self._add(path, "POST", for_readers=for_readers)

    def _add(self, path: str, method: str, *, for_readers: bool = True) -> Callable[[Page], Page]:
        def add(page: Page) -> Page:
            async def answer(request: Request) -> Response:
                return await answer_visit(request, page, for_readers=for_readers)

            answer.__module__, answer.__doc__ = page.__module__, page.__doc__
            self.add_api_route(ROOT + path, answer, methods=[method], name=page.__name__, include_in_schema=False)
            return page

        return add


async def answer_visit(request: Request, page: Page, *, for_readers: bool) -> Response:
    """Answer a visit: with the page, or with the page that says why not."""
    context = process_context(request)
    session: Session | None = None
    try:
        session = await context.sessions.open(request.cookies.get(cookie_name(request)))
        if session is None:
            check_origin(request)
            return to_login(request)
        request.scope["access"], request.scope["owner"] = session.access, session.access.owner
        check_origin(request)
        request.scope["account"] = await context.accounts.owner(session.access.owner)
        check_rate(context, request.scope, session.access)
        if not for_readers:
            check_may_change(session.access)
        response = await page(Visit(request, session))
    except ProblemError as error:
        request.scope["code"] = error.problem.get("code")
        return problem_page(request, access_of(session), error.status, error.problem, error.retry_after)
    except Refusal as refusal:
        return refusal_page(request, session, refusal)
    if session.age_s > RENEW_AFTER_S:
        set_session(request, response, session.access, session.began_s)
    return response


def check_may_change(access: Access) -> None:
    """Refuse a form of someone who may only look; the API would refuse its calls, too. Raises: Refusal `forbidden`."""
    if access.read_only:
        raise Refusal(
            "forbidden",
            "You have signed in with a read-only key. Sign in with one that may change things.",
            field="key",
        )


def to_login(request: Request) -> Response:
    """Lead someone without a session to where one signs in."""
    if request.headers.get("accept", "").startswith(("application/json", "text/event-stream")):
        return JSONResponse({"code": "unauthorized", "detail": "Sign in first."}, 401)
    return RedirectResponse(
        f"{LOGIN}?{urlencode({'next': page_path(request)})}" if request.method == "GET" else LOGIN, 303
    )


def refusal_page(request: Request, session: Session | None, refusal: Refusal) -> Response:
    """What is shown instead of a page that was refused here and not by the API."""
    note_refusal(request, refusal)
    problem = {"code": refusal.code, "detail": refusal.message, "field": refusal.field}
    status, retry_after = STATUS.get(refusal.code, REFUSED), retry_after_of(refusal)
    return problem_page(request, access_of(session), status, problem, retry_after)


def note_refusal(request: Request, refusal: Refusal, *, tried_key: bool = True) -> None:
    """Have the log line and the audit log say that a page was refused, as they do for requests of the API.

    Args:
        request: The request.
        refusal: Why.
        tried_key: Whether someone has brought a key, a session or a link.
    """
    request.scope["code"] = refusal.code
    process_context(request).auditor.note(request.scope, tried_key=tried_key)


def retry_after_of(refusal: Refusal) -> str | None:
    """The header Retry-After of a refusal; None if there is none."""
    after_s = refusal.retry_after_s or RETRY_AFTER_S.get(refusal.code)
    return str(after_s) if after_s else None


def access_of(session: Session | None) -> Access | None:
    """What a session opens; None without one."""
    return session.access if session else None


def problem_page(
    request: Request,
    access: Access | None,
    status: int,
    problem: Mapping[str, Any],
    retry_after: str | None = None,
) -> Response:
    """What is shown instead of a page that cannot be shown, or after a form that was refused."""
    headers = {**HEADERS, "Cache-Control": "no-store", **({"Retry-After": retry_after} if retry_after else {})}
    if request.headers.get("accept", "").startswith("application/json"):
        return JSONResponse(dict(problem), status, headers=headers)
    language = language_of(request.cookies.get("pressroom-language"), request.headers.get("accept-language", ""))
    values = page_values(request, language, access) | {"again": again_of(request)}
    return HTMLResponse(render("problem.html", **values, status=status, problem=problem), status, headers=headers)


def again_of(request: Request) -> str | None:
    """The page that may be asked for once more; None after a form, which is not sent twice by a link."""
    return page_path(request) if request.method == "GET" else None


def page_path(request: Request) -> str:
    """The path of a page, with its query."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def page_values(request: Request, language: Language, access: Access | None) -> dict[str, Any]:
    """What every page of the console names in its template."""
    context = process_context(request)
    theme = request.cookies.get("pressroom-theme")
    return {
        "t": text_in(language),
        "lang": language,
        "languages": NAMES,
        "theme": theme if theme in THEMES else None,
        "access": access,
        "is_open": access is not None and access.via == "open",
        "now": clock.rfc3339(clock.now_ms()),
        "may_change": access is not None and not access.read_only,
        "environment": context.settings.environment,
        "here": request.url.path,
        "here_with_query": page_path(request),
        "request_id": request.scope["request_id"],
        "notice": _notice_of(request),
    }


def local(path: str, root: str = ROOT) -> str:
    """A path of this service; anything else is `root`, where the pages begin, so that no link here leads elsewhere."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if is_local else root


def cookie_name(request: Request) -> str:
    """The name of the session's cookie: over TLS one that browsers accept from this very host alone."""
    return "__Host-pressroom" if is_secure(request) else "pressroom"


def set_session(request: Request, response: Response, access: Access, began_s: int | None = None) -> None:
    """Give a browser the session of a key. began_s: when it was begun, if it is renewed."""
    sessions = process_context(request).sessions
    response.set_cookie(
        cookie_name(request),
        sessions.cookie_of(access, began_s),
        max_age=sessions.keep_s,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def end_session(request: Request, response: Response) -> None:
    """Have a browser forget its session. Without Secure it would ignore this for a name with `__Host-`."""
    secure = is_secure(request)
    response.delete_cookie(cookie_name(request), path="/", secure=secure, httponly=True, samesite="lax")


def set_notice(request: Request, response: Response, notice: Notice, path: str = ROOT) -> None:
    """Have the next page say something once. path: below which it is."""
    text, link = notice.text, notice.link
    while len(value := _notice_cookie(notice.kind, text, link)) > NOTICE_BYTES:
        text, link = text[: len(text) // 2], link if text else None
    secure = is_secure(request)
    response.set_cookie(NOTICE, value, max_age=NOTICE_S, path=path, secure=secure, httponly=True, samesite="lax")


def _notice_cookie(kind: str, text: str, link: str | None) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, text, link], ensure_ascii=False).encode()).decode()


def _notice_of(request: Request) -> Notice | None:
    value = request.cookies.get(NOTICE)
    if not value:
        return None
    try:
        kind, text, link = json.loads(base64.urlsafe_b64decode(value))
    except (ValueError, TypeError, RecursionError):  # a cookie of another version, or of someone who tries
        return None
    return Notice("failed" if kind == "failed" else "done", str(text), local(link) if isinstance(link, str) else None)


def is_secure(request: Request) -> bool:
    """Whether the browser came over TLS."""
    return process_context(request).host_policy.base_url(request).startswith("https://")
