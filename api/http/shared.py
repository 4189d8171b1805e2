"""What several calls of the API ask for in one page of the console is asked of Redis once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from starlette.requests import Request

T = TypeVar("T")

ASKED = "asked"
"""The key of a scope under which a page's calls share answers; requests over HTTP share none."""


async def shared(request: Request, name: str, find: Callable[[], Awaitable[T]]) -> T:
    """The answer to a question, which other calls of the same page may have asked.

    Args:
        request: Of a call.
        name: Of the question.
        find: Asks it.
    """
    asked: dict[str, asyncio.Future[Any]] | None = request.scope.get(ASKED)
    if asked is None:
        return await find()
    if name not in asked:
        asked[name] = asyncio.ensure_future(find())
    return cast("T", await asked[name])
