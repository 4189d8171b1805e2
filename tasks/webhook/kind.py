"""The kinds `event`, `delivery` and `recovery`.

An event job creates one delivery job for each endpoint that subscribed to its type. A delivery is one job for all its
attempts: each attempt signs, posts, and records the response. `finish.lua` parks the lane of an endpoint that fails.
A recovery job sends the failed deliveries of an endpoint again.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from tasks import clock
from tasks.kind import JobContext, Kind, Result, RetrySchedule, TryAgain
from tasks.outbound.protocol import OutboundError, OutboundRequest
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records import indexes
from tasks.queue.records.packing import unpack
from tasks.queue.records.record import State
from tasks.queue.redis_keys import ENDPOINT, FAILURE_GAP_MS, JOB, JOBS, LANE, SECOND_MS, SUBSCRIBERS
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.telemetry import tracing
from tasks.webhook import signature
from tasks.webhook.endpoints import QUEUE, EndpointRecord, Endpoints, Reason, live_keys, open_headers
from tasks.webhook.events import (
    ONE_OFF,
    RETRY_DELAYS_S,
    RETRY_JITTER,
    DeliveryParams,
    EventParams,
    body_of,
    delivery_id,
    patterns_of,
)
from tasks.webhook.response import ResponseOutcome, classify_response
from tasks.webhook.secret_box import SecretBox

READ_AT_ONCE = 1_000
EXPAND_AT_ONCE = 50
"""Deliveries created by one script call, which must not block Redis for more than a few milliseconds."""
REOPEN_AT_ONCE = 100
MESSAGES_KEPT = 32
"""Event bodies that a worker caches: the deliveries of one event run close together."""


class RecoveryParams(BaseModel):
    """Params of a `recovery` job. since: milliseconds since 1970."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str
    since: int


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
    """Ids of the endpoints that subscribed to the event's type, without duplicates."""
    found: set[bytes] = set()
    for pattern in patterns_of(job.params.type):
        key, after = f"{SUBSCRIBERS}{job.owner}:{pattern}", b"-"
        while page := await job.redis.zrangebylex(key, after, "+", start=0, num=READ_AT_ONCE):
            found.update(page)
            after = b"(" + page[-1]
    return [one.decode() for one in sorted(found)]


async def deliver(job: JobContext[DeliveryParams]) -> Result:
    """Sign the event and post it. A failed attempt is repeated by the kind's retry schedule."""
    event = unpack(await job.reader.hash(JOB + job.params.event))
    if not event:
        raise Refusal("event_gone", f"Event {job.params.event!r} is no longer stored. Publish it again.")
    base_url = job.settings.public_url or event.get(b"address", b"").decode()
    message = _message(event[b"params"].decode(), int(event[b"created_at"]), base_url.rstrip("/"))
    target = await _target(job, message, event.get(b"notify"))
    job.notes.about["url"] = target.url
    began = time.monotonic()
    outcome = await _post(job, target, message.body)
    seconds = time.monotonic() - began
    if target.endpoint is not None and not message.once:
        # One that gives up a single event works as it should.
        job.notes.receiver_ok = outcome.code is None or outcome.abort
        job.notes.timed_out = outcome.code is not None and seconds >= _timeout_s(job.settings)
        job.notes.pause_s = min(outcome.pause_s, job.settings.breaker_max_pause_s)
        await _disable_if_due(job, target.endpoint, outcome)
    if outcome.code is None:
        return Result()
    if message.once or outcome.disable or outcome.abort:
        raise Refusal(outcome.code, outcome.message)
    raise TryAgain(outcome.code, outcome.message, after_s=outcome.pause_s)


def _timeout_s(settings: Settings) -> float:
    """Seconds after which a failed attempt has kept its slot for as long as one that timed out."""
    return min(settings.dns_timeout_s, settings.connect_timeout_s, settings.delivery_timeout_s)


@dataclass(frozen=True, slots=True)
class _Message:
    """The request body of an event. once: it is a test, which has one attempt."""

    body: bytes
    once: bool


