"""The metrics for Prometheus: what the transitions have counted, and the current state.

All of it lies in Redis, so that any web process tells the same, however many there are.
"""

import asyncio
import platform
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from api.operations.http_counts import http_metrics
from api.operations.metric import Counts, Metric
from tasks.outbound.client import VERSION
from tasks.queue.lanes.stats import QueueSnapshot, QueueStats
from tasks.queue.memory import MemoryUse, memory_of, observe_memory
from tasks.queue.records.record import State
from tasks.queue.redis_keys import ALERTS, BUCKETS_MS, COUNTS, DISABLED, FAILING
from tasks.queue.watch.workers import WorkerRegistry, read_workers
from tasks.settings import Settings

SANDBOX_DEATHS: Final = ("timed_out", "out_of_memory", "crashed")
"""Codes with which a sandbox child's death ends an attempt (`tasks.refusal.SandboxDeath`)."""

COUNTED: Final = (
    *("ended", "attempts", "errors", "bytes", "pickup", "pickup_ms", "run", "run_ms", "moved", "shared"),
    *("http", "http_us"),
)
"""First words of what is counted; the second is the kind, but for requests."""
OUTCOMES: Final = ("succeeded", "failed", "retrying", "postponed", "handed_back", "lapsed", "cancelled")


async def collect(redis: "Redis[bytes]", settings: Settings, kinds: Iterable[str] = ()) -> list[Metric]:
    """All metrics, as they are now.

    Args:
        redis: Connection.
        settings: Of this process.
        kinds: Names of kinds whose counters are shown before anything was counted.
    """
    snapshot, registry, counts, now, use, connections = await asyncio.gather(
        QueueStats(redis, settings).queues(),
        read_workers(redis),
        read_counts(redis),
        _indexes(redis),
        observe_memory(redis, settings),
        _connections(redis),
    )
    counts = {**_zeros(kinds), **counts}
    memory = _memory(use, full=memory_of(redis).full)
    return [
        *_counters(counts),
        *_once_per_kind(counts),
        *_histograms(counts),
        *_queues(snapshot, registry),
        *now,
        *memory,
        *connections,
        *http_metrics(counts),
        _build(settings),
    ]


def _zeros(kinds: Iterable[str]) -> Counts:
    """Counters that exist from the start: a rate over one that appears with its first event misses that event."""
    zeros: dict[tuple[str, ...], int] = {}
    for kind in kinds:
        names: list[tuple[str, ...]] = [
            *(("ended", kind, state) for state in (State.SUCCEEDED, State.FAILED, State.CANCELLED)),
            *(("attempts", kind, outcome) for outcome in OUTCOMES),
            *((what, kind) for what in ("bytes", "moved", "shared")),
        ]
        zeros |= dict.fromkeys(names, 0)
        zeros["errors", kind, "failed"] = 0
    return zeros


def _build(settings: Settings) -> Metric:
    build = Metric("pressroom_build_info", "gauge", "1, with version, commit and Python of the process that answers.")
    build.add(1, version=VERSION, commit=settings.commit or "", python=platform.python_version())
    return build


async def read_counts(redis: "Redis[bytes]") -> Counts:
    """What the transitions have counted since the beginning: words (what, kind, …) → number."""
    fields = await redis.hgetall(COUNTS)
    return {tuple(name.decode().split(" ")): int(count) for name, count in fields.items()}


