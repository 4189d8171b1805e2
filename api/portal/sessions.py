"""Sessions of a portal: a signed cookie that names a portal link, and opens what the link opens, as long as it does.

The cookie is sent with pages below `/portal` alone. Nothing is kept on the server but the link, which is looked up with
each request: a link that is revoked, and a key behind it that ends, end the sessions of both at once.
"""

from typing import Final

from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from redis.exceptions import RedisError

from api.console.visit import is_secure
from api.http.access.access import Access
from api.http.access.account_cache import check_suspension
from api.http.access.sessions import Session
from api.http.context import Context, process_context
from tasks import clock
from tasks.accounts.tokens.portal_links import PortalLink
from tasks.queue.redis_keys import SECOND_MS
from tasks.refusal import Refusal

ROOT: Final = "/portal"
COOKIE: Final = "pressroom-portal"
PURPOSE: Final = "pressroom portal"
"""What the cookie is signed for, so that no other signature made with SECRET_KEY opens a session."""
SCOPES: Final = frozenset({"webhooks"})


async def open_link(context: Context, token: str) -> PortalLink:
    """The link of a token that somebody has brought.

    Args:
        context: The resources of this process.
        token: The token.

    Raises:
        Refusal: `unauthorized`, `owner_suspended`, `unavailable`.
    """
    try:
        link = await context.portal_links.open(token)
    except (RedisError, OSError) as error:
        raise _away(context, error) from error
    if link is None:
        raise _ended()
    await _check(context, link)
    return link


async def open_session(request: Request) -> Session:
    """What the cookie of a request opens.

    Args:
        request: The request.

    Raises:
        Refusal: `unauthorized`, `owner_suspended`, `unavailable`.
    """
    context = process_context(request)
    try:
        link_id = _serializer(context).loads(request.cookies.get(COOKIE, ""))
    except BadSignature as error:
        raise _ended() from error
    try:
        link = await context.portal_links.with_id(str(link_id))
    except (RedisError, OSError) as error:
        raise _away(context, error) from error
    if link is None:
        raise _ended()
    await _check(context, link)
    return Session(access_of(link), 0.0)


def begin(request: Request, response: Response, link: PortalLink) -> None:
    """Give a browser the session of a link."""
    response.set_cookie(
        COOKIE,
        _serializer(process_context(request)).dumps(link.id),
        max_age=max((link.expires_at - clock.now_ms()) // SECOND_MS, 1),
        path=ROOT,
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def access_of(link: PortalLink) -> Access:
    """What a link opens: the endpoints of one channel, by the routes that heed it."""
    return Access(
        owner=link.owner,
        scopes=SCOPES,
        via="portal",
        key_id=link.key_id,
        expires_at_ms=link.expires_at,
        channel=link.channel,
        portal_link=link.id,
    )


async def _check(context: Context, link: PortalLink) -> None:
    """Refuse a link whose key opens nothing any more, or whose owner is suspended."""
    if link.key_id is None:
        if not context.keys.has(link.owner, link.setting_key):
            raise _ended()
    else:
        try:
            await context.accounts.check_key(link.key_id)
        except Refusal as refusal:
            raise (_ended() if refusal.code == "unauthorized" else refusal) from refusal
    check_suspension(access_of(link), await context.accounts.owner(link.owner))


def _serializer(context: Context) -> URLSafeTimedSerializer:
    return context.sessions.serializer(PURPOSE)


def _ended() -> Refusal:
    return Refusal("unauthorized", "This link has ended, was revoked or is not whole. Ask its sender for a new one.")


def _away(context: Context, error: Exception) -> Refusal:
    context.outages["Redis"].failed(error)
    return Refusal("unavailable", "Redis does not respond, so this link cannot be checked. Try again in a moment.")
