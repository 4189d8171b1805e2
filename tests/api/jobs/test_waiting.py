"""Waiting for a job over HTTP: woken by its end, with one Redis connection however many wait."""

import asyncio
import statistics
import time

import httpx
import pytest
from arq.connections import ArqRedis

from api.jobs.get import PREFER_WAIT
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, client_of, requests_under_way, serving
from tests.support.eventually import eventually

LATE_S = 5.0
"""Later than this after the end is no waking: the next poll of anything would be as good."""


async def submit(client: httpx.AsyncClient) -> str:
    job_id: str = (await client.post("/v1/images", content=PNG)).json()["id"]
    return job_id


async def watched(redis: ArqRedis) -> int:
    """Channels that the API has subscribed to for waiters, and not for good: for changes of accounts, and so that the
    connection stays open."""
    return len(await redis.pubsub_channels()) - 2


@pytest.mark.parametrize("how", ["query", "header"])
async def test_a_waiting_request_is_woken_by_the_end(
    how: str, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    job_id = await submit(alice)
    await worker.begin()
    asked = {"params": {"wait": "20"}} if how == "query" else {"headers": {"Prefer": "respond-async, wait=20"}}
    waiting = asyncio.create_task(alice.get(f"/v1/jobs/{job_id}", **asked))  # type: ignore[arg-type]
    await eventually(lambda: watched(redis), lambda seen: seen >= 1)
    ended = time.perf_counter()
    await worker.end(job_id)
    answer = await waiting
    assert time.perf_counter() - ended < LATE_S
    assert answer.json()["state"] == "succeeded"
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert "Retry-After" not in answer.headers


async def test_waking_takes_no_time(alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker) -> None:
    late = []
    for _ in range(20):
        job_id = await submit(alice)
        await worker.begin()
        waiting = asyncio.create_task(alice.get(f"/v1/jobs/{job_id}?wait=20"))
        await eventually(lambda: watched(redis), lambda seen: seen >= 1)
        ended = time.perf_counter()
        await worker.end(job_id)
        await waiting
        late.append(time.perf_counter() - ended)
        await eventually(lambda: watched(redis), 0)
    assert statistics.median(late) < 0.5


async def test_a_job_that_does_not_end_is_answered_as_it_stands(alice: httpx.AsyncClient) -> None:
    began = time.perf_counter()
    answer = await alice.get(f"/v1/jobs/{await submit(alice)}?wait=0.3")
    assert 0.3 <= time.perf_counter() - began < 3
    assert answer.status_code == 200
    assert answer.json()["state"] == "queued"
    assert answer.headers["Retry-After"] == "1"


async def test_a_job_that_has_ended_is_not_waited_for(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    job_id = await submit(alice)
    await worker.end(job_id, "failed", error=("corrupt", "It is damaged."))
    answer = await alice.get(f"/v1/jobs/{job_id}?wait=20")
    assert answer.elapsed.total_seconds() < 5
    assert answer.json()["state"] == "failed"


async def test_a_preference_and_a_parameter_are_met_as_far_as_we_go(settings: Settings, redis: ArqRedis) -> None:
    async with serving(settings.model_copy(update={"max_wait_s": 0.1})) as port, client_of(port) as alice:
        path = f"/v1/jobs/{await submit(alice)}"
        preferred = await alice.get(path, headers={"Prefer": "wait=600"})
        asked = await alice.get(path, params={"wait": "600"})
    assert preferred.headers["Preference-Applied"] == "wait=0.1"
    assert (asked.status_code, asked.headers["Preference-Applied"]) == (200, "wait=0.1")


@pytest.mark.parametrize("wait", ["-1", "nan", "inf", "soon"])
async def test_a_senseless_wait_is_refused(alice: httpx.AsyncClient, wait: str) -> None:
    answer = await alice.get(f"/v1/jobs/{await submit(alice)}?wait={wait}")
    assert (answer.status_code, answer.json()["field"]) == (422, "wait")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("wait=5", "5"), ('a=b; wait = "7"', "7"), ("respond-async,WAIT=9", "9"), ("await=5", None), ("wait=x", None)],
)
def test_preferences_are_read_as_the_rfc_writes_them(header: str, seconds: str | None) -> None:
    match = PREFER_WAIT.search(header)
    assert (match and match[1]) == seconds


async def ask(port: int, path: str) -> bytes:
    """One request over a bare socket: a thousand HTTP clients would cost more than what is measured."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ALICE}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_thousand_who_wait_take_one_redis_connection(
    redis: ArqRedis, worker: ManualWorker, settings: Settings
) -> None:
    patient = settings.model_copy(update={"max_wait_s": 100})
    async with serving(patient) as port, client_of(port) as alice:
        job_ids = [await submit(alice) for _ in range(50)]
        await worker.begin()
        waiting = [asyncio.create_task(ask(port, f"/v1/jobs/{job_ids[n % 50]}?wait=100")) for n in range(1000)]
        await eventually(lambda: watched(redis), lambda seen: seen >= 50)
        await eventually(requests_under_way, 1000, seconds=60)
        clients = await redis.client_list()
        subscribed = [client for client in clients if int(client["sub"]) > 0]
        assert len(subscribed) == 1
        assert len(clients) <= settings.redis_max_connections + 1  # and this test's own
        # Twenty wake at once: on a busy machine a thousand would outwait the pool.
        for n, job_id in enumerate(job_ids):
            await worker.end(job_id)
            answers = await asyncio.gather(*waiting[n::50])
            assert [answer for answer in answers if b'"state":"succeeded"' not in answer] == []
        assert await watched(redis) == 0
