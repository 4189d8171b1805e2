"""/v1/workers: who works, and at what."""

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import WORKER_MS
from tasks.queue.watch.workers import RunningJob
from tasks.settings import Settings
from tests.support.api.beats import beat


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


async def test_there_is_none_at_first(alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/v1/workers")).json() == {"workers": []}


async def test_each_tells_what_it_does_and_whether_it_lives(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    await beat(redis, queues=("media",), doing=(RunningJob("ab" * 16, "thumbnail", "media", 2, 1_800_000_000_000),))
    await beat(redis, "two", queues=("media",), ago_ms=WORKER_MS + 1000, sandbox_lacks=("landlock",))
    workers = {worker["host"]: worker for worker in (await alice.get("/v1/workers")).json()["workers"]}
    one, two = workers["one"], workers["two"]
    assert (one["alive"], two["alive"]) == (True, False)
    assert (one["sandbox_lacks"], two["sandbox_lacks"]) == ([], ["landlock"])
    assert {name: one[name] for name in ("pid", "version", "queues", "running", "rss_mb", "pss_mb", "loop_lag_ms")} == {
        "pid": 7,
        "version": "0.1.0",
        "queues": ["media"],
        "running": 1,
        "rss_mb": 91.5,
        "pss_mb": 60.25,
        "loop_lag_ms": 3.5,
    }
    assert one["doing"] == [
        {"job": "ab" * 16, "kind": "thumbnail", "queue": "media", "attempt": 2, "since": "2027-01-15T08:00:00Z"}
    ]
    queue = (await alice.get("/v1/queues/media")).json()
    assert queue["workers"] == 1, "the dead one serves nothing"
