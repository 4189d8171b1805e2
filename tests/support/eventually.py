"""Waiting for what other tasks and processes do."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

PATIENCE_S = 20.0
"""Seconds that a test waits for what takes a moment on a machine that is not busy."""
LOOK_S = 0.01


async def eventually(look: Callable[[], Any], wanted: object = bool, *, seconds: float = PATIENCE_S) -> Any:
    """Look again and again until what is seen is what is wanted.

    Args:
        look: Returns what is to be seen, or a coroutine that does.
        wanted: What it must be equal to, or a function that says whether it will do; by default anything true.
        seconds: How long to wait.

    Returns:
        What was seen in the end.

    Raises:
        AssertionError: It did not come. The message says what was seen last.
    """
    seen: Any = "nothing: the first look has not ended"
    try:
        async with asyncio.timeout(seconds) as limit:
            while True:
                seen = look()
                if inspect.isawaitable(seen):
                    seen = await seen
                if wanted(seen) if callable(wanted) else seen == wanted:
                    return seen
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        if not limit.expired():
            raise
        expected = "something else" if callable(wanted) else repr(wanted)
        raise AssertionError(f"{seconds:g} s have passed: wanted {expected}, saw {seen!r}") from None


def eventually_sync(look: Callable[[], Any], wanted: object = bool, *, seconds: float = PATIENCE_S) -> Any:
    """The same as `eventually`, for a test that is no coroutine."""
    return asyncio.run(eventually(look, wanted, seconds=seconds))
