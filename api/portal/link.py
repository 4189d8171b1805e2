"""Open a portal link. Mail scanners open links too, so that alone changes nothing: a button begins the session."""

import secrets
from typing import Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.console.forms import read_form
from api.console.html import HEADERS, render
from api.console.origin import check_origin
from api.console.visit import is_secure
from api.http.context import process_context
from api.portal.sessions import COOKIE, ROOT, begin, open_link
from api.portal.visit import PortalRouter, portal_problem, portal_refusal, portal_values
from tasks.refusal import Refusal

router = PortalRouter()
LINK: Final = f"{ROOT}/links/{{token}}"
HOME: Final = f"{ROOT}/webhooks"
PROOF: Final = "pressroom-portal-proof"
"""A cookie and a field of the form that have to be alike. On plain HTTP browsers send neither Sec-Fetch-Site nor, from
a page without a referrer, an Origin; another site can set no cookie here, so it cannot begin a session in one. A page
of a sibling domain can set one (for the domain of both): serve no pages of others on domains beside this one."""
PROOF_S: Final = 3_600


@router.get(ROOT, include_in_schema=False)
async def get_portal(_: Request) -> Response:
    """Where the pages begin."""
    return RedirectResponse(HOME, 307)


@router.get(LINK, include_in_schema=False)
async def show_link(request: Request, token: str) -> Response:
    """The page with the button. It looks whether the link is good, and changes nothing."""
    try:
        link = await open_link(process_context(request), token)
    except Refusal as refusal:
        return _private(portal_refusal(request, refusal))
    proof = secrets.token_urlsafe(24)
    text = render("portal/link.html", **portal_values(request), channel=link.channel, proof=proof)
    response = HTMLResponse(text, headers={**HEADERS, "Cache-Control": "no-store"})
    response.set_cookie(
        PROOF, proof, max_age=PROOF_S, path=ROOT, secure=is_secure(request), httponly=True, samesite="strict"
    )
    return _private(response)


@router.post(LINK, include_in_schema=False)
async def exchange_link(request: Request, token: str) -> Response:
    """Begin a session with a link."""
    try:
        await _check_sender(request)
        link = await open_link(process_context(request), token)
    except Refusal as refusal:
        return _private(portal_refusal(request, refusal))
    response = RedirectResponse(HOME, 303)
    begin(request, response, link)
    response.delete_cookie(PROOF, path=ROOT)
    return _private(response)


@router.post(f"{ROOT}/leave", include_in_schema=False)
async def leave(request: Request) -> Response:
    """End the session of this browser. The link stays good."""
    try:
        check_origin(request)
    except Refusal as refusal:
        return portal_refusal(request, refusal)
    response = portal_problem(request, 200, {"detail": ""})
    response.delete_cookie(COOKIE, path=ROOT, secure=is_secure(request), httponly=True, samesite="lax")
    return response


async def _check_sender(request: Request) -> None:
    """Refuse what a page of another site has sent. Raises: Refusal `foreign_origin`."""
    if request.headers.get("sec-fetch-site") is None:
        proof, sent = request.cookies.get(PROOF, ""), (await read_form(request)).get("proof", "")
        if proof and secrets.compare_digest(proof.encode(), sent.encode()):
            return
    check_origin(request)


def _private(response: Response) -> Response:
    """The URL of this page opens the portal: no other page is to learn it."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
