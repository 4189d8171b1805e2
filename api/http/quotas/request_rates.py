"""Requests per second of an owner, over all web processes.

Each process decides by itself, without a question to Redis, and tells Redis twice a second how many requests it let in.
The answer says what the owner owes by the requests of all processes, and from then on the process goes by that. So the
average holds over all processes; for half a second each of them may let in a burst (docs/decisions/0121-owners.md).
"""

import asyncio
import contextlib
import math
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tasks.accounts.quotas import Quotas
from tasks.queue.script import Script
from tasks.refusal import Quota, Refusal

TELL_EVERY_S: Final = 0.5
"""Seconds between two messages to Redis of one process."""
MAX_OWNERS: Final = 10_000
"""Owners whose rate a process knows: some 2 MB. Those that were not seen for longest make room."""


@dataclass(slots=True)
class _Bucket:
    """paid_at_s: when all that the owner had is paid for, as `monotonic()`; cost_s: of one request; untold: requests
    that Redis does not know of yet."""

    paid_at_s: float
    cost_s: float
    untold: int = 0


@dataclass(frozen=True, slots=True)
class RateState:
    """What an answer says of the owner's rate: its quota, its burst, and how many requests may come now."""

    quota: Quota
    burst: int
    left: int


class RequestRates:
    """Counts the requests of owners whose rate is limited.

    Args:
        redis: Connection.
        tell_every_s: Seconds between two messages to Redis.
    """

    def __init__(self, redis: "Redis[bytes]", tell_every_s: float = TELL_EVERY_S) -> None:
        self._script = Script(redis, "run/requests")
        self._tell_every_s = tell_every_s
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._telling: asyncio.Task[None] | None = None

    def admit(self, owner: str, quotas: Quotas) -> RateState | None:
        """Let a request of an owner in. Returns what its answer says of the rate; None if it has none.

        Raises:
            Refusal: `rate_limited`.
        """
        rate, burst = quotas.requests_per_second, quotas.request_burst
        if not rate:
            return None
        now, cost_s = monotonic(), 1 / rate
        bucket = self._buckets.get(owner)
        if bucket is None:
            bucket = self._buckets[owner] = _Bucket(now, cost_s)
            if len(self._buckets) > MAX_OWNERS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(owner)
        bucket.cost_s = cost_s
        owed_s = max(bucket.paid_at_s - now, 0.0)
        quota = Quota("requests", window_s=math.ceil(burst / rate))
        wait_s = owed_s - (burst - 1) * cost_s
        if wait_s > 0:
            seconds = math.ceil(wait_s)
            raise Refusal(
                "rate_limited",
                f"You may send {rate} requests per second, and {burst} at once. Try again in {seconds} s.",
                limit=burst,
                retry_after_s=seconds,
                quota=quota,
            )
        bucket.paid_at_s = now + owed_s + cost_s
        bucket.untold += 1
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell(), name="RequestRates")
        return RateState(quota, burst, int(burst - (owed_s + cost_s) / cost_s + 1e-6))

    async def close(self) -> None:
        """Stop telling Redis."""
        if self._telling is not None:
            self._telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._telling

    async def _tell(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._tell_every_s)
                told = {owner: bucket.untold for owner, bucket in self._buckets.items() if bucket.untold}
                if not told:
                    return
                # While Redis is away each process goes by what it has counted itself.
                with contextlib.suppress(RedisError, OSError):
                    await self._tell_once(told)
        finally:
            self._telling = None

    async def _tell_once(self, told: dict[str, int]) -> None:
        buckets = {owner: self._buckets[owner] for owner in told}
        owners = [
            {"owner": owner, "requests": number, "cost_ms": buckets[owner].cost_s * 1000}
            for owner, number in told.items()
        ]
        answers = await self._script({"owners": owners})
        now = monotonic()
        for (owner, number), owed_ms in zip(told.items(), answers, strict=True):
            bucket = buckets[owner]
            bucket.untold -= number
            bucket.paid_at_s = now + float(owed_ms) / 1000 + bucket.untold * bucket.cost_s