@lru_cache(MESSAGES_KEPT)
def _message(params: str, created_at: int, base_url: str) -> _Message:
    event = EventParams.model_validate_json(params)
    return _Message(body_of(event, created_at, base_url), once=event.endpoint is not None)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a delivery goes. keys: to sign with. endpoint: None for the `notify` URL of a submit."""

    url: str
    keys: list[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    endpoint: EndpointRecord | None = None


async def _target(job: JobContext[DeliveryParams], message: _Message, notify: bytes | None) -> _Target:
    """The current target: URL, headers and secrets may have changed since the last attempt."""
    box = _box(job.settings.secret_key)
    try:
        if job.params.endpoint == ONE_OFF:
            one_off = json.loads(notify or b"{}")
            sealed = one_off.get("secret")
            return _Target(one_off["url"], [signature.key_of(box.open(sealed, ONE_OFF))] if sealed else [])
        endpoint = _endpoint(job.params.endpoint, await job.reader.hash(ENDPOINT + job.params.endpoint))
        keys, headers = live_keys(endpoint, box, clock.now_ms()), open_headers(endpoint, box)
    except Refusal as refusal:
        if refusal.code != "secret_unreadable":
            raise
        # Retried, because the wrong SECRET_KEY of one process must not lose an event.
        raise TryAgain(refusal.code, refusal.message) from refusal
    if not endpoint.enabled and not message.once:
        raise Refusal("endpoint_disabled", f"Endpoint {endpoint.id!r} is disabled. Enable it, then use the recovery.")
    return _Target(endpoint.url, keys, headers, endpoint)


@lru_cache(1)
def _box(secret_key: SecretStr | None) -> SecretBox:
    return SecretBox.of(secret_key.get_secret_value() if secret_key else None)


def _endpoint(endpoint_id: str, fields: Mapping[bytes, bytes]) -> EndpointRecord:
    if not fields:
        raise Refusal("endpoint_gone", f"Endpoint {endpoint_id!r} was deleted.")
    return EndpointRecord.from_hash(endpoint_id, fields)


async def _post(job: JobContext[DeliveryParams], target: _Target, body: bytes) -> ResponseOutcome:
    """Send the request and record the response."""
    signed = signature.headers(job.params.event, int(time.time()), body, target.keys)
    headers = {**target.headers, "content-type": "application/json", **signed}
    about = job.notes.about
    span = {"http.request.method": "POST", "server.address": urlsplit(target.url).hostname or ""}
    with tracing.step("POST", "client", span) as step:
        headers |= tracing.headers()
        try:
            response = await job.outbound.post(OutboundRequest(target.url, body, headers))
        except OutboundError as error:
            step.fail(error.code)
            about |= {"address": error.ip, "timing": dict(error.timing)}
            return ResponseOutcome(error.code, error.message)
        step.note({"http.response.status_code": response.status})
    excerpt = response.excerpt.decode(errors="replace")
    about |= {"status": response.status, "address": response.ip, "timing": dict(response.timing), "answer": excerpt}
    return classify_response(response)


async def _disable_if_due(job: JobContext[DeliveryParams], endpoint: EndpointRecord, outcome: ResponseOutcome) -> None:
    """Disable an endpoint that asked for it, or has failed without a success for `disable_after_s`."""
    reason: Reason | None = outcome.disable
    if reason is None and outcome.code is not None:
        lane = f"{LANE}{DELIVERY.queue}:{LaneId('endpoint', endpoint.id)}"
        since, last = (int(at or 0) for at in await job.redis.hmget(lane, "failing_since", "failed_at"))
        # A single failure after a long time without deliveries says nothing about the time between.
        if since and clock.now_ms() - last <= FAILURE_GAP_MS:
            reason = "failing" if clock.now_ms() - since >= job.settings.disable_after_s * SECOND_MS else None
    if reason is not None:
        await Endpoints(job.redis, job.settings, _box(job.settings.secret_key)).disable(endpoint.id, reason)


async def recover(job: JobContext[RecoveryParams]) -> Result:
    """Send again the deliveries that failed since a time, and send those that wait for a retry now."""
    endpoint = _endpoint(job.params.endpoint, await job.reader.hash(ENDPOINT + job.params.endpoint))
    if endpoint.owner != job.owner:
        raise Refusal("not_found", f"Endpoint {endpoint.id!r} was not found.")
    if not endpoint.enabled:
        raise Refusal("endpoint_disabled", f"Endpoint {endpoint.id!r} is disabled. Enable it first.")
    wanted = [*await _failed_since(job), *await _ids(job, State.RETRYING, 0)]
    job_store, reopened = JobStore(job.redis, job.settings), 0
    for start in range(0, len(wanted), REOPEN_AT_ONCE):
        answers = await job_store.reopen(wanted[start : start + REOPEN_AT_ONCE])
        reopened += answers.count("reopened")
        job.progress(start + len(answers), len(wanted), "deliveries")
    return Result(value={"found": len(wanted), "redelivered": reopened})


async def _failed_since(job: JobContext[RecoveryParams]) -> list[str]:
    """Ids of deliveries that failed finally since the time. They may have been created long before."""
    ids = await _ids(job, State.FAILED, job.params.since - keep_ms(job.settings)["event"])
    failed: list[str] = []
    for start in range(0, len(ids), READ_AT_ONCE):
        some = ids[start : start + READ_AT_ONCE]
        async with job.redis.pipeline(transaction=False) as pipe:
            for one in some:
                pipe.hgetall(JOB + one)
            times = [unpack(fields).get(b"finished_at", 0) for fields in await pipe.execute()]
        failed += [one for one, at in zip(some, times, strict=True) if int(at) >= job.params.since]
    return failed


async def _ids(job: JobContext[RecoveryParams], state: State, since_ms: int) -> list[str]:
    """Ids of the endpoint's deliveries in a state, created since a time.

    All are read before the first is reopened: one that fails again returns to the index, and must not be found twice.
    """
    index = f"{JOBS}{indexes.of_endpoint(job.params.endpoint)}:{state}"
    ids: dict[bytes, None] = {}
    while page := await job.redis.zrangebyscore(index, since_ms, "+inf", start=len(ids), num=READ_AT_ONCE):
        ids.update(dict.fromkeys(page))
    return [one.decode() for one in ids]


EVENT = Kind(name="event", queue="default", params=EventParams, run=expand, timeout_s=120, io_bound=True)
DELIVERY = Kind(
    name="delivery",
    queue=QUEUE,
    params=DeliveryParams,
    run=deliver,
    timeout_s=120,
    retry=RetrySchedule(RETRY_DELAYS_S, RETRY_JITTER),
    retries_last=True,
    io_bound=True,
)
RECOVERY = Kind(
    name="recovery",
    queue="default",
    params=RecoveryParams,
    run=recover,
    timeout_s=600,
    io_bound=True,
    in_activity_report=False,
    upkeep=True,
)
