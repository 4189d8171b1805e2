"""No body, valid or not, holds the event loop: each route that takes JSON gets the worst of its largest size."""

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from arq.connections import ArqRedis

from tests.support.api.documented import document
from tests.support.api.specs import spec

MAX_LAG_S = 0.05
ATTEMPTS = 3  # a body that holds the loop does so each time; a busy machine's cold caches do not
KB = 1024


@asynccontextmanager
async def loop_lag() -> AsyncIterator[list[float]]:
    """The longest turns of this event loop, in seconds of processor time of this process, the longest last.

    What a thread does while it holds the GIL counts too, since the loop waits for it; what other processes do does not.
    """
    turns: list[float] = [0.0]

    async def spin() -> None:
        last = time.process_time()
        while True:
            await asyncio.sleep(0)
            now = time.process_time()
            if now - last > turns[-1]:
                turns.append(now - last)
            last = now

    gc.collect()
    gc.freeze()  # as the web process does: what was there before is not collected for its requests
    task = asyncio.create_task(spin())
    try:
        yield turns
    finally:
        task.cancel()


def lists(size: int) -> bytes:
    return b"[" + b"[]," * (size // 3) + b"1]"


def rows(count: int) -> bytes:
    columns = [{"field": name} for name in "abcdefgh"]
    table = {"type": "table", "columns": columns, "rows": [dict.fromkeys("abcdefgh", n / 8) for n in range(count)]}
    return json.dumps(spec(table, table, table, table)).encode()


ROWS = rows(9_000)
SCHEDULE = b'{"cron":"0 0 * * *","job":'
EVENT = b'{"type":"a.b","data":{"x":%b}}'
BODIES: dict[str, tuple[str, bytes, int]] = {
    "an event of lists": ("/v1/events", EVENT % lists(250 * KB), 413),
    "an event of few lists": ("/v1/events", EVENT % lists(57 * KB), 202),
    "an event of numbers": ("/v1/events", EVENT % (b"[" + b"1," * (125 * KB) + b"1]"), 202),
    "an event of objects": ("/v1/events", EVENT % (b"[" + b'{"a":1},' * 19_000 + b"1]"), 202),
    "an event of names": (
        "/v1/events",
        EVENT % (b"{" + b",".join(b'"n%d":1' % n for n in range(23_000)) + b"}"),
        202,
    ),
    "a spec of rows": ("/v1/reports", ROWS, 202),
    "a spec of lists": ("/v1/reports", b'{"document":{"title":"t"},"blocks":%b}' % lists(4_000 * KB), 422),
    "a validation of lists": ("/v1/reports/validation", b'{"blocks":%b}' % lists(4_000 * KB), 422),
    "a schedule of a report": ("/v1/schedules", SCHEDULE + b'{"kind":"report",' + ROWS[1:] + b"}", 201),
    "a schedule of an event of lists": (
        "/v1/schedules",
        SCHEDULE + b'{"kind":"event",' + (EVENT % lists(4_900 * KB))[1:] + b"}",
        413,
    ),
    "a schedule with a large name": ("/v1/schedules", b'{"cron":"0 0 * * *","name":%b}' % lists(4_900 * KB), 413),
    "a schedule of depth": ("/v1/schedules", b"[" * 4_900 * KB, 422),
    "a job": ("/v1/jobs", b'{"kind":"x","params":{"a":%b}}' % lists(31 * KB), 422),
    "an endpoint": ("/v1/endpoints", b'{"url":%b}' % lists(15 * KB), 422),
    "a filter": ("/v1/jobs/cancellation", b'{"kind":%b}' % lists(15 * KB), 422),
    "a batch": ("/v1/batches", b'{"name":%b}' % lists(15 * KB), 422),
    "an image": ("/v1/images", b'{"upload":%b}' % lists(15 * KB), 422),
}


@pytest.mark.parametrize(("path", "body", "status"), BODIES.values(), ids=BODIES.keys())
async def test_no_body_holds_the_loop(
    redis: ArqRedis, alice: httpx.AsyncClient, path: str, body: bytes, status: int
) -> None:
    document()  # the client checks each answer by it: built before, it takes no time of the request
    lags: list[float] = []
    while not lags or (lags[-1] >= MAX_LAG_S and len(lags) < ATTEMPTS):
        async with loop_lag() as turns:
            answer = await alice.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, answer.text[:300]
        lags.append(turns[-1])
    assert lags[-1] < MAX_LAG_S, lags


async def test_the_first_request_for_the_document_holds_nobody_up(redis: ArqRedis, alice: httpx.AsyncClient) -> None:
    """Of the 0.4 s and more for which it is made, others get their turns."""
    document()  # the client's own
    async with loop_lag() as turns:
        first, second = await asyncio.gather(*(alice.get("/openapi.json") for _ in range(2)))
    assert first.json()["paths"] == document()["paths"]
    assert second.content == first.content
    assert turns[-1] < MAX_LAG_S
