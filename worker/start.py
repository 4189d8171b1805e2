"""The start of a process that runs jobs, before the first of them."""

import contextlib
import gc

import structlog

from tasks.process_memory import hide_from_others
from tasks.queue.process_registry import ProcessRegistry
from tasks.queue.series.begin import begin_series
from tasks.queue.start_check import StartRefusedError, wait_until_checked
from tasks.settings import Settings
from worker.attempts.scratch import remove_leftovers
from worker.redis_health import REDIS_ERRORS
from worker.resources import WorkerResources

log = structlog.get_logger()

WRONG_SETTING = 2
REFUSED_BY_SERVER = 3
"""Exit statuses: a setting cannot work; Redis or the storage refuses what the service needs. Waiting cures neither."""


async def start(
    resources: WorkerResources,
    registry: ProcessRegistry,
    settings: Settings,
    *,
    concurrency: dict[str, int],
    kinds: list[str],
    is_guest: bool = False,
) -> None:
    """Wait until Redis will do, log what was found, and remove what an earlier process has left.

    Args:
        resources: What the process has opened.
        registry: Of this process, which it joins.
        settings: Of the process.
        concurrency: How many jobs of each queue run at once.
        kinds: The names of the kinds.
        is_guest: Whether the process is another program's, which decides on its memory itself.

    Raises:
        StartRefusedError: Redis or the storage will not do; the message says why, and what to do.
    """
    await wait_until_checked(resources.redis, registry, "worker.redis")
    if refusal := await resources.storage.refused_at_start():
        await registry.leave()
        raise StartRefusedError(refusal)
    with contextlib.suppress(*REDIS_ERRORS):  # a gap in the charts keeps no worker from its jobs
        await begin_series(resources.redis, settings)
    log.info("worker.storage", found=resources.storage.description)
    log.info("worker.queues", concurrency=concurrency)
    log.info("worker.kinds", names=kinds)
    log.info("worker.scratch", folders_swept=remove_leftovers())
    if is_guest:
        return
    hide_from_others()
    # What is loaded now is never freed: a full collection that visited it would delay every job by some 35 ms.
    gc.collect()
    gc.freeze()
