"""Redis trouble is weather: note it once, wait, come back, and renew the leases before anything new is claimed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.exceptions import RedisError

log = structlog.get_logger()

TROUBLE = (RedisError, OSError, TimeoutError)
"""What a Redis call raises when Redis is away, slow, full or restarting."""
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
"""Short enough that leases are renewed within PATIENCE_MS of Redis' return."""

T = TypeVar("T")


class Weather:
    """Shared by all duties of a process that speak to Redis."""

    def __init__(self) -> None:
        self.renewed = asyncio.Event()
        """Leases are known to be good; cleared by the first trouble, set by the next renewal."""
        self.renewed.set()
        self.renewal_wanted = asyncio.Event()

    async def brave(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat `call` until Redis answers it. Only for what may be said twice: every transition is."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                return await call()
            except TROUBLE as error:
                self.worsened(error)
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - jitter, no secret
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def worsened(self, error: Exception) -> None:
        """Trouble was met: nothing is claimed until the leases have been renewed."""
        if self.renewed.is_set():
            log.warning("redis.away", error=f"{type(error).__name__}: {error}")
        self.renewed.clear()
        self.renewal_wanted.set()

    def cleared(self) -> None:
        """The leases have been renewed."""
        if not self.renewed.is_set():
            log.info("redis.back")
        self.renewed.set()