def _counters(counts: Counts) -> Iterator[Metric]:
    ended = Metric("pressroom_jobs_ended_total", "counter", "Jobs that have ended, by kind and state.")
    attempts = Metric(
        "pressroom_attempts_total",
        "counter",
        "Attempts that are over, by kind and outcome; of `lapsed` ones the worker has died.",
    )
    errors = Metric(
        "pressroom_errors_total",
        "counter",
        "Attempts and jobs that failed, by kind and code of the error; those that are tried again too.",
    )
    stored = Metric("pressroom_stored_bytes_total", "counter", "Bytes of files that jobs have made, by kind.")
    deliveries = Metric(
        "pressroom_delivery_attempts_total",
        "counter",
        "Attempts at deliveries: `delivered`, or the code of what went wrong.",
    )
    deaths: dict[str, int] = dict.fromkeys(SANDBOX_DEATHS, 0)
    for (what, kind, *rest), count in sorted(counts.items()):
        match what, rest:
            case "ended", [state]:
                ended.add(count, kind=kind, state=state)
            case "attempts", [outcome]:
                attempts.add(count, kind=kind, outcome=outcome)
                if (kind, outcome) == ("delivery", State.SUCCEEDED):
                    deliveries.add(count, outcome="delivered")
            case "errors", [code]:
                errors.add(count, kind=kind, code=code)
                if kind == "delivery":
                    deliveries.add(count, outcome=code)
                if code in deaths:
                    deaths[code] += count
            case "bytes", []:
                stored.add(count, kind=kind)
    sandbox = Metric("pressroom_sandbox_deaths_total", "counter", "Sandbox children that were killed or died at work.")
    for code, count in deaths.items():
        sandbox.add(count, code=code)
    yield from (ended, attempts, errors, deliveries, sandbox, stored)


def _once_per_kind(counts: Counts) -> Iterator[Metric]:
    moved = Metric("pressroom_history_records_total", "counter", "Records that left Redis for the storage, by kind.")
    shared = Metric(
        "pressroom_shared_results_total", "counter", "Jobs that used the result of the same work of another, by kind."
    )
    for (what, kind, *_), count in sorted(counts.items()):
        if what in ("moved", "shared"):
            (moved if what == "moved" else shared).add(count, kind=kind)
    yield from (moved, shared)


def _histograms(counts: Counts) -> Iterator[Metric]:
    yield _histogram(
        counts,
        "pickup",
        "pressroom_pickup_seconds",
        "From when a job was due to the start of its first attempt, by kind.",
    )
    yield _histogram(
        counts,
        "run",
        "pressroom_run_seconds",
        "From the start of an attempt to when its end was written down, by kind.",
    )


def _histogram(counts: Counts, what: str, name: str, about: str) -> Metric:
    metric = Metric(name, "histogram", about)
    buckets: dict[str, dict[int, int]] = defaultdict(dict)
    for (which, kind, *rest), count in sorted(counts.items()):
        if which == what:
            buckets[kind][int(rest[0])] = count
    for kind, found in buckets.items():
        seen = 0
        for number, bound_ms in enumerate(BUCKETS_MS, 1):
            seen += found.get(number, 0)
            metric.add(seen, suffix="_bucket", kind=kind, le=f"{bound_ms / 1000:g}")
        seen += found.get(len(BUCKETS_MS) + 1, 0)
        metric.add(seen, suffix="_bucket", kind=kind, le="+Inf")
        metric.add(counts.get((f"{what}_ms", kind), 0) / 1000, suffix="_sum", kind=kind)
        metric.add(seen, suffix="_count", kind=kind)
    return metric


def _queues(snapshot: QueueSnapshot, registry: WorkerRegistry) -> Iterator[Metric]:
    jobs = Metric("pressroom_queue_jobs", "gauge", "Jobs of a queue that have not ended, by state.")
    due = Metric("pressroom_queue_due_jobs", "gauge", "Jobs of a queue that wait, and could have started already.")
    age = Metric(
        "pressroom_queue_oldest_due_seconds",
        "gauge",
        "For how long the oldest job that a worker could start now has waited; 0 if there is none. "
        "The signal to scale workers by: add some while it grows.",
    )
    paused = Metric("pressroom_queue_paused", "gauge", "1 while a queue is paused.")
    workers = Metric("pressroom_queue_workers", "gauge", "Workers that serve a queue.")
    for queue in snapshot.queues:
        for state, count in queue.jobs.items():
            jobs.add(count, queue=queue.name, state=state)
        due.add(queue.due, queue=queue.name)
        age.add(snapshot.age_s(queue), queue=queue.name)
        paused.add(queue.paused_ms is not None, queue=queue.name)
        workers.add(registry.serving(queue.name), queue=queue.name)
    alive = Metric("pressroom_workers", "gauge", "Workers that are alive.")
    alive.add(len(registry.present))
    lag = Metric(
        "pressroom_worker_loop_lag_seconds", "gauge", "By how much an event loop was late, worst of all workers."
    )
    lag.add(max((worker.lag_ms / 1000 for worker in registry.present), default=0))
    without_storage = Metric("pressroom_workers_without_storage", "gauge", "Workers for which the storage has failed.")
    without_storage.add(len(registry.without_storage))
    memory = Metric("pressroom_worker_memory_bytes", "gauge", "Memory (PSS) of all workers and their sandboxes.")
    memory.add(sum((worker.pss_mb or 0) * 1024 * 1024 for worker in registry.present))
    yield from (jobs, due, age, paused, workers, alive, without_storage, lag, memory)


