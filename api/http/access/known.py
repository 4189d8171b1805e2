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


async def is_known(context: Context, request: Request) -> bool:
    """Whether a key was sent that opens something. Without Redis, only those of the settings are known.

    Args:
        context: Of this process.
        request: A request outside of `/v1`.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            await authenticate(context, request.scope, bearer_of(request.headers))
    except (Refusal, TimeoutError):
        return False
    return True
