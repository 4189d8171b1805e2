"""Settings for the stock `arq` command, one a queue: `arq worker.stock.media` drains the queue `media`.

A second way in, for those who run ARQ's own worker already. Each job ends with the same record and outcome as under our
engine. What ARQ's
worker cannot do it still cannot: no lease (a killed worker's jobs wait for `arq:in-progress` to lapse), no wake signal,
no abort.

The lines of `tasks.schedule.built_in` are ARQ cron jobs here. Our ticker gives their runs the same ids, so that no
due time runs twice, whoever is first.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from arq.cron import CronJob, cron
from arq.worker import func
from cronsim import CronSim

from tasks.catalogue import KINDS
from tasks.kind import Kind
from tasks.queue.redis_keys import ARQ_RESULT_MS, QUEUES, arq_queue
from tasks.queue.wire import deserialize, serialize
from tasks.schedule.built_in import BUILT_IN
from tasks.schedule.store import BuiltInSchedule
from tasks.settings import Settings
from worker.arq_compat.runner import StockRunner, start_arq_job
from worker.attempts.scratch import sweep
from worker.resources import open_resources
from worker.sandbox.limits import keep_secrets

MAX_STARTS = 1_000_000
"""Our retry policy decides, not ARQ's count of starts."""


def arq_settings(
    queue: str,
    settings: Settings,
    kinds: Mapping[str, Kind[Any]] = KINDS,
    built_in: Sequence[BuiltInSchedule] = BUILT_IN,
) -> dict[str, Any]:
    """What `arq` reads of a settings class, for one queue."""
    resources = open_resources(settings)

    async def startup(ctx: dict[str, Any]) -> None:
        sweep()
        keep_secrets()
        ctx["pressroom"] = StockRunner(resources, settings, kinds, queue, built_in)
        ctx["pressroom"].start()

    async def shutdown(ctx: dict[str, Any]) -> None:
        await ctx["pressroom"].stop()
        await resources.sandbox.stop()

    return {
        "functions": [func(start_arq_job, name=kind.name, timeout=kind.timeout_s + 10) for kind in kinds.values()],
        "queue_name": arq_queue(queue),
        "redis_pool": resources.redis,
        "on_startup": startup,
        "on_shutdown": shutdown,
        "job_serializer": serialize,
        "job_deserializer": deserialize,
        "job_completion_wait": int(settings.shutdown_grace_s),
        "max_jobs": getattr(settings, f"{queue}_concurrency"),
        "max_tries": MAX_STARTS,
        "keep_result": ARQ_RESULT_MS / 1000,
        "log_results": False,
        "cron_jobs": [arq_cron(line) for line in built_in if line.kind.queue == queue],
        "timezone": UTC,
    }


def arq_cron(line: BuiltInSchedule) -> CronJob:
    """A line of the page, which goes by UTC and names days of the month or of the week, not both, as ARQ's cron job."""
    parsed = CronSim(line.cron, datetime(2000, 1, 1, tzinfo=UTC))
    return cron(
        start_arq_job,
        name=line.kind.name,
        month=parsed.months,
        day=parsed.days,
        weekday={(day - 1) % 7 for day in parsed.weekdays if isinstance(day, int)},
        hour=parsed.hours,
        minute=parsed.minutes,
        microsecond=0,
        timeout=line.kind.timeout_s + 10,
        keep_result=ARQ_RESULT_MS / 1000,
        max_tries=MAX_STARTS,
    )


def __getattr__(name: str) -> dict[str, Any]:
    # The command asks for `worker.stock.<queue>`: settings are read when it does, not when this module is imported.
    if name in QUEUES:
        return arq_settings(name, Settings())
    raise AttributeError(f"there is no queue {name!r}; there are {', '.join(QUEUES)}")
