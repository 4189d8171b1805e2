"""Redis trouble is weather: note it once, wait, come back, and renew the leases before anything new is claimed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.exceptions import RedisError, ResponseError

log = structlog.get_logger()

REDIS_ERRORS = (RedisError, OSError, TimeoutError)
"""What a Redis call raises when Redis is away, slow, full or restarting."""
FAULTS = ("user_script:", "Error compiling script", "WRONGTYPE", "Wrong number of args")
"""What Redis says of a script that does what cannot be done."""
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
"""Short enough that leases are renewed within PATIENCE_MS of Redis' return."""

T = TypeVar("T")


class RedisHealth:
    """Shared by all duties of a process that speak to Redis."""

    def __init__(self) -> None:
        self.renewed = asyncio.Event()
        """Leases are known to be good; cleared by the first trouble, set by the next renewal."""
        self.renewed.set()
        self.renewal_wanted = asyncio.Event()

    async def retry_until_up(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat `call` until Redis answers it. Only for what may be said twice: every transition is.

        Raises: ResponseError for a fault in a script, which no waiting cures; the process stops, and says so.
        """
        pause = FIRST_PAUSE_S
        while True:
            try:
                return await call()
            except REDIS_ERRORS as error:
                if _of_our_making(error):
                    raise
                self.mark_down(error)
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - jitter, no secret
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def mark_down(self, error: Exception) -> None:
        """Trouble was met: nothing is claimed until the leases have been renewed."""
        if self.renewed.is_set():
            log.warning("redis.away", error=f"{type(error).__name__}: {error}")
        self.renewed.clear()
        self.renewal_wanted.set()

    def mark_up(self) -> None:
        """The leases have been renewed."""
        if not self.renewed.is_set():
            log.info("redis.back")
        self.renewed.set()


def _of_our_making(error: Exception) -> bool:
    """Whether a script is at fault. That Redis is full, loads or is read-only has a class, or a word, of its own."""
    return type(error) is ResponseError and str(error).startswith(FAULTS)
