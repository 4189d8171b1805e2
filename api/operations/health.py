"""Health checks: `/livez` and `/readyz`."""

from collections.abc import Awaitable
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from api.http.answers import json_of
from api.http.context import Context, process_context
from api.http.problems import Problem, problem
from tasks.queue.lanes.stats import QueueStats
from tasks.queue.redis_keys import QUEUES, WORKER_MS
from tasks.queue.watch.workers import read_workers
from tasks.storage.protocol import StorageUnavailable

log = structlog.get_logger()

router = APIRouter(tags=["health"])


class Check(BaseModel):
    """One check. A warning does not stop the service from accepting requests."""

    name: Literal["redis", "storage", "worker"] = Field(description="What was checked.")
    status: Literal["ok", "warning", "failed"] = Field(description="The result.")
    detail: str = Field(description="The result in words.")


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
    """Responds with 503 if submits would fail. A queue without a worker is only a warning: its jobs wait."""
    context = process_context(request)
    if context.shutdown.draining:
        return problem(request, "unavailable", "This process is stopping. Send requests to another one.")
    checks = [
        await _checked("redis", _redis(context)),
        await _checked("storage", _storage(context)),
        await _checked("worker", _workers(context)),
    ]
    failed = [check.name for check in checks if check.status == "failed" and check.name != "worker"]
    if failed:
        shown = [check.model_dump() for check in checks]
        return problem(
            request, "unavailable", f"The checks of {' and '.join(failed)} failed. Try again in a moment.", checks=shown
        )
    return Response(
        json_of(Readiness(checks=checks)), headers={"Cache-Control": "no-store"}, media_type="application/json"
    )


async def _checked(name: Literal["redis", "storage", "worker"], check: Awaitable[str | None]) -> Check:
    try:
        warning = await check
    except (RedisError, StorageUnavailable, TimeoutError) as error:
        # Host names and buckets go only to the log, because this endpoint needs no API key.
        log.warning("health.failed", check=name, error=str(error))
        cure = error.cure if isinstance(error, StorageUnavailable) else None
        return Check(name=name, status="failed", detail=f"{cure or 'It does not respond.'} See the log for details.")
    return Check(name=name, status="warning" if warning else "ok", detail=warning or "It responds.")


async def _redis(context: Context) -> str | None:
    policy = (await context.redis.info("memory")).get("maxmemory_policy")
    if policy != "noeviction":
        return f"Its maxmemory-policy is {policy!r}, which drops jobs when the memory is full. Set it to noeviction."
    return None


async def _storage(context: Context) -> str | None:
    await context.storage.check()
    return None


async def _workers(context: Context) -> str | None:
    registry = await read_workers(context.redis)
    unserved = registry.unserved
    if away := registry.without_storage:
        return f"The storage does not work for {len(away)} of {len(registry.present)} workers; jobs wait for it."
    if not unserved:
        return None
    if len(unserved) == len(QUEUES):
        return f"No worker has reported for {WORKER_MS // 1000} s. Jobs wait until one is started."
    snapshot = await QueueStats(context.redis, context.settings).queues()
    due = [queue.name for queue in snapshot.queues if queue.name in unserved and queue.due]
    wait = f", where jobs wait ({', '.join(due)})" if due else ""
    return f"No worker serves {', '.join(unserved)}{wait}. Start one with `python -m worker {' '.join(unserved)}`."
