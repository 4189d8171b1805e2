"""With HISTORY=storage, a job is answered by id after its record has left Redis."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.history.archive import FOLDER
from tasks.kind import OutputFile, Result
from tasks.queue.redis_keys import HISTORY, JOB
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.event_source import listening, until_end
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.api.subscribers import delivering, listed, publish, subscribe
from tests.support.queue.history import archived_text, let_expire, move, tidy
from tests.support.receivers import Receiver

FILE = OutputFile("small.jpg", "ab" * 32, "image/jpeg", 1234, {"width": 256, "height": 171})


@pytest.fixture
def off(settings: Settings) -> Settings:
    return settings


@pytest.fixture
async def port(settings: Settings, redis: ArqRedis) -> AsyncIterator[int]:
    async with serving(settings.model_copy(update={"history": "storage", "admins": ("carol",)})) as port:
        yield port


async def ended(client: httpx.AsyncClient, worker: ManualWorker, verb: str = "succeeded") -> str:
    job_id: str = (await client.post("/v1/images", content=PNG, params={"name": "xyzzy"})).json()["id"]
    if verb == "succeeded":
        await worker.end(job_id, result=Result({"picture": {"width": 2725}}, (FILE,)))
    else:
        await worker.end(job_id, "failed", error=("truncated", "The file ends before the picture does."))
    return job_id


async def moved(redis: ArqRedis, storage: Storage, *ids: str) -> None:
    await let_expire(redis, ids)
    assert await move(redis, storage, ids) == len(ids)
    assert await redis.exists(*(JOB + job_id for job_id in ids)) == 0


async def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_the_same_job_before_and_after(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker
) -> None:
    job_id = await ended(alice, worker)
    fresh = (await alice.get(f"/v1/jobs/{job_id}")).json()
    await let_expire(redis, [job_id])
    waiting = await alice.get(f"/v1/jobs/{job_id}")
    assert waiting.status_code == 200, "its time is over, and it waits to be moved"
    assert (await alice.get("/v1/jobs")).json()["jobs"] == []
    await moved(redis, storage, job_id)
    after = await alice.get(f"/v1/jobs/{job_id}", params={"wait": 1})
    assert after.status_code == 200
    assert fresh | {"expires_at": after.json()["expires_at"]} == after.json()
    assert (await alice.get("/v1/jobs")).json()["jobs"] == []
    async with listening(alice, job_id) as events:
        snapshot, end = await until_end(events)
    assert snapshot.data == end.data == after.json()
    again = await alice.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": end.id or ""})
    assert again.status_code == 204
    assert await code_of(await bob.get(f"/v1/jobs/{job_id}")) == (404, "not_found")
    assert await code_of(await bob.delete(f"/v1/jobs/{job_id}")) == (404, "not_found")
    assert (await alice.get(f"/v1/jobs/{job_id}")).status_code == 200


async def test_what_is_gone_with_its_time_says_so(
    alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker
) -> None:
    done, failed = await ended(alice, worker), await ended(alice, worker, "failed")
    counted = (await alice.get("/v1/failures")).json()["groups"]
    assert [(group["code"], group["count"]) for group in counted] == [("truncated", 1)]
    await moved(redis, storage, done, failed)
    assert (await alice.get("/v1/failures")).json()["groups"] == [], "it counts what lists show"
    assert (await alice.get(f"/v1/jobs/{failed}")).json()["error"]["code"] == "truncated"
    assert "retry" not in (await alice.get(f"/v1/jobs/{failed}")).json()["links"]
    assert await code_of(await alice.get(f"/v1/jobs/{done}/files/small.jpg")) == (410, "expired")
    assert await code_of(await alice.post(f"/v1/jobs/{failed}/retry")) == (410, "expired")
    for job_id in (done, failed):
        assert await code_of(await alice.post(f"/v1/jobs/{job_id}/cancellation")) == (409, "already_ended")


async def test_deletion(alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker) -> None:
    first, second = await ended(alice, worker), await ended(alice, worker)
    await moved(redis, storage, first, second)
    assert (await alice.delete(f"/v1/jobs/{first}")).status_code == 204
    assert await code_of(await alice.get(f"/v1/jobs/{first}")) == (404, "not_found")
    assert await code_of(await alice.delete(f"/v1/jobs/{first}")) == (404, "not_found")
    assert await tidy(redis, storage) == 1
    assert (await alice.get(f"/v1/jobs/{second}")).status_code == 200
    assert (await alice.delete(f"/v1/jobs/{second}")).status_code == 204
    await tidy(redis, storage)
    assert await storage.object_names(FOLDER) == []


async def test_deletion_of_one_whose_id_an_arq_client_has_used_again(
    alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker
) -> None:
    job_id = await ended(alice, worker)
    record = await redis.dump(JOB + job_id)
    await moved(redis, storage, job_id)
    await redis.restore(JOB + job_id, 60_000, record)
    assert (await alice.delete(f"/v1/jobs/{job_id}")).status_code == 204
    assert await code_of(await alice.get(f"/v1/jobs/{job_id}")) == (404, "not_found")


async def test_one_that_waits_to_be_moved_is_deleted_from_redis(
    alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker
) -> None:
    job_id = await ended(alice, worker)
    await let_expire(redis, [job_id])
    assert (await alice.delete(f"/v1/jobs/{job_id}")).status_code == 204
    assert await move(redis, storage, [job_id]) == 0
    assert await code_of(await alice.get(f"/v1/jobs/{job_id}")) == (404, "not_found")


async def test_another_process_finds_it_after_a_restart(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, storage: Storage, worker: ManualWorker
) -> None:
    job_id = await ended(alice, worker)
    await moved(redis, storage, job_id)
    before = (await alice.get(f"/v1/jobs/{job_id}")).json()
    restarted = settings.model_copy(update={"history": "storage", "public_url": str(alice.base_url).rstrip("/")})
    async with serving(restarted) as port, client_of(port) as client:
        assert (await client.get(f"/v1/jobs/{job_id}")).json() == before


async def test_while_the_storage_is_away_it_says_so(
    alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker, tmp_path: Path
) -> None:
    job_id = await ended(alice, worker)
    await moved(redis, storage, job_id)
    folder = tmp_path / "storage" / FOLDER
    folder.rename(tmp_path / "elsewhere")
    folder.write_text("a file where the folder should be")
    away = await alice.get(f"/v1/jobs/{job_id}")
    assert await code_of(away) == (503, "unavailable")
    assert "Retry-After" in away.headers
    assert await code_of(await alice.delete(f"/v1/jobs/{job_id}")) == (503, "unavailable")
    assert await code_of(await alice.get(f"/v1/jobs/{'0' * 32}")) == (404, "not_found")
    folder.unlink()
    (tmp_path / "elsewhere").rename(folder)
    assert (await alice.get(f"/v1/jobs/{job_id}")).status_code == 200


async def test_off_nothing_changes(redis: ArqRedis, off: Settings, storage: Storage, worker: ManualWorker) -> None:
    async with serving(off) as port, client_of(port) as client:
        job_id = await ended(client, worker)
        await let_expire(redis, [job_id])
        assert await code_of(await client.get(f"/v1/jobs/{job_id}")) == (410, "expired")
        assert await code_of(await client.delete(f"/v1/jobs/{job_id}")) == (410, "expired")
        assert await redis.keys(f"{HISTORY}*") == []
        await move(redis, storage, [job_id])
        assert await code_of(await client.get(f"/v1/jobs/{job_id}")) == (404, "not_found")


async def test_deliveries_and_their_event_move_too(
    alice: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    redis: ArqRedis,
    settings: Settings,
    storage: Storage,
    receiver: Receiver,
) -> None:
    await subscribe(alice, receiver.at("/fast"))
    async with delivering(redis, settings):
        event = await publish(alice)
        [delivery] = await listed(alice, 1, state="succeeded")
    fresh = (await alice.get(f"/v1/jobs/{event}")).json()
    await moved(redis, storage, delivery["id"], event)
    after = (await alice.get(f"/v1/deliveries/{delivery['id']}")).json()
    assert after == delivery | {name: after[name] for name in ("expires_at",) if name in after}
    assert await code_of(await bob.get(f"/v1/deliveries/{delivery['id']}")) == (404, "not_found")
    assert await code_of(await alice.post(f"/v1/deliveries/{delivery['id']}/redelivery")) == (410, "expired")
    shown = (await alice.get(f"/v1/jobs/{event}")).json()
    assert shown == fresh | {"expires_at": shown["expires_at"]}
    assert shown["deliveries"] == {"succeeded": 1}


async def test_a_batch_moves_too(
    alice: httpx.AsyncClient, redis: ArqRedis, storage: Storage, worker: ManualWorker
) -> None:
    files = [("file", (f"{n}.png", PNG + bytes([n]), "image/png")) for n in range(2)]
    batch = (await alice.post("/v1/images", files=files)).json()
    ids = [job["id"] for job in batch["jobs"]]
    for job_id in ids:
        await worker.end(job_id)
    fresh = (await alice.get(f"/v1/jobs/{batch['batch']}")).json()
    assert fresh["state"] == "succeeded"
    await moved(redis, storage, *ids, batch["batch"])
    shown = (await alice.get(f"/v1/jobs/{batch['batch']}")).json()
    assert shown == fresh | {"expires_at": shown["expires_at"]}
    assert shown["jobs"] == {"succeeded": 2}
    assert batch["batch"] in await archived_text(storage)
