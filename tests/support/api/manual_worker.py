"""A worker whose jobs begin and end when the test says so, by the real scripts."""

import asyncio
from typing import Any

from arq.connections import ArqRedis

from tasks.kind import Result
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.breaker import breaker
from tasks.queue.script import Script
from tasks.settings import Settings
from worker.attempts.outcome import Outcome, SerializedResult, Verb
from worker.attempts.running import ClaimedJob

WORKER = "test-worker"
SLOTS: dict[str, object] = {"free": 100, "idle": True, "normal": False}
QUEUES = [{"name": name, **SLOTS} for name in ("media", "reports")]


class ManualWorker:
    """Does what the engine does, step by step: claims everything that waits, then ends one job after the other."""

    def __init__(self, redis: ArqRedis, settings: Settings) -> None:
        self._claim = Script(redis, "run/claim")
        self._finish = Script(redis, "run/finish")
        self._rules = {"keep": keep_ms(settings), "breaker": breaker(settings)}
        self._claimed: dict[str, ClaimedJob] = {}
        self._claiming = asyncio.Lock()

    async def begin(self) -> None:
        async with self._claiming:  # so that `end` finds what another call has claimed but not yet noted
            await self._begin()

    async def _begin(self) -> None:
        caps = {"lane_cap": 0, "receiver_cap": 0, "owner_cap": 0}
        payload = {"worker": WORKER, "suspecting": False, "io_bound": {}, "queues": QUEUES, **caps, **self._rules}
        for job in (await self._claim(payload))["jobs"]:
            self._claimed[job["id"]] = ClaimedJob(**job)

    def claimed(self, kind: str) -> list[str]:
        return [job.id for job in self._claimed.values() if job.kind == kind]

    async def end(
        self,
        job_id: str,
        verb: Verb = "succeeded",
        *,
        result: Result | None = None,
        error: tuple[str, str] | None = None,
        field: str | None = None,
    ) -> None:
        if job_id not in self._claimed:
            await self.begin()
        outcome = Outcome(
            self._claimed.pop(job_id), verb, 0.01, SerializedResult.of(result) if result else None, error, field
        )
        payload: dict[str, Any] = {"worker": WORKER, **self._rules, "outcomes": [outcome.payload(WORKER)]}
        assert await self._finish(payload) == [True]
