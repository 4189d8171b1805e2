"""The job of an event: one delivery for each endpoint that wants it."""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from tasks.kind import JobContext, Result
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records import indexes
from tasks.queue.redis_keys import ENDPOINT, JOB, LISTENING, SUBSCRIBERS
from tasks.queue.script import Script
from tasks.webhook.events import ONE_OFF, EventParams, delivery_id, subscriptions_of
from tasks.webhook.filters import accepted, read_filters
from tasks.webhook.message import read_event

DISABLED: Final = -1
FILTERED: Final = 1
"""The scores among the subscribers of an endpoint that is disabled, and of one with filters."""
READ_AT_ONCE: Final = 1_000
EXPAND_AT_ONCE: Final = 50
"""Deliveries created by one script call, which must not block Redis for more than a few milliseconds."""


async def expand(job: JobContext[EventParams]) -> Result:
    """Create the deliveries of an event."""
    wanted, missed, heard = await _wanted(job)
    script, keep_event_ms, made = Script(job.redis, "submit/expand"), keep_ms(job.settings)["event"], 0
    event = {"event": job.job_id, "type": job.params.type, "owner": job.owner, "keep_ms": keep_event_ms}
    for start in range(0, max(len(wanted), int(missed or heard)), EXPAND_AT_ONCE):
        deliveries = wanted[start : start + EXPAND_AT_ONCE]
        made += await script({**event, "deliveries": deliveries, "missed": missed, "heard": heard and start == 0})
        job.progress(start + len(deliveries), len(wanted), "deliveries")
    return Result(value={"deliveries": made})


def to_endpoint(event: str, owner: str, endpoint: str) -> dict[str, object]:
    """A delivery to an endpoint as `expand.lua` takes it."""
    return _to(event, owner, endpoint, LaneId("endpoint", endpoint))


def _to(event: str, owner: str, endpoint: str, lane: LaneId, *, always: bool = False) -> dict[str, object]:
    return {
        "id": delivery_id(event, endpoint),
        "endpoint": endpoint,
        "lane": str(lane),
        "job_indexes": indexes.of_delivery(owner, None if endpoint == ONE_OFF else endpoint),
        "always": always,
    }


async def _wanted(job: JobContext[EventParams]) -> tuple[list[dict[str, object]], bool, bool]:
    """For each delivery what `expand.lua` takes of it; whether disabled endpoints miss the event, and whether somebody
    listens."""
    event, owner = job.job_id, job.owner
    if job.params.endpoint is not None:
        # A lane of its own: a test helps to find out why the endpoint's own lane is parked.
        return [_to(event, owner, job.params.endpoint, LaneId("test", job.params.endpoint), always=True)], False, False
    endpoints, missed, heard = await _subscribers(job)
    wanted = [to_endpoint(event, owner, one) for one in endpoints]
    notify = await job.redis.hget(JOB + event, "notify")
    if notify:
        host = urlsplit(json.loads(notify)["url"]).hostname
        wanted.append(_to(event, owner, ONE_OFF, LaneId("host", owner, host), always=True))
    return wanted, missed, heard


async def _subscribers(job: JobContext[EventParams]) -> tuple[list[str], bool, bool]:
    """Ids of the endpoints that want the event, without duplicates; whether there are disabled ones, and whether
    somebody listens to the owner's events."""
    keys = [f"{SUBSCRIBERS}{job.owner}:{one}" for one in subscriptions_of(job.params.type, job.params.channel)]
    found: dict[bytes, float] = {}
    async with job.redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.zscan(key, count=READ_AT_ONCE)
        pipe.exists(LISTENING + job.owner)
        *pages, heard = await pipe.execute()
    for key, page in zip(keys, pages, strict=True):
        found.update(page[1])
        while page[0]:
            page = await job.redis.zscan(key, page[0], count=READ_AT_ONCE)  # noqa: PLW2901 - the next one
            found.update(page[1])
    enabled = {one: score for one, score in found.items() if score != DISABLED}
    filtered = [one for one, score in enabled.items() if score == FILTERED]
    left_out = await _left_out(job, filtered) if filtered else set()
    wanted = sorted(one.decode() for one in enabled if one not in left_out)
    return wanted, len(enabled) < len(found), bool(heard)


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
