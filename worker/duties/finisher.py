"""Writes down how attempts went."""

import asyncio
from collections import deque

import structlog
from redis.asyncio import Redis

from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.breaker import breaker
from tasks.queue.script import Script
from tasks.settings import Settings
from worker.attempts.outcome import Outcome
from worker.attempts.running import Running
from worker.redis_health import RedisHealth

log = structlog.get_logger()

FINISH_AT_MOST = 128
"""Outcomes in one call, so that no script holds Redis for more than a few milliseconds."""


class Finisher:
    """One call at a time; whatever ended while it was under way goes into the next. Nothing is dropped before Redis has
    taken it."""

    def __init__(
        self, redis: "Redis[bytes]", settings: Settings, worker_id: str, running: Running, redis_health: RedisHealth
    ) -> None:
        self._finish = Script(redis, "run/finish")
        self._rules = {"worker": worker_id, "keep": keep_ms(settings), "breaker": breaker(settings)}
        self._worker_id = worker_id
        self._running = running
        self._redis_health = redis_health
        self._outcomes: deque[Outcome] = deque()
        self._wanted = asyncio.Event()
        self._written = asyncio.Event()

    def put(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._wanted.set()

    async def loop(self) -> None:
        while True:
            await self._wanted.wait()
            batch = [self._outcomes[n] for n in range(min(len(self._outcomes), FINISH_AT_MOST))]
            payload = {**self._rules, "outcomes": [one.payload(self._worker_id) for one in batch]}
            answers: list[bool] = await self._redis_health.retry_until_up(lambda payload=payload: self._finish(payload))  # type: ignore[misc]
            for outcome, written in zip(batch, answers, strict=True):
                self._outcomes.popleft()
                self._running.release(outcome.job)
                _tell(outcome, written=written)
            if not self._outcomes:
                self._wanted.clear()
                self._written.set()

    async def flush(self, seconds: float) -> int:
        """Wait until all is written, at most so long. Returns how many outcomes are left unwritten; their leases will
        lapse."""
        try:
            async with asyncio.timeout(seconds):
                while self._outcomes:
                    self._written.clear()
                    await self._written.wait()
        except TimeoutError:
            pass
        return len(self._outcomes)


def _tell(outcome: Outcome, *, written: bool) -> None:
    facts = {**outcome.job.facts, "seconds": round(outcome.seconds, 3)}
    if not written:
        # Our lease lapsed and another worker has the job, or this very call was answered on a connection that broke.
        log.warning("job.stale", verb=outcome.verb, **facts)
    elif outcome.error is None:
        log.info(f"job.{outcome.verb}", **facts)
    else:
        # The message is in the record, for its owner: it may quote what they sent.
        tell = log.info if outcome.verb == "cancelled" else log.warning
        tell(f"job.{outcome.verb}", **facts, code=outcome.error[0])
