"""The kind `reconciliation`: what was torn out of the queue's books is put back, a part of them each minute.

Every transition is one script, so that the books never disagree by themselves. But ARQ's copy of a job expires, a Redis
that is told to evict keys does so, somebody deletes some, an older snapshot is restored: then a record may live that
nobody will look at, or a lane count jobs that are gone. `reconcile.lua` says what is put right, and how.

A run looks at some jobs of each queue by chance, which in a small one are all, and walks on through the keys from where
the last run stopped. While it finds something to put right it goes on, up to BUSY_S. Two runs at once do no harm.
"""

import time
from collections import Counter

from pydantic import BaseModel, ConfigDict

from tasks.kind import JobContext, Kind, Result, RetryPolicy
from tasks.queue import redis_keys
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.redis_keys import BACKLOG, DAY_MS, JOB, LANE, QUEUES, SCHEDULE, arq_queue
from tasks.queue.script import Script
from tasks.settings import SYSTEM

PAGE_KEYS = 1000
PAGES = 20
"""Pages that a run walks through when nothing is wrong."""
BUSY_S = 30.0
"""Seconds for which a run goes on that finds something wrong; the next comes a minute later."""
CHANCE = 500
"""Jobs of each queue that a run looks at by chance."""
AT_ONCE = 100
"""Jobs, lanes or schedules in one script, which may look at fewer."""


class ReconciliationParams(BaseModel):
    """A reconciliation is asked for nothing."""

    model_config = ConfigDict(extra="forbid")


async def reconcile(job: JobContext[ReconciliationParams]) -> Result:
    """Look, and put right. The result counts jobs that were examined, mended, closed because they cannot run any more,
    and dropped because nothing is left of them; lanes that were mended, and queues whose counts were."""
    books = Reconciler(job)
    until = time.monotonic() + BUSY_S
    for queue in QUEUES:
        ids = await job.redis.zrandmember(arq_queue(queue), CHANCE)
        await books.reconcile([_text(one) for one in ids], [])
    pages, cursor = 0, int(await job.redis.get(redis_keys.RECONCILIATION) or 0)
    while True:
        cursor, keys = await job.redis.scan(cursor, count=PAGE_KEYS)
        await books.reconcile_page([_text(key) for key in keys])
        await job.redis.set(redis_keys.RECONCILIATION, cursor, px=DAY_MS)
        pages += 1
        if cursor == 0 or (pages >= PAGES and (not books.wrong or time.monotonic() > until)):
            break
    await books.recount()
    return Result(value=books.counts)


class Reconciler:
    """What has been found so far."""

    def __init__(self, job: JobContext[ReconciliationParams]) -> None:
        self._script = Script(job.redis, "upkeep/reconcile")
        nothing: dict[str, list[str]] = {"ids": [], "lanes": [], "schedules": [], "queues": []}
        self._payload = {**nothing, "owner": SYSTEM, "keep": keep_ms(job.settings)}
        self._found: Counter[str] = Counter()

    @property
    def wrong(self) -> bool:
        return any(count for name, count in self.counts.items() if name != "examined")

    @property
    def counts(self) -> dict[str, int]:
        told = {name: self._found[name] for name in ("mended", "closed", "dropped", "lanes", "queues")}
        return {"examined": self._found["examined"], **told}

    async def reconcile_page(self, keys: list[str]) -> None:
        ids = [key.removeprefix(JOB) for key in keys if key.startswith(JOB)]
        lanes = {_lane(key) for key in keys if key.startswith((LANE, BACKLOG))}
        await self.reconcile(ids, sorted(lanes))
        await self.renew([key.removeprefix(SCHEDULE) for key in keys if key.startswith(SCHEDULE)])

    async def reconcile(self, ids: list[str], lanes: list[tuple[str, str]]) -> None:
        while ids or lanes:
            part = {
                "ids": ids[:AT_ONCE],
                "lanes": [{"queue": queue, "name": name} for queue, name in lanes[:AT_ONCE]],
            }
            answer = await self._script({**self._payload, **part})
            jobs = answer["jobs"]
            self._found.update([*jobs, *["examined"] * len(jobs)], lanes=answer["lanes_mended"])
            ids, lanes = ids[len(jobs) :], lanes[answer["lanes_examined"] :]

    async def renew(self, schedules: list[str]) -> None:
        """What these run with is needed as long as they are there."""
        for start in range(0, len(schedules), AT_ONCE):
            await self._script({**self._payload, "schedules": schedules[start : start + AT_ONCE]})

    async def recount(self) -> None:
        """How many jobs are in which state, once all of them that were found have their timers again."""
        for queue in QUEUES:
            answer = await self._script({**self._payload, "queues": [queue]})
            self._found["queues"] += answer["queues_mended"]


def _lane(key: str) -> tuple[str, str]:
    """Queue and lane of a lane's key, or of its line's."""
    queue, _, lane = key.removeprefix(LANE).removeprefix(BACKLOG).partition(":")
    return queue, lane


def _text(key: bytes) -> str:
    return key.decode(errors="surrogateescape")


RECONCILIATION = Kind(
    name="reconciliation",
    queue="default",
    params=ReconciliationParams,
    run=reconcile,
    timeout_s=120,
    retry=RetryPolicy(max_tries=2, first_delay_s=5),
    in_activity_report=False,
)
