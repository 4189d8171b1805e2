"""Settings for ARQ's own command, one for each queue: `arq worker.stock.media` drains the queue `media`.

For those who run ARQ's own worker already. Each job ends with the same record and outcome as under Pressroom's engine,
and the process has the same start and the same duties (`worker.start`, `worker.duties.process_duties`). What ARQ's
worker does not have is missing here too: leases (a killed worker's jobs wait for `arq:in-progress` to expire), wake
signals, suspects, fair turns, aborting, slots for the service's own work, and the end of a process whose loop stalls.

The schedules of `tasks.schedule.built_in` are ARQ cron jobs here. The ticker gives their runs the same ids, so that no
due time runs twice.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from arq.connections import RedisSettings
from arq.cron import CronJob, cron
from arq.worker import func
from cronsim import CronSim

from tasks.catalogue import load_kinds
from tasks.kind import Kind
from tasks.queue.process_registry import ProcessRegistry
from tasks.queue.redis_keys import ARQ_RESULT_MS, QUEUES, arq_queue
from tasks.queue.redis_url import read_redis_url
from tasks.queue.start_check import StartRefusedError
from tasks.queue.wire import deserialize, serialize
from tasks.schedule.built_in import BUILT_IN
from tasks.schedule.store import BuiltInSchedule
from tasks.settings import Settings, load
from tasks.telemetry import logs, tracing
from worker.arq_compat.runner import ArqJobRunner, start_arq_job
from worker.resources import open_resources
from worker.start import REFUSED_BY_SERVER, start

MAX_STARTS = 1_000_000
"""The retry policy of the kind decides, not ARQ's count of starts."""


def arq_settings(
    queue: str,
    settings: Settings,
    kinds: Mapping[str, Kind[Any]],
    built_in: Sequence[BuiltInSchedule] = BUILT_IN,
) -> dict[str, Any]:
    """Build what the `arq` command reads from a settings class.

    Args:
        queue: The queue to serve.
        settings: The settings that jobs see.
        kinds: The kinds by name.
        built_in: Schedules that come with the service.
    """
    resources = open_resources(settings, kinds)
    concurrency = {queue: getattr(settings, f"{queue}_concurrency")}

    async def startup(ctx: dict[str, Any]) -> None:
        logs.configure(settings)
        tracing.configure(settings.otel_exporter_otlp_endpoint, "pressroom-worker")
        registry = ProcessRegistry(resources.redis, settings)
        try:
            await start(resources, registry, settings, concurrency=concurrency, kinds=list(kinds))
        except StartRefusedError as error:
            sys.stderr.write(f"worker: {error}\n")
            sys.stderr.flush()
            os._exit(REFUSED_BY_SERVER)  # ARQ's command would print its own traceback and hide the line in it
        ctx["pressroom"] = ArqJobRunner(
            resources, settings, kinds, concurrency=concurrency, built_in=built_in, registry=registry
        )
        ctx["pressroom"].start()

    async def shutdown(ctx: dict[str, Any]) -> None:
        await ctx["pressroom"].stop()
        await resources.close()

    return {
        "functions": [func(start_arq_job, name=kind.name, timeout=kind.timeout_s + 10) for kind in kinds.values()],
        "queue_name": arq_queue(queue),
        "redis_pool": resources.redis,
        "redis_settings": redis_settings_of(settings),  # for `arq --check`, which makes a connection of its own
        "on_startup": startup,
        "on_shutdown": shutdown,
        "job_serializer": serialize,
        "job_deserializer": deserialize,
        "job_completion_wait": int(settings.shutdown_grace_s),
        "max_jobs": concurrency[queue],
        "max_tries": MAX_STARTS,
        "keep_result": ARQ_RESULT_MS / 1000,
        "log_results": False,
        "cron_jobs": [arq_cron(schedule) for schedule in built_in if schedule.kind.queue == queue],
        "timezone": UTC,
    }


def redis_settings_of(settings: Settings) -> RedisSettings:
    """Convert the URL of Redis to ARQ's own settings.

    Args:
        settings: The settings of the process.
    """
    target = read_redis_url(
        settings.redis_url.get_secret_value(), ssl_cert_reqs=settings.redis_ssl_cert_reqs, ca=settings.redis_ca
    )
    known = {field.name for field in fields(RedisSettings)}
    options = {name: value for name, value in target.options.items() if name in known}
    found = RedisSettings(database=target.options.get("db", 0), unix_socket_path=target.path, ssl=target.tls, **options)
    if target.master is not None:
        return replace(found, host=list(target.hosts), sentinel=True, sentinel_master=target.master)
    if target.hosts:
        found = replace(found, host=target.hosts[0][0], port=target.hosts[0][1])
    return found


def arq_cron(schedule: BuiltInSchedule) -> CronJob:
    """Convert a schedule to ARQ's cron job.

    Args:
        schedule: A schedule in UTC whose cron line names days of the month or of the week, not both.
    """
    parsed = CronSim(schedule.cron, datetime(2000, 1, 1, tzinfo=UTC))
    return cron(
        start_arq_job,
        name=schedule.kind.name,
        month=parsed.months,
        day=parsed.days,
        weekday={(day - 1) % 7 for day in parsed.weekdays if isinstance(day, int)},
        hour=parsed.hours,
        minute=parsed.minutes,
        microsecond=0,
        timeout=schedule.kind.timeout_s + 10,
        keep_result=ARQ_RESULT_MS / 1000,
        max_tries=MAX_STARTS,
    )


def __getattr__(name: str) -> dict[str, Any]:
    # The command reads `worker.stock.<queue>`: the settings are loaded then, not when this module is imported.
    if name in QUEUES:
        settings = load()
        return arq_settings(name, settings, load_kinds(settings))
    raise AttributeError(f"queue {name!r} does not exist; the queues are {', '.join(QUEUES)}")
