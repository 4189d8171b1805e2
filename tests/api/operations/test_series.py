"""/v1/metrics/series: the past of the service's numbers, for admins."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.clock import of_redis, to_ms
from tasks.kind import Result
from tasks.queue.redis_keys import QUEUES
from tasks.queue.series.depth import QueueDepth
from tasks.queue.series.rings import MINUTE_MS, sample
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving

PATH = "/v1/metrics/series"


@pytest.fixture
async def port(settings: Settings, redis: ArqRedis) -> AsyncIterator[int]:
    async with serving(settings.model_copy(update={"admins": ("alice",)})) as port:
        yield port


class Sampler:
    """Samples as if it were some minutes ago. now_ms: when the test began, for a minute may end while it runs."""

    def __init__(self, redis: ArqRedis, now_ms: int) -> None:
        self._redis = redis
        self.now_ms = now_ms

    async def sample(self, *back: int) -> None:
        for minutes in back:
            assert await sample(self._redis, self.now_ms - minutes * MINUTE_MS)

    def last(self, found: dict[str, Any], numbers: list[Any]) -> list[Any]:
        """The entries of the three minutes before the one in which the test began."""
        start_ms = to_ms(datetime.fromisoformat(found["start"]))
        ended = (self.now_ms - start_ms) // MINUTE_MS
        return numbers[ended - 3 : ended]


@pytest.fixture
async def sampler(redis: ArqRedis) -> Sampler:
    return Sampler(redis, of_redis(await redis.time()))


async def series(client: httpx.AsyncClient, **params: str) -> dict[str, Any]:
    answer = await client.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def submit(client: httpx.AsyncClient) -> str:
    job_id: str = (await client.post("/v1/images", content=PNG)).json()["id"]
    return job_id


async def test_it_is_for_admins(alice: httpx.AsyncClient, bob: httpx.AsyncClient, port: int) -> None:
    refused = await bob.get(PATH)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await alice.get(PATH)).status_code == 200
    async with client_of(port, None) as unknown:
        assert (await unknown.get(PATH)).status_code == 401


@pytest.mark.parametrize(("name", "step_s", "steps"), [("hour", 60, 60), ("day", 900, 96), ("month", 3600, 744)])
async def test_a_service_that_was_never_sampled_has_gaps_only(
    alice: httpx.AsyncClient, name: str, step_s: int, steps: int
) -> None:
    found = await series(alice, range=name)
    assert (found["range"], found["step_s"]) == (name, step_s)
    gaps = [None] * steps
    assert found["covered_s"] == gaps
    assert found["ended"] == dict.fromkeys(("succeeded", "failed", "cancelled"), gaps)
    assert found["pickup_s"] == found["run_s"] == dict.fromkeys(("p50", "p95", "p99"), gaps)
    assert found["errors"] == {}


async def test_it_has_what_the_jobs_of_all_owners_did(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker, sampler: Sampler
) -> None:
    await sampler.sample(3)
    ids = [await submit(client) for client in (alice, bob, bob, bob)]
    for job_id in ids[:3]:
        await worker.end(job_id, result=Result({}))
    await worker.end(ids[3], "failed", error=("truncated", "The file ends early."))
    await sampler.sample(2, 1, 0)
    found = await series(alice)
    last = {state: sampler.last(found, numbers) for state, numbers in found["ended"].items()}
    assert last == {"succeeded": [3, 0, 0], "failed": [1, 0, 0], "cancelled": [0, 0, 0]}
    assert found["ended"]["failed"].count(None) == 57
    assert sampler.last(found, found["covered_s"]) == [60, 60, 60]
    errors = {code: sampler.last(found, numbers) for code, numbers in found["errors"].items()}
    assert errors == {"truncated": [1, 0, 0]}
    for name in ("pickup_s", "run_s"):
        in_all = found[name.replace("_s", "_in_all_s")]
        assert all(in_all[share] >= max(one or 0 for one in found[name][share]) for share in in_all), "an upper bound"
        assert sorted(in_all) == ["p50", "p95", "p99"]
        p50, p95, p99 = (sampler.last(found, found[name][share]) for share in ("p50", "p95", "p99"))
        assert p50[1:] == [None, None], "nothing was picked up or ran in those minutes"
        assert 0 < p50[0] <= p95[0] <= p99[0] < 60


@pytest.mark.parametrize(
    ("params", "ended"),
    [
        ({}, 1),
        ({"queue": "media"}, 1),
        ({"queue": "reports"}, 0),
        ({"kind": "thumbnail"}, 1),
        ({"kind": "delivery"}, 0),
        ({"kind": "never-heard-of"}, 0),
        ({"kind": "thumbnail", "queue": "media"}, 1),
        ({"kind": "thumbnail", "queue": "default"}, 0),
    ],
)
async def test_it_can_be_of_a_queue_or_a_kind(
    alice: httpx.AsyncClient, worker: ManualWorker, sampler: Sampler, params: dict[str, str], ended: int
) -> None:
    await sampler.sample(1)
    await worker.end(await submit(alice), "failed", error=("truncated", "The file ends early."))
    await sampler.sample(0)
    for name in ("hour", "day", "month"):
        found = await series(alice, **params, range=name)
        assert sum(number or 0 for number in found["ended"]["failed"]) == ended
        assert sum(number or 0 for number in found["errors"].get("truncated", [])) == ended
        assert (found["run_s"]["p50"].count(None) < len(found["run_s"]["p50"])) is bool(ended)
        assert sum(covered or 0 for covered in found["covered_s"]) == 60, "it was measured, though nothing ended"
    await worker.end(await submit(alice), "failed", error=("truncated", "The file ends early."))
    latest = (await series(alice, **params))["latest"]
    assert (latest["succeeded"], latest["failed"], latest["covered_s"] < 60) == (0, ended, True), "of this minute"


async def test_it_has_how_deep_and_old_each_queue_was(
    alice: httpx.AsyncClient, sampler: Sampler, redis: ArqRedis
) -> None:
    for minutes, depth in ((3, QueueDepth(12, 4_500)), (1, QueueDepth(0, 0))):
        await sample(redis, sampler.now_ms - minutes * MINUTE_MS, {"media": depth})
    found = await series(alice)
    assert sorted(found["queues"]) == sorted(QUEUES)
    media = found["queues"]["media"]
    assert (len(media["due"]), len(media["oldest_age_s"])) == (60, 60)
    assert [one for one in media["due"] if one is not None] == [12, 0], "the first sample has them too"
    assert [one for one in media["oldest_age_s"] if one is not None] == [4.5, 0]
    month = await series(alice, range="month", queue="media")
    assert list(month["queues"]) == ["media"]
    assert max(one or 0 for one in month["queues"]["media"]["due"]) == 12


@pytest.mark.parametrize("params", [{"range": "year"}, {"queue": "no queue"}, {"kind": ""}, {"step": "60"}])
async def test_a_wrong_parameter_is_refused(alice: httpx.AsyncClient, params: dict[str, str]) -> None:
    answer = await alice.get(PATH, params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert next(iter(params)) in answer.text
