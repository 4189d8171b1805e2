"""Sign in with an API key, sign out, and choose a language or a theme."""

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.console.forms import read_form
from api.console.html import HEADERS, render
from api.console.origin import check_origin
from api.console.texts import LANGUAGES, language_of
from api.console.visit import (
    LOGIN,
    ROOT,
    THEMES,
    ConsoleRouter,
    Visit,
    end_session,
    is_secure,
    local,
    note_refusal,
    page_values,
    refusal_page,
    retry_after_of,
    set_session,
)
from api.http.access.access import Access
from api.http.access.token_kinds import authenticate
from api.http.context import process_context
from api.http.problems import REFUSED, STATUS
from tasks.refusal import Refusal

router = ConsoleRouter()
CHOICES_S = 31_536_000


@router.get("/", include_in_schema=False)
async def get_start(_: Request) -> Response:
    """Where someone begins who has only the address."""
    return RedirectResponse(ROOT, 307)


@router.get(LOGIN, include_in_schema=False)
async def show_login(request: Request) -> Response:
    """Where one signs in."""
    return _login_page(request, 200, None)


@router.post(LOGIN, include_in_schema=False)
async def sign_in(request: Request) -> Response:
    """Begin a session with an API key."""
    context = process_context(request)
    try:
        check_origin(request)
        form = await read_form(request)
        key = form.get("key", "").strip()
        access = _of_key(await authenticate(context, request.scope, key or None))
    except Refusal as refusal:
        if refusal.code == "foreign_origin":
            return refusal_page(request, None, refusal)
        note_refusal(request, refusal)
        return _login_page(request, STATUS.get(refusal.code, REFUSED), refusal)
    response = RedirectResponse(local(form.get("next") or ROOT), 303)
    set_session(request, response, access)
    return response


@router.post(f"{ROOT}/logout", include_in_schema=False)
async def sign_out(request: Request) -> Response:
    """End the session of this browser. It is no visit: a suspended owner leaves too, and without Redis one can."""
    try:
        check_origin(request)
    except Refusal as refusal:
        return refusal_page(request, None, refusal)
    response = RedirectResponse(LOGIN, 303)
    end_session(request, response)
    response.headers["Clear-Site-Data"] = '"storage"'
    return response


@router.action("/preferences", for_readers=True)
async def choose(visit: Visit) -> Response:
    """Keep the language and the theme that someone has chosen, in this browser."""
    form = await visit.form()
    response = visit.go(form.get("back") or ROOT)
    for name, allowed in (("language", LANGUAGES), ("theme", THEMES)):
        value = form.get(name, "")
        if value in allowed:
            response.set_cookie(f"pressroom-{name}", value, max_age=CHOICES_S, path="/", httponly=True, samesite="lax")
        elif name in form:
            response.delete_cookie(f"pressroom-{name}", path="/")
    return response


def _of_key(access: Access) -> Access:
    """Refuse what is no key. Raises: Refusal `unauthorized`."""
    if access.is_token:
        raise Refusal("unauthorized", "This is a token of a page, not an API key. Sign in with a key.", field="key")
    return access


def _login_page(request: Request, status: int, refusal: Refusal | None) -> Response:
    language = language_of(request.cookies.get("pressroom-language"), request.headers.get("accept-language", ""))
    values = page_values(request, language, None)
    next_page = local(request.query_params.get("next", ROOT))
    is_plain = request.url.hostname not in ("localhost", "127.0.0.1", "::1") and not is_secure(request)
    text = render("login.html", **values, refusal=refusal, next_page=next_page, is_plain=is_plain)
    headers = {**HEADERS, "Cache-Control": "no-store"}
    if refusal is not None and (retry_after := retry_after_of(refusal)):
        headers["Retry-After"] = retry_after
    return HTMLResponse(text, status, headers=headers)
