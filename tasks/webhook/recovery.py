"""The job of a recovery: what an endpoint missed is sent again, and what it never got is sent."""

import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from tasks.kind import JobContext, Result
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records import indexes
from tasks.queue.records.packing import unpack
from tasks.queue.records.record import State
from tasks.queue.redis_keys import ENDPOINT, JOB, JOBS, SECOND_MS
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.webhook.endpoint_record import EndpointRecord, read_endpoint
from tasks.webhook.endpoints import QUEUE
from tasks.webhook.events import EventParams, delivery_id, patterns_of
from tasks.webhook.fan_out import to_endpoint
from tasks.webhook.filters import accepted
from tasks.webhook.message import message_of

READ_AT_ONCE: Final = 1_000
RECORDS_AT_ONCE: Final = 200
"""Events, each of up to MAX_EVENT_BYTES."""
REOPEN_AT_ONCE: Final = 100

Fields = Mapping[bytes, bytes]


class RecoveryParams(BaseModel):
    """Params of a `recovery` job.

    Attributes:
        endpoint: Its id.
        since: Milliseconds since 1970.
        until: The same; None for now. It is not sent then, since earlier versions do not know it.
        dry_run: Whether it only counts.
        expect: How many deliveries there may be; None for any number.
    """

    model_config = ConfigDict(extra="forbid")

    endpoint: str
    since: int
    until: int | None = None
    dry_run: bool = False
    expect: int | None = None


async def recover(job: JobContext[RecoveryParams]) -> Result:
    """Deliver events that the endpoint never got, those of before its creation and of times in which it was disabled;
    send again what failed, and what waits for a retry. The endpoint is unparked.

    Raises:
        Refusal: `not_found`, `endpoint_disabled`; `more_than_expected`: nothing was sent.
    """
    endpoint = read_endpoint(job.params.endpoint, await job.reader.hash(ENDPOINT + job.params.endpoint))
    if endpoint.owner != job.owner:
        raise Refusal("not_found", f"Endpoint {endpoint.id!r} was not found.")
    if not endpoint.enabled:
        raise Refusal("endpoint_disabled", f"Endpoint {endpoint.id!r} is disabled. Enable it first.")
    until_ms = math.inf if job.params.until is None else job.params.until
    wanted = [*await _failed_since(job, until_ms), *await _ids(job, State.RETRYING, 0, until_ms)]
    if job.params.dry_run or job.params.expect is not None:
        missed = await _count_missed(job, endpoint, until_ms)
        if job.params.dry_run:
            return Result(value={"found": len(wanted), "redelivered": 0, "missed": missed})
        _check_expected(len(wanted) + missed, job.params.expect)
    missed = await _deliver_missed(job, endpoint, until_ms)
    job_store, reopened = JobStore(job.redis, job.settings), 0
    for start in range(0, len(wanted), REOPEN_AT_ONCE):
        answers = await job_store.reopen(wanted[start : start + REOPEN_AT_ONCE])
        reopened += answers.count("reopened")
        job.progress(start + len(answers), len(wanted), "deliveries")
    await LaneControls(job.redis).unpark(QUEUE, str(LaneId("endpoint", endpoint.id)))
    return Result(value={"found": len(wanted), "redelivered": reopened, "missed": missed})


async def _deliver_missed(job: JobContext[RecoveryParams], endpoint: EndpointRecord, until_ms: float) -> int:
    """Make the deliveries of events that the endpoint never got, oldest first. Returns how many are new."""
    script, keep_event_ms, made = Script(job.redis, "submit/expand"), keep_ms(job.settings)["event"], 0
    async for event, kind in _missed_events(job, endpoint, until_ms):
        delivery = to_endpoint(event, job.owner, endpoint.id)
        payload = {"event": event, "type": kind, "owner": job.owner, "keep_ms": keep_event_ms, "late": True}
        made += await script({**payload, "deliveries": [delivery]})
        job.progress(made, made, "missed events")
    return made


