"""Whether a caller of a route that needs no key has sent one all the same: such routes say more to them."""

import asyncio
from typing import Final

from starlette.requests import Request

from api.http.access.auth import bearer_of
from api.http.access.token_kinds import authenticate
from api.http.context import Context
from tasks.refusal import Refusal

PATIENCE_S: Final = 2.5
"""Seconds for which a key is looked for in Redis."""
OWNER_PATIENCE_S: Final = 0.3
"""Seconds for which Redis is asked whether the owner of a key of the settings is suspended."""


async def is_known(context: Context, request: Request) -> bool:
    """Whether a key was sent that opens something now: its owner is not suspended. Without Redis, only keys of the
    settings are known.

    Args:
        context: Of this process.
        request: A request outside of `/v1`.
    """
    if "access" in request.scope:  # a page of the console asks for the one whose session it is
        return True
    token = bearer_of(request.headers)
    of_settings = token is not None and context.keys.find(token) is not None
    try:
        async with asyncio.timeout(OWNER_PATIENCE_S if of_settings else PATIENCE_S):
            await authenticate(context, request.scope, token)
    except Refusal:
        return False
    except TimeoutError:
        return of_settings
    return True
