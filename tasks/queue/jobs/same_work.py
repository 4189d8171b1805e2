"""Work that several jobs ask for is done once: by the first of them that runs. The others wait for it and use its
result, whose blobs they need as their own from then on.

What is remembered of a piece of work is the id of the job that did it, or does it now. If that job fails, is cancelled,
is handed back or loses its worker, it no longer runs, and the next one that asks takes the work over.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import structlog
from redis.asyncio import Redis

from tasks.queue.records.list import read
from tasks.queue.records.record import Record
from tasks.queue.redis_keys import SECOND_MS
from tasks.queue.script import Script
from tasks.storage.protocol import BlobMissing, Storage

log = structlog.get_logger()

FIRST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 0.5
"""Between two looks at a job that does the work."""


async def result_of_same_work(
    redis: "Redis[bytes]",
    storage: Storage,
    *,
    work: str,
    job_id: str,
    kind: str,
    kept_s: int,
    patience_s: float,
) -> Record | None:
    """Find the result of another job that did the same work; wait while one does it.

    Args:
        redis: Connection.
        storage: Where the files of results are.
        work: Names the work: a hash of all that decides its result.
        job_id: The job that asks, which has to be running.
        kind: Its kind.
        kept_s: Seconds for which the work is remembered.
        patience_s: Seconds after which a job that does the work is waited for no longer.

    Returns:
        The record of a job that has succeeded, and whose files are all there; None if this job does the work itself.

    Raises:
        StorageUnavailable: The storage does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    script = Script(redis, "run/share")
    asked = {"work": work, "id": job_id, "kind": kind, "ttl_ms": kept_s * SECOND_MS}
    found: Record | None = None
    looked: dict[str, str] = {}
    waited_for, until, pause_s = "", 0.0, FIRST_PAUSE_S
    while True:
        answer: Mapping[str, Any] = await script({**asked, **looked})
        other = answer["id"]
        match answer["verdict"]:
            case "work":
                return None
            case "use":
                return found
            case "look":
                found = await read(redis, other)
                looked = {"usable" if found and await _are_there(storage, found) else "useless": other}
            case _:
                if other != waited_for:
                    waited_for, until, pause_s = other, time.monotonic() + patience_s, FIRST_PAUSE_S
                    log.debug("job.waits_for_same_work", by=other)
                elif time.monotonic() > until:
                    log.warning("job.same_work_is_slow", by=other, seconds=patience_s)
                    looked = {"useless": other}
                    continue
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


async def _are_there(storage: Storage, record: Record) -> bool:
    """Whether the storage has all files of a job. One that goes after this makes the attempt run again when it ends
    (`finish.lua`), since its deletion is younger than the attempt."""
    try:
        await asyncio.gather(*(storage.size(file["blob"]) for file in record.files))
    except BlobMissing:
        return False
    return True
