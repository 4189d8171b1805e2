"""Opens what a request brings instead of a key: an upload token, or a job token."""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError
from starlette.datastructures import Headers
from starlette.types import Scope

from api.http.access.access import Access
from api.http.access.tokens.routes import MAY, TokenKind, is_events, methods_at
from api.http.context import Context
from tasks import clock
from tasks.accounts.tokens import token_text
from tasks.queue.records.list import read
from tasks.queue.records.record import Record
from tasks.refusal import Refusal


async def by_upload_token(context: Context, scope: Scope, token: str) -> Access:
    """What an upload token gives, for the request that is sent with it.

    Args:
        context: The resources of this process.
        scope: The request.
        token: The token.

    Raises:
        Refusal: `unauthorized`, `token_forbids`, `foreign_origin`, `rate_limited`.
    """
    is_open = _is_open(scope, "upload_token")
    with _answering_outages(context):
        opened = await context.upload_tokens.open(token, is_try=is_open and scope["method"] == "POST")
    # A key of the settings ends when it is taken out of them.
    if opened is None or (opened.key_id is None and not context.keys.has(opened.owner, opened.setting_key)):
        raise _unknown("This upload token is unknown, has expired or was revoked. Ask for a new one.")
    if not is_open:
        raise _forbidden("upload_token")
    origin = Headers(scope=scope).get("origin")
    if origin != opened.grant.origin:
        sent = f"This request came from {origin!r}." if origin else "This request has no Origin."
        message = f"This upload token is for pages of the origin {opened.grant.origin!r}. {sent}"
        raise Refusal("foreign_origin", message, field="Origin")
    return Access(
        owner=opened.owner,
        scopes=frozenset({"images", "reports"}),
        via="upload_token",
        key_id=opened.key_id,
        expires_at_ms=opened.expires_at,
        upload_token=opened,
    )


async def by_job_token(context: Context, scope: Scope, token: str) -> Access:
    """What a job token gives, for the request that is sent with it.

    Args:
        context: The resources of this process.
        scope: The request.
        token: The token.

    Raises:
        Refusal: `unauthorized`, `token_forbids`.
    """
    with _answering_outages(context):
        record = await read(context.redis, token_text.job_of_token(token)) if token_text.is_whole(token) else None
    viewer = record.viewer if record and not record.expired(clock.now_ms()) else None
    if record is None or viewer is None or not hmac.compare_digest(viewer, token_text.digest_of(token)):
        raise _unknown("This job token is unknown, or its job is gone.")
    key_id = await _check_minter(context, record)
    if not _is_open(scope, "job_token"):
        raise _forbidden("job_token")
    scopes = frozenset({"jobs:read"})
    return Access(owner=record.owner, scopes=scopes, via="job_token", key_id=key_id, read_only=True, job_id=record.id)


async def _check_minter(context: Context, record: Record) -> str | None:
    """Check that the key behind a job token still opens something. Returns its id, if it is one in Redis.

    Raises:
        Refusal: `unauthorized`, `unavailable`.
    """
    kind, _, key = (record.minter or "").partition(":")
    try:
        if kind == "key":
            await context.accounts.check_key(key)
            return key
    except Refusal as refusal:
        if refusal.code != "unauthorized":
            raise
        raise _unknown("This job token has ended with the API key behind it. Ask for a new one.") from refusal
    if kind == "setting" and not context.keys.has(record.owner, key or None):
        raise _unknown("This job token has ended with the API key behind it. Ask for a new one.")
    return None


def url_token(scope: Scope, token: str) -> str:
    """A token that came in the URL of a request.

    Raises:
        Refusal: `unauthorized`: it may not be there.
    """
    if is_events(scope["path"]) and scope["method"] in ("GET", "HEAD") and token.startswith(token_text.JOB):
        return token
    raise Refusal(
        "unauthorized",
        "Only the token of a job may be in a URL, and only of its events. Send any other as `Authorization: Bearer "
        "<token>`, and take this one for known to others.",
        field="token",
    )


@contextmanager
def _answering_outages(context: Context) -> Iterator[None]:
    """What is said while Redis does not answer. Raises: Refusal `unavailable`."""
    try:
        yield
    except (RedisError, OSError) as error:
        context.outages["Redis"].failed(error)
        message = "Redis does not respond, so this token cannot be checked. Try again in a moment."
        raise Refusal("unavailable", message) from error


def _is_open(scope: Scope, kind: TokenKind) -> bool:
    return scope["method"] in methods_at(scope["path"], kind)


def _forbidden(kind: TokenKind) -> Refusal:
    return Refusal("token_forbids", MAY[kind], field="Authorization")


def _unknown(message: str) -> Refusal:
    return Refusal("unauthorized", message, field="Authorization")
