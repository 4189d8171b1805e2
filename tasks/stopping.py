"""Cancels asyncio tasks until they have ended."""

import asyncio
from typing import Any

AGAIN_S = 0.1
"""Seconds after which a task that has not ended is cancelled again."""


async def stop(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel the tasks, and return when they have ended.

    One cancellation is not enough: under Python 3.11, one that arrives just as an `asyncio.wait_for` ends is lost, and
    every call to Redis goes through one. What a task raised stays in the task.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
