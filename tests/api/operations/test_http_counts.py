"""Requests are counted by the templates of their routes, by all processes together."""

import time
from collections import Counter

import pytest
from arq.connections import ArqRedis
from redis.exceptions import ConnectionError  # noqa: A004 - Redis' own

from api.operations import http_counts
from api.operations.http_counts import HttpCounts
from api.operations.prometheus import collect
from tasks.catalogue import KINDS
from tasks.queue.connect import close, connect
from tasks.queue.redis_keys import COUNTS
from tasks.queue.script import Script
from tasks.settings import Settings
from tests.support.api.serving import client_of, serving
from tests.support.eventually import eventually
from tools.servers import free_port


async def requests(redis: ArqRedis) -> dict[str, float]:
    found = {metric.name: metric for metric in await collect(redis, Settings(_env_file=None))}
    samples = found["pressroom_http_requests_total"].samples
    return {" ".join(value for _, value in labels): count for _, labels, count in samples}


async def test_two_processes_add_up(redis: ArqRedis) -> None:
    for _ in range(2):
        counts = HttpCounts(redis)
        counts.count("GET", "/v1/jobs/{job_id}", 200, 0.003)
        counts.count("GET", "/v1/jobs/{job_id}", 404, 7)
        await counts.flush()
        await counts.flush()
    assert await requests(redis) == {"GET /v1/jobs/{job_id} 2xx": 2, "GET /v1/jobs/{job_id} 4xx": 2}
    metrics = {metric.name: metric for metric in await collect(redis, Settings(_env_file=None))}
    samples = metrics["pressroom_http_request_seconds"].samples
    four = {dict(labels).get("le", suffix): value for suffix, labels, value in samples if ("status", "4xx") in labels}
    assert four["5"] == 0
    assert four["10"] == four["+Inf"] == four["_count"] == 2
    assert four["_sum"] == 14


async def test_what_a_client_invents_makes_no_new_series(redis: ArqRedis) -> None:
    counts = HttpCounts(redis)
    for number in range(50):
        counts.count(f"GET{number}", None, 405, 0.001)
    counts.count("GET", None, None, 0.001)
    await counts.flush()
    assert await requests(redis) == {"other other 4xx": 50, "GET other gone": 1}


async def test_what_redis_does_not_take_is_kept(redis: ArqRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = connect(f"redis://127.0.0.1:{free_port()}/0")
    counts = HttpCounts(nowhere)
    counts.count("GET", "/livez", 200, 0.001)
    with pytest.raises(ConnectionError):
        await counts.flush()
    await close(nowhere)
    counts.count("GET", "/livez", 200, 0.001)
    monkeypatch.setattr(counts, "_add", Script(redis, "upkeep/count"))
    await counts.flush()
    assert await requests(redis) == {"GET /livez 2xx": 2}


async def test_a_service_counts_what_it_answers_and_what_nobody_routes(
    settings: Settings, redis: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_counts, "FLUSH_S", 0.05)
    async with serving(settings) as port, client_of(port) as client:
        for path in ("/livez", "/v1/jobs/0123", "/v1/jobs/4567", "/no/such/path", "/v1/none?secret=1"):
            await client.get(path)
        await eventually(lambda: requests(redis), lambda found: sum(found.values()) >= 5)
    found = await requests(redis)
    assert found["GET /livez 2xx"] == 1
    assert found["GET /v1/jobs/{job_id} 4xx"] == 2
    assert found["GET other 4xx"] == 2
    assert "secret" not in str(await redis.hkeys(COUNTS))


async def test_a_process_that_stops_adds_what_it_has(settings: Settings, redis: ArqRedis) -> None:
    async with serving(settings) as port, client_of(port) as client:
        await client.get("/livez")
    assert await requests(redis) == {"GET /livez 2xx": 1}


async def test_counting_costs_a_request_little(redis: ArqRedis) -> None:
    """Some 2 µs; the bound is for a machine that is busy with other tests."""
    counts = HttpCounts(redis)
    began = time.process_time()
    for number in range(20_000):
        counts.count("GET", "/v1/jobs/{job_id}", 200, number / 100_000)
    assert (time.process_time() - began) / 20_000 < 50e-6
    assert isinstance(counts._buckets, Counter)  # noqa: SLF001 - and nothing was sent


async def test_counters_exist_before_anything_is_counted(settings: Settings, redis: ArqRedis) -> None:
    metrics = {metric.name: metric for metric in await collect(redis, settings, ["thumbnail", "delivery"])}
    for name in ("jobs_ended_total", "attempts_total", "errors_total", "stored_bytes_total", "shared_results_total"):
        values = [(dict(labels)["kind"], value) for _, labels, value in metrics[f"pressroom_{name}"].samples]
        assert {kind for kind, _ in values} == {"thumbnail", "delivery"}, name
        assert {value for _, value in values} == {0}
    assert ("", (("outcome", "delivered"),), 0) in metrics["pressroom_delivery_attempts_total"].samples
    [connections] = metrics["pressroom_redis_connections"].samples
    assert connections[2] >= 1
    [allowed] = metrics["pressroom_redis_maxclients"].samples
    assert allowed[2] > connections[2]


async def test_the_build_is_told(redis: ArqRedis, settings: Settings) -> None:
    metrics = {metric.name: metric for metric in await collect(redis, settings.model_copy(update={"commit": "abc123"}))}
    [(_, labels, value)] = metrics["pressroom_build_info"].samples
    assert (dict(labels)["commit"], value) == ("abc123", 1)
    assert dict(labels)["version"]


async def test_no_counter_of_a_new_service_is_empty(redis: ArqRedis, settings: Settings) -> None:
    """But for that of requests, which has the first that scrapes it."""
    metrics = await collect(redis, settings, KINDS)
    empty = [metric.name for metric in metrics if metric.type == "counter" and not metric.samples]
    assert empty == ["pressroom_http_requests_total"]
