"""A full Redis, seen by clients and operators: a code of its own, and everything that makes room works."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis
from pydantic import SecretStr

from tasks.catalogue import KINDS
from tasks.queue.connect import close, connect
from tasks.queue.installation import note_storage_owner
from tasks.settings import Settings
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.engine_running import working
from tests.support.eventually import eventually
from tests.support.queue.full_redis import fill, relieve
from tools.servers import Valkey

ENDPOINT = {"url": "http://127.0.0.1:8081/", "events": ["*"]}
EVENT = {"type": "order.paid", "data": {}}
SCHEDULE = {"cron": "0 7 * * *", "timezone": "UTC", "job": {"kind": "event", **EVENT}}
LOOK_S = 0.03
BEYOND = 150
"""Percent: Redis itself refuses."""


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.queue.memory.LOOK_S", LOOK_S)


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    """A server whose limit concerns nobody else."""
    with Valkey() as server:
        yield server


@pytest.fixture
def settings(settings: Settings, valkey: Valkey) -> Settings:
    return settings.model_copy(update={"redis_url": SecretStr(valkey.url), "admins": ("alice",), "readiness_kept_s": 0})


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[ArqRedis]:
    client = connect(valkey.url)
    await relieve(client)
    await client.flushall()
    yield client
    await relieve(client)
    await close(client)


def submits(upload: str) -> dict[str, dict[str, Any]]:
    """A request for each thing that is added."""
    return {
        "/v1/images": {"content": PNG},
        "/v1/uploads": {"content": b"bytes"},
        "/v1/reports": {"json": {"document": {"title": "T"}, "blocks": [{"type": "heading", "text": "H"}]}},
        "/v1/events": {"json": EVENT},
        "/v1/endpoints": {"json": ENDPOINT},
        "/v1/schedules": {"json": SCHEDULE},
        "/v1/batches": {"json": {}},
        "/v1/images?name=again": {"json": {"upload": upload}},
    }


async def readiness(client: httpx.AsyncClient, name: str = "redis") -> tuple[int, str, str]:
    answer = await client.get("/readyz")
    [check] = [check for check in answer.json()["checks"] if check["name"] == name]
    return answer.status_code, check["status"], check["detail"]


@pytest.mark.parametrize("percent", [90, BEYOND])
async def test_all_that_adds_is_refused_and_accepted_again(
    alice: httpx.AsyncClient, redis: ArqRedis, percent: float
) -> None:
    upload = (await alice.post("/v1/uploads", content=PNG)).json()["id"]
    await fill(redis, percent)
    await eventually(lambda: alice.post("/v1/batches", json={}), lambda seen: seen.status_code == 507)
    before = await redis.dbsize()
    for path, request in submits(upload).items():
        answer = await alice.post(path, **request)
        assert (answer.status_code, answer.json()["code"]) == (507, "redis_full"), (path, answer.text)
        assert int(answer.headers["Retry-After"]) > 0
    assert await redis.dbsize() == before
    status, check, detail = await readiness(alice)
    assert (status, check) == (200, "warning")
    assert "It is full" in detail
    metrics = (await alice.get("/metrics")).text
    assert "pressroom_redis_full 1.0" in metrics
    assert "pressroom_redis_memory_bytes" in metrics
    await relieve(redis)
    await eventually(lambda: alice.post("/v1/batches", json={}), lambda seen: seen.status_code != 507)
    for path, request in submits(upload).items():
        assert (await alice.post(path, **request)).status_code in {201, 202}, path
    assert (await readiness(alice))[1] == "ok"


async def test_what_makes_room_works_to_the_last_byte(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    ids = [(await alice.post("/v1/events", json=EVENT)).json()["id"] for _ in range(6)]
    upload = (await alice.post("/v1/uploads", content=b"bytes")).json()["id"]
    endpoint = (await alice.post("/v1/endpoints", json=ENDPOINT)).json()["id"]
    await fill(redis, BEYOND)
    await eventually(lambda: alice.post("/v1/batches", json={}), lambda seen: seen.status_code == 507)
    assert (await alice.post("/v1/queues/media/pause")).json()["paused"] is True
    assert (await alice.post("/v1/queues/media/resume")).json()["paused"] is False
    for job_id in ids[:2]:
        assert (await alice.post(f"/v1/jobs/{job_id}/cancellation")).json()["state"] == "cancelled"
    assert (await alice.delete(f"/v1/jobs/{ids[0]}")).status_code == 204
    assert (await alice.delete(f"/v1/uploads/{upload}")).status_code == 204
    assert (await alice.patch(f"/v1/endpoints/{endpoint}", json={"enabled": False})).status_code == 200
    assert (await alice.get("/v1/jobs", params={"limit": 2})).status_code == 200
    # What a disabled endpoint misses is kept, and waits for room.
    assert (await alice.delete(f"/v1/endpoints/{endpoint}")).status_code == 204
    async with working(redis, settings, kinds=KINDS):
        for path, wanted in (("cancellation", {"state": "queued"}), ("deletion", {"all": True})):
            answer = await alice.post(f"/v1/jobs/{path}", json=wanted)
            assert answer.status_code == 202, answer.text
            job = (await alice.get(answer.headers["Location"], params={"wait": 20})).json()
            assert job["state"] == "succeeded"
    assert (await alice.get(f"/v1/jobs/{ids[-1]}")).status_code == 404


async def test_a_user_who_may_not_ask_is_told(
    redis: ArqRedis, settings: Settings, valkey: Valkey, tmp_path: Path
) -> None:
    await redis.acl_setuser(
        "limited", enabled=True, passwords=["+secret"], keys=["*"], channels=["*"], commands=["+@all", "-info"]
    )
    url = SecretStr(valkey.url.replace("//", "//limited:secret@"))
    async with serving(settings.model_copy(update={"redis_url": url})) as port, client_of(port) as alice:
        status, _, detail = await readiness(alice)
        assert status == 200
        assert "+info" in detail
        assert "pressroom_redis_memory_bytes{" not in (await alice.get("/metrics")).text
    await redis.acl_deluser("limited")


async def test_a_foreign_storage_is_told(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    await note_storage_owner(redis, "a" * 32)
    status, check, detail = await readiness(alice, "storage")
    assert (status, check) == (200, "warning")
    assert "python -m worker adopt" in detail
    await note_storage_owner(redis, None)
    assert (await readiness(alice, "storage"))[1] == "ok"
