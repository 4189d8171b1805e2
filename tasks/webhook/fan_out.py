"""The job of an event: one delivery for each endpoint that wants it."""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from tasks.kind import JobContext, Result
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records import indexes
from tasks.queue.redis_keys import ENDPOINT, JOB, SUBSCRIBERS
from tasks.queue.script import Script
from tasks.webhook.events import ONE_OFF, EventParams, delivery_id, subscriptions_of
from tasks.webhook.filters import FILTERED, accepted, read_filters
from tasks.webhook.message import read_event

READ_AT_ONCE: Final = 1_000
EXPAND_AT_ONCE: Final = 50
"""Deliveries created by one script call, which must not block Redis for more than a few milliseconds."""


async def expand(job: JobContext[EventParams]) -> Result:
    """Create the deliveries of an event."""
    wanted = await _wanted(job)
    script, made = Script(job.redis, "submit/expand"), 0
    for start in range(0, len(wanted), EXPAND_AT_ONCE):
        deliveries = wanted[start : start + EXPAND_AT_ONCE]
        made += await script(
            {
                "event": job.job_id,
                "type": job.params.type,
                "owner": job.owner,
                "keep_ms": keep_ms(job.settings)["event"],
                "deliveries": deliveries,
            }
        )
        job.progress(start + len(deliveries), len(wanted), "deliveries")
    return Result(value={"deliveries": made})


async def _wanted(job: JobContext[EventParams]) -> list[dict[str, object]]:
    """For each delivery what `expand.lua` takes of it."""

    def to(endpoint: str, lane: LaneId, *, always: bool = False) -> dict[str, object]:
        return {
            "id": delivery_id(job.job_id, endpoint),
            "endpoint": endpoint,
            "lane": str(lane),
            "job_indexes": indexes.of_delivery(job.owner, None if endpoint == ONE_OFF else endpoint),
            "always": always,
        }

    if job.params.endpoint is not None:
        # A lane of its own: a test helps to find out why the endpoint's own lane is parked.
        return [to(job.params.endpoint, LaneId("test", job.params.endpoint), always=True)]
    wanted = [to(one, LaneId("endpoint", one)) for one in await _subscribers(job)]
    notify = await job.redis.hget(JOB + job.job_id, "notify")
    if notify:
        host = urlsplit(json.loads(notify)["url"]).hostname
        wanted.append(to(ONE_OFF, LaneId("host", job.owner, host), always=True))
    return wanted


async def _subscribers(job: JobContext[EventParams]) -> list[str]:
    """Ids of the endpoints that want the event, without duplicates."""
    keys = [f"{SUBSCRIBERS}{job.owner}:{one}" for one in subscriptions_of(job.params.type, job.params.channel)]
    found: dict[bytes, float] = {}
    async with job.redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.zscan(key, count=READ_AT_ONCE)
        pages = await pipe.execute()
    for key, page in zip(keys, pages, strict=True):
        found.update(page[1])
        while page[0]:
            page = await job.redis.zscan(key, page[0], count=READ_AT_ONCE)  # noqa: PLW2901 - the next one
            found.update(page[1])
    filtered = [one for one, score in found.items() if score == FILTERED]
    left_out = await _left_out(job, filtered) if filtered else set()
    return sorted(one.decode() for one in found if one not in left_out)


async def _left_out(job: JobContext[EventParams], endpoints: Sequence[bytes]) -> set[bytes]:
    """Those of the endpoints whose filters the event does not pass."""
    _, message = await read_event(job, job.job_id)
    event = json.loads(message.body)
    left_out: set[bytes] = set()
    for start in range(0, len(endpoints), READ_AT_ONCE):
        some = endpoints[start : start + READ_AT_ONCE]
        async with job.redis.pipeline(transaction=False) as pipe:
            for one in some:
                pipe.hget(ENDPOINT.encode() + one, "filters")
            texts = await pipe.execute()
        left_out |= {one for one, text in zip(some, texts, strict=True) if not accepted(read_filters(text), event)}
    return left_out
