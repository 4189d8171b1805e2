"""How each kind of token is checked. A kind is known by its prefix; a new one is a line in TOKEN_KINDS."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import Scope

from api.http.access.access import Access
from api.http.access.account_cache import check_suspension
from api.http.access.keys import OPEN_ACCESS
from api.http.access.tokens.opening import by_job_token, by_upload_token
from api.http.context import Context
from tasks.accounts.key_format import PREFIX, is_well_formed
from tasks.accounts.tokens import token_text
from tasks.refusal import Refusal


async def _by_key(context: Context, _scope: Scope, token: str) -> Access:
    """Raises: Refusal `unauthorized`, `unavailable`."""
    if not is_well_formed(token):
        raise Refusal(
            "unauthorized", "This API key has a typo: its checksum does not fit. Copy it whole.", field="Authorization"
        )
    return Access.by_key(await context.accounts.key(token))


TOKEN_KINDS: Final[dict[str, Callable[[Context, Scope, str], Awaitable[Access]]]] = {
    PREFIX: _by_key,
    token_text.UPLOAD: by_upload_token,
    token_text.JOB: by_job_token,
}
"""prefix -> what a token with it gives, for the request that is sent with it. Raises: Refusal."""


async def authenticate(context: Context, scope: Scope, token: str | None) -> Access:
    """What the token of a request gives, unless its owner is suspended. Sets `access`, `owner` and `account` in scope.

    Args:
        context: The resources of this process.
        scope: The request.
        token: What the Authorization header has after `Bearer`; None without one.

    Raises:
        Refusal: `unauthorized`, `owner_suspended`, `unavailable`, `rate_limited`, and those of the kind of token.
    """
    try:
        access = await _authenticate(context, scope, token)
    except Refusal as refusal:
        if refusal.code == "unauthorized" and token is not None:
            throttled = context.throttle.refusal_of(context.forwarding.client_address(scope))
            raise throttled or refusal from None
        raise
    account = context.accounts.known_owner(access.owner) or await context.accounts.owner(access.owner)
    scope["access"], scope["owner"], scope["account"] = access, access.owner, account
    check_suspension(access, account)
    return access


async def _authenticate(context: Context, scope: Scope, token: str | None) -> Access:
    if token is not None:
        access = context.keys.find(token)
        if access is not None:
            return access
        for prefix, check in TOKEN_KINDS.items():
            if token.startswith(prefix):
                return await check(context, scope, token)
    if context.keys.open:
        if not await context.accounts.any_keys():
            return OPEN_ACCESS
        context.keys.close()
    if token is None:
        raise Refusal(
            "unauthorized",
            "The request has no API key. Send it as `Authorization: Bearer <key>`.",
            field="Authorization",
        )
    raise Refusal("unauthorized", "This API key is unknown. Check it for typos.", field="Authorization")
