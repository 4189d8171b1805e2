"""The kind `alerts`: sends an alert once when its condition begins, and once when it ends.

Since it runs each minute and never for as long, it also samples the counts and the depths of the queues
(`tasks.queue.series.rings`).

System-wide alerts go to the admins' endpoints, those about an endpoint to the endpoints of its owner. Active alerts are
stored in Redis, so that it does not matter which worker checks, or how often.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, get_args

import structlog
from pydantic import BaseModel, ConfigDict
from redis.asyncio import Redis

from tasks.clock import read_rfc3339, rfc3339, to_ms
from tasks.kind import JobContext, Kind, Result, RetryPolicy
from tasks.maintenance.storage_owner import HINT
from tasks.queue import redis_keys
from tasks.queue.installation import STORAGE_OWNER
from tasks.queue.lanes.stats import QueueCounts, QueueSnapshot, QueueStats
from tasks.queue.memory import MemoryUse, RedisMemory, memory_of
from tasks.queue.records.record import State, new_id
from tasks.queue.redis_keys import FAILING, SECOND_MS
from tasks.queue.script import Script
from tasks.queue.series.depth import depths_of
from tasks.queue.series.rings import sample
from tasks.queue.watch.workers import WorkerRegistry, read_workers, start_command
from tasks.settings import Settings
from tasks.storage.protocol import Storage, StorageUnavailable
from tasks.webhook.endpoint_record import EndpointTarget, request_targets, targets_of

log = structlog.get_logger()

Name = Literal[
    "failure_rate", "queue_age", "no_worker", "storage_unavailable", "endpoint_failing", "redis_full", "foreign_storage"
]
NAMES: Final[tuple[Name, ...]] = get_args(Name)
ENDPOINTS_AT_MOST: Final = 1_000
"""Failing endpoints that one check reads, those that have failed longest first."""


class AlertParams(BaseModel):
    """An `alerts` job has no params."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert whose condition holds.

    Args:
        alert: The name of the condition.
        subject: A queue, an endpoint's id, `redis` or `storage`.
        message: A sentence for people.
        value: What was measured, a share or seconds.
        limit: From which value on it is an alert.
        owners: Whose endpoints receive it.
        since_ms: Since when it is so (milliseconds since 1970): as the condition itself says it, else since the check
            that found it first; None where no check has found it yet.
    """

    alert: Name
    subject: str
    message: str
    value: float
    limit: float
    owners: tuple[str, ...]
    since_ms: int | None = None

    @property
    def key(self) -> str:
        """The field of the Redis hash of alerts that has it while it holds."""
        return f"{self.alert} {self.subject}"

    def payload(self, now_ms: int) -> dict[str, Any]:
        """Build what `alerts.lua` reads of the alert.

        Args:
            now_ms: Redis' time in milliseconds since 1970.
        """
        told = {name: value for name, value in asdict(self).items() if name not in ("owners", "since_ms")}
        data = {"id": new_id(), **told, "since": rfc3339(now_ms)}
        return {"key": self.key, "owners": self.owners, "data": json.dumps(data)}


async def check(job: JobContext[AlertParams]) -> Result:
    """Sample the numbers, check all conditions, and send what has changed.

    Returns:
        How many alerts are `holding`, and how many have `fired` and `resolved` now.
    """
    snapshot, registry = await read_state(job.redis, job.settings)
    await sample(job.redis, snapshot.now_ms, depths_of(snapshot))
    holding = await find_alerts(job.redis, job.settings, job.storage, snapshot, registry)
    payload = {"holding": [alert.payload(snapshot.now_ms) for alert in holding]}
    answer = await Script(job.redis, "upkeep/alerts")(payload)
    fired, resolved = answer["fired"], answer["resolved"]
    for told, say, alerts in (("fired", log.warning, fired), ("resolved", log.info, resolved)):
        for alert in map(json.loads, alerts):
            say(f"alert.{told}", **alert)
    return Result({"holding": len(holding), "fired": len(fired), "resolved": len(resolved)})


async def read_state(redis: "Redis[bytes]", settings: Settings) -> tuple[QueueSnapshot, WorkerRegistry]:
    """Read what `find_alerts` looks at: the queues, and the workers.

    Args:
        redis: Where they are.
        settings: ALERT_WINDOW_S.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    return await QueueStats(redis, settings).queues(settings.alert_window_s), await read_workers(redis)


