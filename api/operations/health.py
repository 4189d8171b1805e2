"""Health checks: `/livez` and `/readyz`."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import structlog
from arq.constants import health_check_key_suffix
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from redis.exceptions import RedisError, ResponseError

from api.http.access.known import is_known
from api.http.answers import json_of
from api.http.context import Context, process_context
from api.http.problems import Problem, problem
from api.operations.queues import snapshot_of
from api.operations.workers import registry_of
from tasks.maintenance.storage_owner import HINT
from tasks.queue.connection_pool import says_failover
from tasks.queue.installation import STORAGE_OWNER
from tasks.queue.memory import MemoryUse, is_out_of_memory, memory_of
from tasks.queue.redis_keys import INSTALLATION, PROBE, QUEUES, SECOND_MS, WORKER_MS, arq_queue
from tasks.queue.watch.workers import WorkerRegistry, start_command
from tasks.storage.protocol import StorageUnavailable

log = structlog.get_logger()

OWNER_S = 1.0
"""Seconds for which the check of the storage waits to learn from Redis whose the storage is."""
CHECK_S = 2.5
"""Seconds that a check may take, so that platforms that wait 3 s are answered."""
STORAGE_KEPT_S = 30.0
"""Seconds after which a caller without a key lets the storage be asked again; the response does not wait for it."""
PROBE_MS = 10 * SECOND_MS

router = APIRouter(tags=["health"])


class Check(BaseModel):
    """One check. A warning does not stop the service from accepting requests."""

    name: Literal["redis", "storage", "worker"] = Field(description="What was checked.")
    status: Literal["ok", "warning", "failed"] = Field(description="The result.")
    detail: str = Field(description="The result in words.")
    used_bytes: int | None = Field(
        None, description="Of Redis, with an API key: the memory that counts against its limit. Absent if unknown."
    )
    limit_bytes: int | None = Field(
        None, description="Of Redis, with an API key: its `maxmemory`. Absent if it has none, or it is unknown."
    )


class Readiness(BaseModel):
    """The result of all checks."""

    checks: list[Check] = Field(description="The checks.")


class Alive(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = Field("ok", description="Always `ok`.")


@router.get("/livez", operation_id="is_alive", summary="Check liveness")
async def is_alive() -> Alive:
    """Checks nothing outside this process, because an outage of Redis is no reason to restart it."""
    return Alive()


@router.get(
    "/readyz",
    operation_id="is_ready",
    summary="Check readiness",
    response_model=Readiness,
    responses={503: {"model": Problem, "description": "`unavailable`: a check failed; see `checks`."}},
)
async def is_ready(request: Request) -> Response:
    """Responds with 503 if Redis or the storage is down. A queue without a worker is only a warning: its jobs wait. A
    full Redis is a warning too: submits are refused, and everything else goes on.

    Without an API key the response costs one question to Redis and none to the storage, and says less. It is kept for
    READINESS_KEPT_S.
    """
    context = process_context(request)
    if context.shutdown.draining:
        return problem(request, "unavailable", "This process is stopping. Send requests to another one.")
    is_asked_by_known = await is_known(context, request)
    checks: list[Check] = await context.kept.get(
        "all checks" if is_asked_by_known else "few checks",
        lambda: _all_checks(context, request) if is_asked_by_known else _few_checks(context),
        context.settings.readiness_kept_s,
    )
    failed = [check.name for check in checks if check.status == "failed" and check.name != "worker"]
    if failed:
        shown = [check.model_dump() for check in checks]
        return problem(
            request, "unavailable", f"The checks of {' and '.join(failed)} failed. Try again in a moment.", checks=shown
        )
    return Response(
        json_of(Readiness(checks=checks)), headers={"Cache-Control": "no-store"}, media_type="application/json"
    )


async def _all_checks(context: Context, request: Request) -> list[Check]:
    """All checks, side by side."""
    look = asyncio.ensure_future(_look_at_redis(context))
    redis, *others = await asyncio.gather(
        _checked("redis", _redis(context, look)),
        _storage_check(context, look, kept_s=0),
        _checked("worker", _workers(context, request)),
    )
    use = memory_of(context.redis).use
    if redis.status != "failed" and use is not None and use.known:
        redis = redis.model_copy(update={"used_bytes": use.used, "limit_bytes": use.limit or None})
    return [redis, *others]


async def _few_checks(context: Context) -> list[Check]:
    """The checks for those whom nobody knows: one trip to Redis, and what was last known of the storage."""
    served: list[bool] = []
    look = asyncio.ensure_future(_look_at_redis(context))
    redis, storage = await asyncio.gather(
        _checked("redis", _redis(context, look, served)), _storage_check(context, look, kept_s=STORAGE_KEPT_S)
    )
    unserved = [queue for queue, is_served in zip(QUEUES, served, strict=False) if not is_served]
    if not served:
        worker = Check(name="worker", status="failed", detail="It does not respond. See the log for details.")
    elif unserved:
        worker = Check(name="worker", status="warning", detail=_nobody_serves(unserved))
    else:
        worker = Check(name="worker", status="ok", detail="It responds.")
    return [redis, storage, worker]


async def _storage_check(context: Context, look: "asyncio.Future[RedisLook]", kept_s: float) -> Check:
    check: Check = await context.kept.get(
        "storage", lambda: _checked("storage", _storage(context, look)), kept_s, old_meanwhile=kept_s > 0
    )
    return check


async def _checked(name: Literal["redis", "storage", "worker"], check: Awaitable[str | None]) -> Check:
    try:
        async with asyncio.timeout(CHECK_S):
            warning = await check
    except (RedisError, StorageUnavailable, OSError, TimeoutError) as error:
        # Host names and buckets go only to the log, because this endpoint needs no API key.
        log.warning("health.failed", check=name, error=str(error) or type(error).__name__)
        return Check(name=name, status="failed", detail=f"{_cure_of(error)} See the log for details.")
    return Check(name=name, status="warning" if warning else "ok", detail=warning or "It responds.")


def _cure_of(error: Exception) -> str:
    if isinstance(error, StorageUnavailable) and error.cure is not None:
        return error.cure
    if isinstance(error, ResponseError):
        failover = says_failover(error)
        return "It is a replica, which takes no writes." if failover else "It refuses to write."
    return "It does not respond."


class RedisLook(NamedTuple):
    """What Redis has answered to a probe; each may be an error.

    Attributes:
        wrote: Whether it takes writes.
        beats: Of the workers of each queue.
        memory: As INFO says it.
        storage_owner: The id of the other installation to which the storage belongs; None if it is this one's.
    """

    wrote: Any
    beats: Any
    memory: Any
    storage_owner: Any


async def _look_at_redis(context: Context) -> RedisLook:
    """Ask Redis for all that the checks ask of it, in one trip. It takes no longer than they wait, for it has a
    connection."""
    async with asyncio.timeout(CHECK_S), context.redis.pipeline(transaction=False) as pipe:
        pipe.set(PROBE + "readiness", "1", px=PROBE_MS)
        pipe.mget([arq_queue(queue) + health_check_key_suffix for queue in QUEUES])
        pipe.info("memory")
        pipe.hget(INSTALLATION, STORAGE_OWNER)
        return RedisLook(*await pipe.execute(raise_on_error=False))


async def _redis(context: Context, look: "asyncio.Future[RedisLook]", served: list[bool] | None = None) -> str | None:
    """Whether Redis takes writes. served: is given whether each queue has a worker."""
    wrote, beats, info, _ = await asyncio.shield(look)
    if served is not None and isinstance(beats, list):
        served += [beat is not None for beat in beats]
    memory, use = memory_of(context.redis), MemoryUse.of(info)
    memory.note(use, context.settings.redis_full_percent)
    if isinstance(wrote, ResponseError):
        if not is_out_of_memory(wrote):
            raise wrote
        memory.note_refused()
    if memory.full:
        share = "" if use.percent is None else f" ({use.percent:.0f} % of maxmemory)"
        return f"It is full{share}: submits are refused with 507 redis_full. See docs/operations.md, Redis is full."
    if not use.known:
        return "Its user may not run INFO, so how full it is, and its maxmemory-policy, are unknown. Grant +info."
    if use.policy != "noeviction":
        return f"Its maxmemory-policy is {use.policy!r}, which drops jobs when it is full. Set it to noeviction."
    return None


async def _storage(context: Context, look: "asyncio.Future[RedisLook]") -> str | None:
    await context.storage.check()
    with suppress(RedisError, OSError, TimeoutError):  # then the check of Redis says so
        async with asyncio.timeout(OWNER_S):
            owner = (await asyncio.shield(look)).storage_owner
        if isinstance(owner, bytes):
            return f"It belongs to another installation, so the cleanup deletes nothing. {HINT}"
    return None


async def _workers(context: Context, request: Request) -> str | None:
    registry = await registry_of(request, context)
    unserved = registry.unserved
    if away := registry.without_storage:
        return f"The storage does not work for {len(away)} of {len(registry.present)} workers; jobs wait for it."
    if not unserved:
        return _isolation(registry)
    if set(QUEUES) <= set(unserved):
        return _nobody_serves(unserved)
    snapshot = await snapshot_of(request, context)
    # A queue that was made and is empty needs no worker yet.
    waiting = {queue.name for queue in snapshot.queues if queue.waiting}
    unserved = tuple(queue for queue in unserved if queue in QUEUES or queue in waiting)
    if not unserved:
        return _isolation(registry)
    due = [queue.name for queue in snapshot.queues if queue.name in unserved and queue.due]
    return _nobody_serves(unserved, f", where jobs wait ({', '.join(due)})" if due else "")


def _isolation(registry: WorkerRegistry) -> str | None:
    if not (lacks := registry.sandbox_lacks):
        return None
    workers = sum(bool(worker.sandbox_lacks) for worker in registry.present)
    return (
        f"The sandbox of {workers} of {len(registry.present)} workers is not closed: the system lacks "
        f"{' and '.join(lacks)}. See docs/operations.md, What keeps the sandbox apart."
    )


def _nobody_serves(unserved: Sequence[str], due: str = "") -> str:
    if set(QUEUES) <= set(unserved):
        return f"No worker has reported for {WORKER_MS // 1000} s. Jobs wait until one is started."
    return f"No worker serves {', '.join(unserved)}{due}. Start one with `{start_command(unserved)}`."