async def _count_missed(job: JobContext[RecoveryParams], endpoint: EndpointRecord, until_ms: float) -> int:
    """How many deliveries `_deliver_missed` would make: of an event that has one, it makes none."""
    ids = [delivery_id(event, endpoint.id) async for event, _ in _missed_events(job, endpoint, until_ms)]
    count = len(ids)
    for start in range(0, len(ids), READ_AT_ONCE):
        count -= await job.redis.exists(*(JOB + one for one in ids[start : start + READ_AT_ONCE]))
    return count


def _check_expected(count: int, expect: int | None) -> None:
    if expect is not None and count > expect:
        raise Refusal(
            "more_than_expected",
            f"{count} deliveries would be sent, and at most {expect} were expected. None was sent. Count again.",
            field="expect",
            limit=expect,
        )


async def _missed_events(
    job: JobContext[RecoveryParams], endpoint: EndpointRecord, until_ms: float
) -> AsyncIterator[tuple[str, str]]:
    """Id and type of events that the endpoint wants, and that became deliveries while it was absent."""
    absences = [(0, endpoint.created_at), *endpoint.disabled_times]
    last_ms = min(until_ms, max(end for _, end in absences))
    # One with a delay was created before it was due.
    first_ms = job.params.since - job.settings.keep_missed_s * SECOND_MS
    index = f"{JOBS}{indexes.of_kind(job.owner, 'event')}:{State.SUCCEEDED}"
    events = [one.decode() for one in await job.redis.zrangebyscore(index, first_ms, last_ms)]
    for start in range(0, len(events), RECORDS_AT_ONCE):
        some = events[start : start + RECORDS_AT_ONCE]
        async with job.redis.pipeline(transaction=False) as pipe:
            for event in some:
                pipe.hgetall(JOB + event)
            records = [unpack(fields) for fields in await pipe.execute()]
        for event, record in zip(some, records, strict=True):
            is_of_time = job.params.since <= int(record.get(b"due_at", 0)) <= until_ms
            if is_of_time and _was_absent(absences, record):
                params = EventParams.model_validate_json(record[b"params"])
                if _wants(endpoint, params, record, job.settings):
                    yield event, params.type


def _was_absent(absences: Sequence[tuple[int, int]], event: Fields) -> bool:
    """Whether the endpoint was not there, or disabled, while the event became deliveries."""
    began, ended = int(event.get(b"started_at", 0)), int(event.get(b"finished_at", 0))
    return any(began <= until and ended >= since for since, until in absences) and ended > 0


def _wants(endpoint: EndpointRecord, params: EventParams, event: Fields, settings: Settings) -> bool:
    if params.endpoint is not None or endpoint.channel not in (None, params.channel):
        return False
    if params.type == "endpoint.disabled" and params.data.get("endpoint") == endpoint.id:
        return False
    if set(endpoint.events).isdisjoint(patterns_of(params.type)):
        return False
    return not endpoint.filters or accepted(endpoint.filters, json.loads(message_of(event, settings).body))


async def _failed_since(job: JobContext[RecoveryParams], until_ms: float) -> list[str]:
    """Ids of deliveries that failed finally since the time. They may have been created long before."""
    ids = await _ids(job, State.FAILED, job.params.since - keep_ms(job.settings)["event"], until_ms)
    failed: list[str] = []
    for start in range(0, len(ids), READ_AT_ONCE):
        some = ids[start : start + READ_AT_ONCE]
        async with job.redis.pipeline(transaction=False) as pipe:
            for one in some:
                pipe.hgetall(JOB + one)
            times = [unpack(fields).get(b"finished_at", 0) for fields in await pipe.execute()]
        failed += [one for one, at in zip(some, times, strict=True) if int(at) >= job.params.since]
    return failed


async def _ids(job: JobContext[RecoveryParams], state: State, since_ms: int, until_ms: float) -> list[str]:
    """Ids of the endpoint's deliveries in a state, created within a time.

    All are read before the first is reopened: one that fails again returns to the index, and must not be found twice.
    """
    index = f"{JOBS}{indexes.of_endpoint(job.params.endpoint)}:{state}"
    ids: dict[bytes, None] = {}
    while page := await job.redis.zrangebyscore(index, since_ms, until_ms, start=len(ids), num=READ_AT_ONCE):
        ids.update(dict.fromkeys(page))
    return [one.decode() for one in ids]
