"""The kind `cleanup`: removes what is not needed any more from storage and Redis, while the service runs.

Records, uploads and most keys expire by themselves. The cleanup removes the files of expired jobs and uploads, files
that never had a user (of a submission that failed after its upload, of an attempt that did not count), incomplete
files, entries of indexes, and records of the history whose time is over. Each step is small and may be repeated: a run
that dies is started again and goes on with what is left.
"""

import asyncio
import time
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from tasks import clock
from tasks.accounts.audit import AuditLog
from tasks.accounts.usage import UsageStore
from tasks.history.upkeep import HistoryUpkeep
from tasks.kind import JobContext, Kind, Result, RetryPolicy
from tasks.maintenance.exchanges import sweep_exchanges
from tasks.maintenance.incoming import remove_unknown
from tasks.maintenance.snapshot import write_snapshot
from tasks.maintenance.storage_owner import owns_storage
from tasks.maintenance.stored_bytes import StoredCount
from tasks.maintenance.sweep import sweep
from tasks.queue.records.trimming import trim
from tasks.webhook.endpoints import open_box

OWNER_CHECK_S = 30.0
"""Seconds between two looks whether the storage is still this installation's: another may adopt it meanwhile."""
TIDY_S = 600.0
"""Seconds after which a cleanup removes no more deleted records from the history; each reconciliation does the same."""
PAUSE_S = 0.02
"""Seconds between two steps, in which Redis and the storage serve other requests."""


class CleanupParams(BaseModel):
    """The params of a cleanup. With `dry_run` it changes nothing, and reports what it would remove."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False


async def clean_up(job: JobContext[CleanupParams]) -> Result:
    """Trim the indexes. In the installation's own storage also write a snapshot of what lives only in Redis, delete
    blobs that nothing needs, and discard incomplete files.

    Returns:
        `snapshot`, its name, and `foreign_storage`: whether the storage belongs to another installation.
        Blobs `examined` and `deleted`, the `bytes` of the deleted ones, `leftovers` of killed writers, `incoming`
        uploads without a record and `exchanges` of deliveries that were removed, index entries examined and removed,
        `history_deleted`: records of the history whose time was over, and `history_unreadable`: objects of it that the
        storage did not give.
    """
    dry_run = job.params.dry_run
    now = clock.from_ms(clock.of_redis(await job.redis.time()))
    before = now - timedelta(seconds=job.settings.cleanup_grace_s)
    entries, removed = await _trim(job)
    examined = deleted = size = leftovers = incoming = exchanges = 0
    snapshot = None
    if not dry_run:
        await AuditLog(job.redis).expire(clock.to_ms(now) - job.settings.keep_audit_s * 1000)
    is_ours = await owns_storage(job.redis, job.storage, dry_run=dry_run)
    if is_ours and not dry_run:
        # First, for the rest may fail at the storage's first error.
        snapshot = await write_snapshot(
            job.redis, job.storage, open_box(job.settings), keep=job.settings.keep_snapshots
        )
    if is_ours:
        examined, deleted, size = await _sweep(job, before)
        leftovers = await job.storage.discard_leftovers(before, dry_run=dry_run)
        incoming = await remove_unknown(job.redis, job.storage, before=before, dry_run=dry_run)
        async for step in sweep_exchanges(job.redis, job.storage, before=before, dry_run=dry_run):
            exchanges += step
            await asyncio.sleep(PAUSE_S)
    history, unreadable = (0, 0) if dry_run else await _expire_history(job)
    if not dry_run:
        await UsageStore(job.redis).expire(job.settings.keep_usage_days)
    return Result(
        value={
            "dry_run": dry_run,
            "examined": examined,
            "deleted": deleted,
            "bytes": size,
            "leftovers": leftovers,
            "incoming": incoming,
            "exchanges": exchanges,
            "entries_examined": entries,
            "entries_removed": removed,
            "history_deleted": history,
            "history_unreadable": unreadable,
            "snapshot": snapshot,
            "foreign_storage": not is_ours,
        }
    )


async def _expire_history(job: JobContext[CleanupParams]) -> tuple[int, int]:
    """Delete what is too old from the history. It is this installation's own, also in a storage that another owns, and
    exists if HISTORY was ever `storage`. Returns how many records were deleted, and how many objects not read."""
    history = HistoryUpkeep(job.redis, job.storage)
    if not await history.exists():
        return 0, 0
    await history.tidy(time.monotonic() + TIDY_S)
    deleted = await history.expire(job.settings.keep_history_s * 1000)
    return deleted, len(history.unreadable)


async def _trim(job: JobContext[CleanupParams]) -> tuple[int, int]:
    keys = entries = removed = 0
    total = await job.redis.dbsize()
    async for step in trim(job.redis, dry_run=job.params.dry_run):
        keys, entries, removed = keys + step.keys, entries + step.examined, removed + step.removed
        job.progress(min(keys, total), total, "keys")
        await asyncio.sleep(PAUSE_S)
    return entries, removed


async def _sweep(job: JobContext[CleanupParams], before: datetime) -> tuple[int, int, int]:
    examined = deleted = size = 0
    look_at = time.monotonic() + OWNER_CHECK_S
    count = None if job.params.dry_run else await StoredCount.begin(job.redis)
    async for step in sweep(job.redis, job.storage, before=before, dry_run=job.params.dry_run, count=count):
        examined, deleted, size = examined + step.examined, deleted + step.deleted, size + step.bytes
        # The total is unknown until all blobs have been listed.
        job.progress(examined, examined, "blobs")
        await asyncio.sleep(PAUSE_S)
        if time.monotonic() > look_at:
            if not await owns_storage(job.redis, job.storage, dry_run=job.params.dry_run):
                return examined, deleted, size
            look_at = time.monotonic() + OWNER_CHECK_S
    if count is not None:
        await count.end()
    return examined, deleted, size


CLEANUP = Kind(
    name="cleanup",
    queue="default",
    params=CleanupParams,
    run=clean_up,
    timeout_s=6 * 3600,
    retry=RetryPolicy(max_tries=5, first_delay_s=30, max_delay_s=1800),
    io_bound=True,
    in_activity_report=False,
    upkeep=True,
)