async def _indexes(redis: "Redis[bytes]") -> list[Metric]:
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zcard(DISABLED)
        pipe.zcard(FAILING)
        pipe.hkeys(ALERTS)
        disabled, failing, alerts = await pipe.execute()
    endpoints = Metric(
        "pressroom_endpoints", "gauge", "Endpoints that are disabled, or failing and left alone for a while."
    )
    endpoints.add(disabled, state="disabled")
    endpoints.add(failing, state="failing")
    holding: dict[str, int] = defaultdict(int)
    for field_name in alerts:
        holding[field_name.decode().partition(" ")[0]] += 1
    metric = Metric("pressroom_alerts", "gauge", "Alerts that hold, by name.")
    for alert, count in sorted(holding.items()):
        metric.add(count, alert=alert)
    return [endpoints, metric]


async def _connections(redis: "Redis[bytes]") -> list[Metric]:
    connections = Metric("pressroom_redis_connections", "gauge", "Connections to Redis, of all its clients.")
    limit = Metric("pressroom_redis_maxclients", "gauge", "How many connections Redis allows.")
    refused = Metric("pressroom_redis_refused_connections_total", "counter", "Connections that Redis has refused.")
    with suppress(ResponseError):  # its user may not ask
        async with redis.pipeline(transaction=False) as pipe:
            pipe.info("clients")
            pipe.info("stats")
            clients, stats = await pipe.execute()
        for metric, value in (
            (connections, clients.get("connected_clients")),
            (limit, clients.get("maxclients")),
            (refused, stats.get("rejected_connections")),
        ):
            if value is not None:
                metric.add(int(value))
    return [connections, limit, refused]


def _memory(use: MemoryUse, *, full: bool) -> Iterator[Metric]:
    memory = Metric("pressroom_redis_memory_bytes", "gauge", "Memory of Redis that counts against its maxmemory.")
    limit = Metric("pressroom_redis_maxmemory_bytes", "gauge", "The maxmemory of Redis; 0 for none.")
    if use.known:  # else its user may not ask
        memory.add(use.used)
        limit.add(use.limit)
    is_full = Metric("pressroom_redis_full", "gauge", "1 while Redis is so full that submits are refused.")
    is_full.add(full)
    yield from (memory, limit, is_full)


def exposition(metrics: Iterable[Metric], *, openmetrics: bool = False) -> str:
    """In the text format of Prometheus, 0.0.4, or in that of OpenMetrics, 1.0.0. Names and values are the same."""
    # Imported here: the import alone builds a registry of this process, and reads /proc for it. We use neither.
    from prometheus_client import exposition as plain  # noqa: PLC0415
    from prometheus_client.metrics_core import Metric as Family  # noqa: PLC0415
    from prometheus_client.openmetrics import exposition as open_metrics  # noqa: PLC0415
    from prometheus_client.registry import Collector  # noqa: PLC0415

    class Collected(Collector):
        def collect(self) -> Iterator[Family]:
            for metric in metrics:
                family = Family(metric.name.removesuffix("_total"), metric.help, metric.type)
                for suffix, labels, value in metric.samples:
                    family.add_sample(metric.name + suffix, dict(labels), value)
                yield family

    text: bytes = (open_metrics if openmetrics else plain).generate_latest(Collected())
    return text.decode()
