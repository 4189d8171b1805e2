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

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from tasks import clock
from tasks.kind import JobContext, Kind, Result, RetrySchedule, TryAgain
from tasks.outbound.protocol import EXCERPT_BYTES, OutboundError, OutboundRequest
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.redis_keys import ENDPOINT, FAILURE_GAP_MS, LANE, SECOND_MS
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.telemetry import tracing
from tasks.webhook import signature
from tasks.webhook.endpoint_record import (
    EndpointRecord,
    Reason,
    live_keys,
    live_private_keys,
    open_headers,
    read_endpoint,
)
from tasks.webhook.endpoints import QUEUE, Endpoints
from tasks.webhook.events import ONE_OFF, RETRY_DELAYS_S, RETRY_JITTER, DeliveryParams, EventParams
from tasks.webhook.exchanges.exchange import exchange_of
from tasks.webhook.exchanges.masking import SIGNATURE, SecretMask
from tasks.webhook.fan_out import expand
from tasks.webhook.message import Message, read_event
from tasks.webhook.notify_url import masked_url, open_url
from tasks.webhook.recovery import RecoveryParams, recover
from tasks.webhook.response import ResponseOutcome, classify_response
from tasks.webhook.secret_box import SecretBox


async def deliver(job: JobContext[DeliveryParams]) -> Result:
    """Sign the event and post it. A failed attempt is repeated by the kind's retry schedule."""
    event, message = await read_event(job, job.params.event)
    target = await _target(job, message, event.get(b"notify"))
    job.notes.about["url"] = target.shown
    began = time.monotonic()
    outcome = await _post(job, target, message.body)
    seconds = time.monotonic() - began
    if message.once:
        # A test that succeeds unparks the endpoint; one that fails says nothing of the events.
        job.notes.receiver_ok = True if outcome.code is None else None
    elif target.endpoint is not None and outcome.code != "proxy_failed":
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
class _Target:
    """Where a delivery goes.

    url: with all that is secret in it; shown: without, for the record.
    keys, private_keys: to sign with.
    endpoint: None for the `notify` URL of a submit.
    """

    url: str
    shown: str
    keys: list[bytes]
    private_keys: list[Ed25519PrivateKey] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    endpoint: EndpointRecord | None = None


async def _target(job: JobContext[DeliveryParams], message: Message, notify: bytes | None) -> _Target:
    """The current target: URL, headers and secrets may have changed since the last attempt."""
    box = _box(job.settings.secret_key)
    try:
        if job.params.endpoint == ONE_OFF:
            one_off = json.loads(notify or b"{}")
            sealed = one_off.get("secret")
            url = open_url(one_off["url"], box)
            return _Target(url, masked_url(url), [signature.key_of(box.open(sealed, ONE_OFF))] if sealed else [])
        endpoint = read_endpoint(job.params.endpoint, await job.reader.hash(ENDPOINT + job.params.endpoint))
        now_ms = clock.now_ms()
        keys, headers = live_keys(endpoint, box, now_ms), open_headers(endpoint, box)
        private_keys = live_private_keys(endpoint, box, now_ms)
    except Refusal as refusal:
        if refusal.code != "secret_unreadable":
            raise
        # Retried, because the wrong SECRET_KEY of one process must not lose an event.
        raise TryAgain(refusal.code, refusal.message) from refusal
    if not endpoint.enabled and not message.once:
        raise Refusal("endpoint_disabled", f"Endpoint {endpoint.id!r} is disabled. Enable it, then use the recovery.")
    return _Target(endpoint.url, endpoint.url, keys, private_keys, headers, endpoint)


@lru_cache(1)
def _box(secret_key: SecretStr | None) -> SecretBox:
    return SecretBox.of(secret_key.get_secret_value() if secret_key else None)


async def _post(job: JobContext[DeliveryParams], target: _Target, body: bytes) -> ResponseOutcome:
    """Send the request and record the response."""
    signed = signature.headers(job.params.event, int(time.time()), body, target.keys, target.private_keys)
    headers = {**target.headers, "content-type": "application/json", **signed}
    about, kept_bytes = job.notes.about, job.settings.keep_exchange_bytes
    span = {"http.request.method": "POST", "server.address": urlsplit(target.url).hostname or ""}
    with tracing.step("POST", "client", span) as step:
        headers |= tracing.headers()
        # One byte more than is kept says whether there was more.
        request = OutboundRequest(target.url, body, headers, excerpt_bytes=max(EXCERPT_BYTES, kept_bytes + 1))
        try:
            response = await job.outbound.post(request)
        except OutboundError as error:
            step.fail(error.code)
            about |= {"address": error.ip, "timing": dict(error.timing)}
            if kept_bytes:
                job.notes.exchange = exchange_of(request, error, _mask(target, signed), kept_bytes)
            return ResponseOutcome(error.code, error.message)
        step.note({"http.response.status_code": response.status})
    outcome = classify_response(response)
    failed = outcome.code is not None
    excerpt = response.excerpt[:EXCERPT_BYTES].decode(errors="replace")
    if failed or target.headers:
        mask = _mask(target, signed)
        excerpt = mask.hide_end(mask.hide(excerpt))
        if failed and kept_bytes:
            job.notes.exchange = exchange_of(request, response, mask, kept_bytes)
    about |= {"status": response.status, "address": response.ip, "timing": dict(response.timing), "answer": excerpt}
    return outcome


def _mask(target: _Target, signed: Mapping[str, str]) -> SecretMask:
    return SecretMask.of_delivery(target.url, target.headers, target.keys, signed.get(SIGNATURE, ""))


async def _disable_if_due(job: JobContext[DeliveryParams], endpoint: EndpointRecord, outcome: ResponseOutcome) -> None:
    """Disable an endpoint that asked for it, or has failed without a success for `disable_after_s`."""
    reason: Reason | None = outcome.disable
    if reason is None and outcome.code is not None and not outcome.abort:
        lane = f"{LANE}{DELIVERY.queue}:{LaneId('endpoint', endpoint.id)}"
        since, last = (int(at or 0) for at in await job.redis.hmget(lane, "failing_since", "failed_at"))
        # A single failure after a long time without deliveries says nothing about the time between.
        if since and clock.now_ms() - last <= FAILURE_GAP_MS:
            reason = "failing" if clock.now_ms() - since >= job.settings.disable_after_s * SECOND_MS else None
    if reason is not None:
        await Endpoints(job.redis, job.settings, _box(job.settings.secret_key)).disable(endpoint.id, reason)


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
