"""How many requests there were and how long they took, by route.

Each process counts in memory, which costs a request no round trip, and adds what it has counted to the counts in Redis
every FLUSH_S. So every process tells the sum of all, however many there are. One that is killed loses its last seconds.
"""

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.operations.metric import Counts, Metric
from tasks.queue.script import Script

FLUSH_S: Final = 5.0
LAST_FLUSH_S: Final = 2.0
"""Seconds for which a process that stops waits for Redis to take its last counts."""
BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets, in seconds; the last bucket has none."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
"""The route of a request that no route matched, and any method that no route has: a client could invent thousands."""
GONE: Final = "gone"
"""The status of a request whose client left before it was answered."""

Key = tuple[str, str, str]
"""Method, route, class of the status."""


class HttpCounts:
    """The requests of this process that are not in Redis yet.

    Args:
        redis: The counts of all processes are there.
    """

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._add = Script(redis, "upkeep/count")
        self._buckets: Counter[tuple[Key, int]] = Counter()
        self._microseconds: Counter[Key] = Counter()

    def count(self, method: str, route: str | None, status: int | None, seconds: float) -> None:
        """Count a request.

        Args:
            method: Its method.
            route: The template of its route, such as `/v1/jobs/{job_id}`; None if no route matched.
            status: The status of its answer; None if the client left first.
            seconds: From its head to the head of its answer.
        """
        key = (
            method if method in METHODS else OTHER,
            route or OTHER,
            GONE if status is None else f"{status // 100}xx",
        )
        self._buckets[key, bisect_left(BOUNDS_S, seconds)] += 1
        self._microseconds[key] += int(seconds * 1_000_000)

    async def flush(self) -> None:
        """Add what was counted to the counts in Redis. If that fails, it is kept for the next time; what Redis has
        taken without being able to say so is then counted twice.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        buckets, self._buckets = self._buckets, Counter()
        microseconds, self._microseconds = self._microseconds, Counter()
        if not buckets:
            return
        fields = {" ".join(("http", *key, str(bucket))): count for (key, bucket), count in buckets.items()}
        fields |= {" ".join(("http_us", *key)): total for key, total in microseconds.items()}
        try:
            await self._add({"fields": fields})
        except BaseException:
            self._buckets.update(buckets)
            self._microseconds.update(microseconds)
            raise

    async def loop(self) -> None:
        """Flush every FLUSH_S until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            with suppress(RedisError, OSError, TimeoutError):
                await self.flush()

    async def close(self) -> None:
        """Flush a last time, once the loop has ended: it may be cancelled again while it is about to end. What Redis
        does not take in LAST_FLUSH_S is lost."""
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(LAST_FLUSH_S):
                await self.flush()


def http_metrics(counts: Counts) -> Iterator[Metric]:
    """The metrics of what all processes have counted."""
    requests = Metric(
        "pressroom_http_requests_total",
        "counter",
        "Requests, by method, route (its template) and class of the status.",
    )
    seconds = Metric(
        "pressroom_http_request_seconds",
        "histogram",
        "From the head of a request to the head of its answer; requests that wait for a job take as long as they wait.",
    )
    found: dict[Key, dict[int, int]] = {}
    for words, count in sorted(counts.items()):
        match words:
            case ("http", method, route, status, bucket):
                found.setdefault((method, route, status), {})[int(bucket)] = count
    for key, buckets in found.items():
        labels: Mapping[str, Any] = dict(zip(("method", "route", "status"), key, strict=True))
        seen = 0
        for number, bound in enumerate(BOUNDS_S):
            seen += buckets.get(number, 0)
            seconds.add(seen, suffix="_bucket", **labels, le=f"{bound:g}")
        seen += buckets.get(len(BOUNDS_S), 0)
        seconds.add(seen, suffix="_bucket", **labels, le="+Inf")
        seconds.add(counts.get(("http_us", *key), 0) / 1_000_000, suffix="_sum", **labels)
        seconds.add(seen, suffix="_count", **labels)
        requests.add(seen, **labels)
    yield from (requests, seconds)
