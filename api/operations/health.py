"""Is the process alive, and can it do its work?"""

from collections.abc import Awaitable
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from redis.exceptions import RedisError

from api.http.context import Context, context_of
from api.http.problems import Problem, problem
from api.jobs.views import json_of
from tasks.queue.lanes.stats import QueueStats
from tasks.queue.redis_keys import QUEUES, WORKER_MS
from tasks.queue.watch.workers import read_workers
from tasks.storage.protocol import StorageUnavailable

log = structlog.get_logger()

router = APIRouter(tags=["health"])


class Check(BaseModel):
    """One thing we need. A warning does not stop the service from taking requests."""

    name: Literal["redis", "storage", "worker"]
    status: Literal["ok", "warning", "failed"]
    detail: str


class Readiness(BaseModel):
    """All checks."""

    checks: list[Check]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


@router.get("/livez", operation_id="is_alive", summary="Is the process alive?")
async def is_alive() -> Alive:
    """Asks nobody else: a broken Redis is no reason to restart this process."""
    return Alive()


@router.get(
    "/readyz",
    operation_id="is_ready",
    summary="Can it do its work?",
    response_model=Readiness,
    responses={503: {"model": Problem, "description": "`unavailable`: a check has failed; `checks` says which."}},
)
async def is_ready(request: Request) -> Response:
    """503 if submits would fail. A queue without a worker is a warning only: its jobs are accepted, and wait."""
    context = context_of(request)
    checks = [
        await _checked("redis", _redis(context)),
        await _checked("storage", _storage(context)),
        await _checked("worker", _workers(context)),
    ]
    failed = [check.name for check in checks if check.status == "failed" and check.name != "worker"]
    if failed:
        shown = [check.model_dump() for check in checks]
        return problem(request, "unavailable", f"Not ready: {' and '.join(failed)}.", checks=shown)
    return Response(
        json_of(Readiness(checks=checks)), headers={"Cache-Control": "no-store"}, media_type="application/json"
    )


async def _checked(name: Literal["redis", "storage", "worker"], check: Awaitable[str | None]) -> Check:
    try:
        warning = await check
    except (RedisError, StorageUnavailable, TimeoutError) as error:
        # Addresses and buckets are for the log: anyone may ask for this page.
        log.warning("health.failed", check=name, error=str(error))
        return Check(name=name, status="failed", detail="It does not answer; the log says more.")
    return Check(name=name, status="warning" if warning else "ok", detail=warning or "It answers.")


async def _redis(context: Context) -> str | None:
    policy = (await context.redis.info("memory")).get("maxmemory_policy")
    if policy != "noeviction":
        return f"Its maxmemory-policy is {policy}: when it is full it drops jobs. Set noeviction."
    return None


async def _storage(context: Context) -> str | None:
    await context.storage.check()
    return None


async def _workers(context: Context) -> str | None:
    unserved = (await read_workers(context.redis)).unserved
    if not unserved:
        return None
    if len(unserved) == len(QUEUES):
        return f"No worker has been seen for {WORKER_MS // 1000} s: jobs wait until one is started."
    snapshot = await QueueStats(context.redis, context.settings).queues()
    due = [queue.name for queue in snapshot.queues if queue.name in unserved and queue.due]
    wait = f", where jobs wait ({', '.join(due)})" if due else ""
    return f"No worker serves {', '.join(unserved)}{wait}: start one with `python -m worker {' '.join(unserved)}`."
