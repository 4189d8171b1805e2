"""Ending asyncio tasks for certain."""

import asyncio
from typing import Any

AGAIN_S = 0.1


async def stop(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel the tasks, and return when they have ended.

    Once is not enough: under Python 3.11 a cancel that arrives as an `asyncio.wait_for` ends is lost, and every call to
    Redis goes through one. What a task raised is left in it.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
