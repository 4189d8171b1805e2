"""Redis outages: log one once, retry until Redis is up, and renew the leases before anything new is claimed."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.exceptions import RedisError, ResponseError

from tasks.backoff import pauses_s
from tasks.telemetry.outage_log import OutageLog

REDIS_ERRORS = (RedisError, OSError, TimeoutError)
"""What a Redis call raises when Redis is down, slow, full or restarting."""
SCRIPT_FAULTS = ("user_script:", "Error compiling script", "WRONGTYPE", "Wrong number of args")
"""How Redis' error begins when a script itself is wrong, so that a retry cannot help."""
WRAPPING = re.compile(r"Error running script \(call to f_\w+\): @user_script:\d+: (?:@user_script: \d+: )?")
"""What Redis 6.2 puts before it."""

T = TypeVar("T")


class RedisHealth:
    """Whether Redis answers. Shared by all duties of a process that call Redis."""

    def __init__(self) -> None:
        self.renewed = asyncio.Event()
        """Set while the leases are known to be valid; cleared by the first error, set again by the next renewal."""
        self.renewed.set()
        self.renewal_wanted = asyncio.Event()
        self.renewed_ms: int | None = None
        """When the leases were last renewed, or the first was taken, by Redis' clock."""
        self.down_at = 0.0
        """`time.monotonic()` when a call to Redis last failed."""
        self._outage_log = OutageLog("redis.away", "redis.back", is_over=self.renewed.is_set)

    async def retry_until_up(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call as `retry` does, and note each failure."""
        return await retry(call, self.mark_down)

    def mark_down(self, error: Exception) -> None:
        """Note that a Redis call failed: nothing is claimed until the leases have been renewed."""
        self._outage_log.failed(error)
        self.down_at = time.monotonic()
        self.renew_first()

    def renew_first(self) -> None:
        """Claim nothing until the leases have been renewed: some may have lapsed."""
        self.renewed.clear()
        self.renewal_wanted.set()

    def mark_up(self, now_ms: int) -> None:
        """Note that the leases have been renewed.

        Args:
            now_ms: When, by Redis' clock.
        """
        self.renewed_ms = now_ms
        self.renewed.set()


async def retry(call: Callable[[], Awaitable[T]], failed: Callable[[Exception], None]) -> T:
    """Repeat a call until Redis answers it, with growing pauses.

    Args:
        call: A call that may be made twice, as every state transition may.
        failed: Called after each failure.

    Raises:
        ResponseError: A script is wrong, which no retry can cure; the process stops with this error.
    """
    pauses = pauses_s()
    while True:
        try:
            return await call()
        except REDIS_ERRORS as error:
            if is_script_fault(error):
                raise
            failed(error)
            await asyncio.sleep(next(pauses))


def is_script_fault(error: Exception) -> bool:
    """Tell a wrong script from a Redis that is full, loading or read-only: those errors begin differently."""
    return type(error) is ResponseError and WRAPPING.sub("", str(error)).startswith(SCRIPT_FAULTS)