async def find_alerts(
    redis: "Redis[bytes]", settings: Settings, storage: Storage, snapshot: QueueSnapshot, registry: WorkerRegistry
) -> list[ActiveAlert]:
    """Find what is wrong now. It takes two trips to Redis, whatever is there, and one look at the storage.

    Args:
        redis: Where endpoints are.
        settings: The limits.
        storage: The storage, as this process reaches it.
        snapshot: The queues, with what ended within ALERT_WINDOW_S.
        registry: The workers.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    holding = [*system_alerts(settings, snapshot, registry), *await _storage_alert(settings, storage, registry)]
    async with redis.pipeline(transaction=False) as pipe:
        overdue_ms = snapshot.now_ms - settings.alert_endpoint_s * SECOND_MS
        pipe.zrangebyscore(FAILING, "-inf", overdue_ms, start=0, num=ENDPOINTS_AT_MOST, withscores=True)
        pipe.hget(redis_keys.INSTALLATION, STORAGE_OWNER)
        pipe.info("memory")
        failing, foreign, info = await pipe.execute(raise_on_error=False)
    for error in (failing, foreign):
        if isinstance(error, Exception):
            raise error
    memory_of(redis).note(MemoryUse.of(info), settings.redis_full_percent)
    redis_alerts = _redis_alerts(memory_of(redis), settings, is_foreign=foreign is not None)
    first_found = [alert for alert in (*holding, *redis_alerts) if alert.since_ms is None]
    since_ms = {endpoint.decode(): int(since) for endpoint, since in failing}
    async with redis.pipeline(transaction=False) as pipe:
        for alert in first_found:
            pipe.hget(redis_keys.ALERTS, alert.key)
        request_targets(pipe, since_ms)
        answers = await pipe.execute()
    sent = {alert.key: _since_of(text) for alert, text in zip(first_found, answers, strict=False)}
    targets = targets_of(since_ms, answers[len(first_found) :])
    holding += [*_endpoint_alerts(settings, snapshot.now_ms, since_ms, targets), *redis_alerts]
    return [alert if alert.since_ms is not None else replace(alert, since_ms=sent[alert.key]) for alert in holding]


def _since_of(text: bytes | None) -> int | None:
    return None if text is None else to_ms(read_rfc3339(json.loads(json.loads(text)["data"])["since"]))


def system_alerts(settings: Settings, snapshot: QueueSnapshot, registry: WorkerRegistry) -> Iterator[ActiveAlert]:
    """Yield the alerts about queues.

    Args:
        settings: The limits.
        snapshot: The state of the queues.
        registry: The workers.
    """
    for queue in snapshot.queues:
        alerts = (
            _failure_rate(settings, queue),
            _no_worker(settings, snapshot, queue, registry) or _queue_age(settings, snapshot, queue),
        )
        yield from (alert for alert in alerts if alert is not None)


def _failure_rate(settings: Settings, queue: QueueCounts) -> ActiveAlert | None:
    ended, failed = sum(queue.ended.values()), queue.ended.get(State.FAILED, 0)
    if ended < settings.alert_min_ended or failed < settings.alert_failure_rate * ended:
        return None
    message = (
        f"{failed} of the {ended} jobs that ended in the queue {queue.name} over the last "
        f"{settings.alert_window_s} s failed. List them with GET /v1/jobs?owner=*&state=failed&queue={queue.name}."
    )
    share = round(failed / ended, 3)
    return ActiveAlert("failure_rate", queue.name, message, share, settings.alert_failure_rate, settings.operators)


def _no_worker(
    settings: Settings, snapshot: QueueSnapshot, queue: QueueCounts, registry: WorkerRegistry
) -> ActiveAlert | None:
    age_s = snapshot.age_s(queue)
    if queue.name not in registry.unserved or not queue.due or age_s < settings.alert_no_worker_s:
        return None
    message = (
        f"No worker serves the queue {queue.name}, where {queue.due} jobs are due. Start one with "
        f"`{start_command([queue.name])}`."
    )
    limit_s = settings.alert_no_worker_s
    return ActiveAlert(
        "no_worker", queue.name, message, round(age_s), limit_s, settings.operators, since_ms=queue.since_ms
    )


def _queue_age(settings: Settings, snapshot: QueueSnapshot, queue: QueueCounts) -> ActiveAlert | None:
    age_s = snapshot.age_s(queue)
    if age_s < settings.alert_queue_age_s:
        return None
    reason = "is paused. Resume it" if queue.paused_ms else "needs more workers, or they are stuck. See /v1/workers"
    message = f"A job of the queue {queue.name} has waited {age_s:.0f} s for a worker. The queue {reason}."
    limit_s = settings.alert_queue_age_s
    return ActiveAlert(
        "queue_age", queue.name, message, round(age_s), limit_s, settings.operators, since_ms=queue.since_ms
    )


async def _storage_alert(settings: Settings, storage: Storage, registry: WorkerRegistry) -> list[ActiveAlert]:
    """The alert that the storage has failed, for this process or for workers."""
    cure = None
    try:
        await storage.check()
    except StorageUnavailable as away:
        cure = away.cure
    since_ms = [worker.storage_away_ms for worker in registry.without_storage if worker.storage_away_ms is not None]
    if storage.away_since is not None:
        since_ms.append(int(storage.away_since * SECOND_MS))
    age_s = max(registry.now_ms - min(since_ms, default=registry.now_ms), 0) / SECOND_MS
    if not since_ms or age_s < settings.alert_storage_s:
        return []
    message = (
        f"The storage has not worked since {rfc3339(min(since_ms))}. Uploads answer 503, and jobs that need it wait. "
        f"{cure or 'See the storage.away lines of the workers for the reason.'}"
    )
    limit_s = settings.alert_storage_s
    return [
        ActiveAlert(
            "storage_unavailable", "storage", message, round(age_s), limit_s, settings.operators, since_ms=min(since_ms)
        )
    ]


def _endpoint_alerts(
    settings: Settings, now_ms: int, since: Mapping[str, int], targets: Mapping[str, EndpointTarget]
) -> list[ActiveAlert]:
    """The alerts about endpoints that have failed for longer than the limit."""
    limit_s = settings.alert_endpoint_s
    alerts = []
    for endpoint, target in targets.items():
        message = (
            f"Deliveries to {target.url} have failed since {rfc3339(since[endpoint])} and are waiting. "
            f"See GET /v1/deliveries?endpoint={endpoint} for the reason."
        )
        age_s, owners = round((now_ms - since[endpoint]) / SECOND_MS), (target.owner,)
        alerts.append(
            ActiveAlert("endpoint_failing", endpoint, message, age_s, limit_s, owners, since_ms=since[endpoint])
        )
    return alerts


def _redis_alerts(memory: RedisMemory, settings: Settings, *, is_foreign: bool) -> list[ActiveAlert]:
    """The alerts about a full Redis, and about a storage that is not this Redis'."""
    alerts = []
    if is_foreign:
        message = f"The storage belongs to another installation, so the cleanup deletes nothing. {HINT}"
        alerts.append(ActiveAlert("foreign_storage", "storage", message, 1, 1, settings.operators))
    if not memory.full:
        return alerts
    percent = 100.0 if memory.use is None or memory.use.percent is None else round(memory.use.percent, 1)
    message = (
        f"Redis is full: it uses {percent:.0f} % of its maxmemory. Submits are refused with 507 redis_full. Delete "
        "ended jobs with POST /v1/jobs/deletion, or give Redis more memory."
    )
    limit = settings.redis_full_percent
    return [*alerts, ActiveAlert("redis_full", "redis", message, percent, limit, settings.operators)]


ALERTS = Kind(
    name="alerts",
    queue="default",
    params=AlertParams,
    run=check,
    timeout_s=30,
    retry=RetryPolicy(max_tries=1),
    io_bound=True,
    in_activity_report=False,
    upkeep=True,
)
