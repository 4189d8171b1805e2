"""The kind `reconciliation`: repairs queue entries that Redis has lost, some of them each minute.

It also packs records of ended jobs (`tasks.queue.records.packing`), deletes the bytes of deleted ones
(`tasks.maintenance.deleted_bytes`, `tasks.maintenance.exchanges`) and of uploads that were not completed
(`tasks.maintenance.incoming`), removes queues that nothing uses any more (`tasks.queue.queues`), and with
HISTORY=storage moves those records whose time in Redis is over into the storage (`tasks.history`).

Every state transition is one script, so that the keys of a job always agree. But ARQ's copy of a job expires, Redis may
evict keys, an operator may delete some or restore an older snapshot: then a record may exist that no queue refers to,
or a lane may count jobs that are gone. `reconcile.lua` describes what is repaired, and how.

A run checks a random sample of each queue, which covers a small queue, and goes on through all keys from where the last
run stopped. While it finds something to repair it continues, up to BUSY_S. Two runs at once do no harm.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.history.upkeep import HistoryUpkeep
from tasks.kind import JobContext, Kind, Result, RetryPolicy
from tasks.maintenance.deleted_bytes import delete_unneeded
from tasks.maintenance.exchanges import delete_exchanges
from tasks.maintenance.incoming import remove_expired
from tasks.maintenance.storage_owner import owns_storage
from tasks.queue import redis_keys
from tasks.queue.jobs.retention import in_redis_ms, keep_ms
from tasks.queue.queues.queue_keys import MADE_QUEUES
from tasks.queue.queues.queue_store import QueueStore
from tasks.queue.records.indexes import BATCH, FOREIGN
from tasks.queue.records.packer import Packer
from tasks.queue.redis_keys import APPLICATION, BACKLOG, ENDPOINT, JOB, LANE, QUEUES, SCHEDULE, arq_queue
from tasks.queue.script import Script
from tasks.settings import SYSTEM
from tasks.storage.protocol import StorageUnavailable

FUNCTION_LANE = ":function:"
PAGE_KEYS = 1000
PAGES = 20
"""Pages of keys that a run checks when it finds nothing to repair."""
BUSY_S = 30.0
"""Seconds for which a run continues that finds something to repair; the next run starts a minute later."""
SAMPLE = 500
"""Randomly chosen jobs of each queue that a run checks."""
DELETION_S = 20.0
"""Seconds after which a run deletes no more bytes of deleted jobs: after a bulk deletion they may be many. At most a
quarter is for exchanges of deliveries."""
HISTORY_S = 20.0
"""Seconds after which a run moves no more records into the storage, which may be slow. Half are for deletions."""
MOST_LEAVING = 20_000
"""Records whose time in Redis is over that a run remembers to move them. It passes the others again later."""
AT_ONCE = 100
"""Jobs, lanes or schedules in one script, which may check fewer."""


class ReconciliationParams(BaseModel):
    """A reconciliation has no params."""

    model_config = ConfigDict(extra="forbid")


async def reconcile(job: JobContext[ReconciliationParams]) -> Result:
    """Check and repair.

    Returns:
        How many jobs were `examined`, `mended` (repaired), `closed` because they cannot run any more, and `dropped`
        because their record is gone; how many `lanes` were repaired, and the counts of how many `queues`; and how many
        records of ended jobs were `packed`, and `moved` into the storage; how many blobs of deleted jobs were
        `deleted`; of how many deleted deliveries the `exchanges`; and of how many `incoming` uploads the objects.
    """
    reconciler = Reconciler(job)
    until = time.monotonic() + BUSY_S
    await QueueStore(job.redis, job.settings.max_queues).expire()
    queues = [*QUEUES, *(_text(queue) for queue in await job.redis.zrange(MADE_QUEUES, 0, -1))]
    for queue in queues:
        ids = await job.redis.zrandmember(arq_queue(queue), SAMPLE)
        await reconciler.reconcile([_text(one) for one in ids], [])
    pages, cursor = 0, int(await job.redis.get(redis_keys.RECONCILIATION) or 0)
    while True:
        cursor, keys = await job.redis.scan(cursor, count=PAGE_KEYS)
        await reconciler.reconcile_page([_text(key) for key in keys])
        await reconciler.note(cursor)
        pages += 1
        if cursor == 0 or (pages >= PAGES and (not reconciler.wrong or time.monotonic() > until)):
            break
    await reconciler.recount(queues)
    packed = await _pack(job, time.monotonic() + BUSY_S)
    began = time.monotonic()
    exchanges = await _delete_exchanges(job, began + DELETION_S / 4)
    deleted = await _delete_bytes(job, began + DELETION_S)
    incoming = await _remove_incoming(job, time.monotonic() + DELETION_S)
    moved = await _move(job, reconciler.leaving) if job.settings.history == "storage" else 0
    done = {"packed": packed, "deleted": deleted, "exchanges": exchanges, "incoming": incoming, "moved": moved}
    return Result(value={**reconciler.counts, **done})


async def _move(job: JobContext[ReconciliationParams], leaving: Sequence[str]) -> int:
    """Move records into the storage, and remove from it what was deleted. Returns how many were moved."""
    history, moved, began = HistoryUpkeep(job.redis, job.storage), 0, time.monotonic()
    # The storage has logged that it is away; the repairs above do not depend on it, and the next run tries again.
    with contextlib.suppress(StorageUnavailable):
        await history.tidy(began + HISTORY_S / 2)
    with contextlib.suppress(StorageUnavailable):
        if leaving and not await history.exists():
            # A Redis that is lost before the first cleanup finds its history by the marker.
            await owns_storage(job.redis, job.storage)
        async for count in history.move(leaving, began + HISTORY_S, in_redis_ms=in_redis_ms(job.settings)):
            moved += count
    return moved


async def _delete_bytes(job: JobContext[ReconciliationParams], until: float) -> int:
    """Delete the bytes of what was deleted some minutes ago. Returns how many blobs."""
    with contextlib.suppress(StorageUnavailable):  # the next run goes on
        return await delete_unneeded(job.redis, job.storage, grace_s=job.settings.deletion_grace_s, until=until)
    return 0


async def _delete_exchanges(job: JobContext[ReconciliationParams], until: float) -> int:
    """Delete what attempts at deleted deliveries have sent and received. Returns of how many deliveries."""
    with contextlib.suppress(StorageUnavailable):  # the next run goes on
        return await delete_exchanges(job.redis, job.storage, until=until)
    return 0


async def _remove_incoming(job: JobContext[ReconciliationParams], until: float) -> int:
    """Remove the objects of uploads whose time is over. Returns of how many."""
    with contextlib.suppress(StorageUnavailable):  # the next run goes on
        return await remove_expired(job.redis, job.storage, until=until)
    return 0


async def _pack(job: JobContext[ReconciliationParams], until: float) -> int:
    """Pack the records that are due, which is no repair but keeps Redis small. Returns how many."""
    packer, packed, more = Packer(job.redis, job.settings), 0, True
    while more:
        count, more = await packer.step()
        packed += count
        # The last step writes what the one before has compressed.
        more = more and time.monotonic() < until
    return packed


class Reconciler:
    """Repairs jobs, lanes, schedules and counts, and counts what it repaired."""

    def __init__(self, job: JobContext[ReconciliationParams]) -> None:
        self._script = Script(job.redis, "upkeep/reconcile")
        nothing: dict[str, list[str]] = {name: [] for name in ("ids", "lanes", "schedules", "endpoints", "queues")}
        kinds = dict.fromkeys((*job.kinds, BATCH), True)
        rules = {"owner": SYSTEM, "kinds": kinds, "foreign": FOREIGN}
        times = {"keep": keep_ms(job.settings), "in_redis_ms": in_redis_ms(job.settings)}
        self._payload: dict[str, Any] = {**nothing, **rules, **times}
        self._found: Counter[str] = Counter()
        self.leaving: list[str] = []

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
        for name, things in (("schedules", SCHEDULE), ("endpoints", ENDPOINT)):
            await self.renew(name, [key.removeprefix(things) for key in keys if key.startswith(things)])

    async def reconcile(self, ids: list[str], lanes: list[tuple[str, str]]) -> None:
        while ids or lanes:
            part = {
                "ids": ids[:AT_ONCE],
                "lanes": [{"queue": queue, "name": name} for queue, name in lanes[:AT_ONCE]],
            }
            answer = await self._script({**self._payload, **part})
            jobs = answer["jobs"]
            self.leaving += [one for one, what in zip(ids, jobs, strict=False) if what in ("expired", "kept")]
            del self.leaving[MOST_LEAVING:]
            self._found.update([*jobs, *["examined"] * len(jobs)], lanes=answer["lanes_mended"])
            ids, lanes = ids[len(jobs) :], lanes[answer["lanes_examined"] :]

    async def note(self, cursor: int) -> None:
        """Note from where the next run goes on. By the script, for a full Redis would refuse a plain command."""
        await self._script({**self._payload, "cursor": str(cursor)})

    async def renew(self, name: str, ids: list[str]) -> None:
        """Renew the places of these `schedules` or `endpoints` in everyone's list, and schedules' holders of blobs."""
        for start in range(0, len(ids), AT_ONCE):
            await self._script({**self._payload, name: ids[start : start + AT_ONCE]})

    async def recount(self, queues: Sequence[str]) -> None:
        """Correct the queues' counts of jobs by state."""
        for queue in queues:
            answer = await self._script({**self._payload, "queues": [queue]})
            self._found["queues"] += answer["queues_mended"]


def _lane(key: str) -> tuple[str, str]:
    """Queue and lane of a key of a lane or of its backlog."""
    name = key.removeprefix(LANE).removeprefix(BACKLOG)
    if name.startswith(APPLICATION):  # the names of such queues have colons
        queue, _, function = name.partition(FUNCTION_LANE)
        return queue, FUNCTION_LANE[1:] + function
    queue, _, lane = name.partition(":")
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
    io_bound=True,
    in_activity_report=False,
    upkeep=True,
)
