"""GET /v1/jobs/{id}/events: the snapshot, every change, the end; silence, and coming back."""

import asyncio
from collections.abc import AsyncIterator

import httpx
from arq.connections import ArqRedis

from tasks.kind import Result
from tasks.queue.redis_keys import CHANGES, JOB
from tasks.queue.script import Script
from tasks.settings import Settings
from tests.support.api.event_source import Event, listening, until_end
from tests.support.api.manual_worker import WORKER, ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving
from tests.support.eventually import eventually


async def submit(client: httpx.AsyncClient) -> str:
    job_id: str = (await client.post("/v1/images", content=PNG)).json()["id"]
    return job_id


async def following(events: AsyncIterator[Event]) -> Event:
    async with asyncio.timeout(5):
        return await anext(events)


async def progress(redis: ArqRedis, job_id: str, said: str, attempt: int = 1) -> None:
    payload = {"id": job_id, "worker": WORKER, "attempt": attempt, "progress": said}
    assert await Script(redis, "run/progress")(payload)


async def test_a_job_is_told_from_its_snapshot_to_its_end(
    alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    job_id = await submit(alice)
    async with listening(alice, job_id) as events:
        first = await following(events)
        seen = (await alice.get(f"/v1/jobs/{job_id}")).json()
        assert seen.pop("waiting_for") == [{"reason": "no_worker"}]
        assert (first.name, first.data) == ("snapshot", seen)
        await worker.begin()
        assert (await following(events))[:2] == ("state", {"state": "running", "attempt": 1})
        await progress(redis, job_id, '{"done": 2, "total": 4, "note": "medium"}')
        assert (await following(events))[:2] == ("progress", {"done": 2, "total": 4, "note": "medium"})
        await worker.end(job_id, result=Result({"picture": {"width": 1}}))
        end = await following(events)
        assert (end.name, end.data) == ("end", (await alice.get(f"/v1/jobs/{job_id}")).json())
        assert await until_end(events) == [], "the stream ends with the job"


async def test_a_failed_try_is_told_with_the_time_of_the_next(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    job_id = await submit(alice)
    await worker.begin()
    async with listening(alice, job_id) as events:
        await following(events)
        await worker.end(job_id, "retrying", error=("failed", "It stumbled."))
        name, change, _ = await following(events)
        assert (name, change["state"], change["attempt"]) == ("state", "retrying", 1)
        assert change["due_at"] == (await alice.get(f"/v1/jobs/{job_id}")).json()["due_at"]


async def test_of_a_job_that_has_ended_snapshot_and_end_are_told(
    alice: httpx.AsyncClient, worker: ManualWorker
) -> None:
    job_id = await submit(alice)
    await worker.end(job_id, "failed", error=("truncated", "It ends early."))
    async with listening(alice, job_id) as events:
        told = await until_end(events)
    assert [event.name for event in told] == ["snapshot", "end"]
    assert told[0].data == told[1].data
    assert told[0].data["error"]["code"] == "truncated"


class TestComingBack:
    async def test_who_knows_how_it_stands_is_told_of_changes_only(
        self, alice: httpx.AsyncClient, worker: ManualWorker
    ) -> None:
        job_id = await submit(alice)
        async with listening(alice, job_id) as events:
            known = (await following(events)).id or ""
        async with listening(alice, job_id, **{"Last-Event-ID": known}) as events:
            await asyncio.sleep(0.05)
            await worker.begin()
            assert (await following(events)).name == "state"

    async def test_who_missed_something_is_told_how_it_stands_now(
        self, alice: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
    ) -> None:
        job_id = await submit(alice)
        async with listening(alice, job_id) as events:
            known = (await following(events)).id or ""
        await worker.begin()
        await progress(redis, job_id, '{"done": 3, "total": 4, "note": ""}')
        async with listening(alice, job_id, **{"Last-Event-ID": known}) as events:
            name, job, _ = await following(events)
            assert (name, job["state"], job["progress"]["done"]) == ("snapshot", "running", 3)

    async def test_who_was_told_half_of_a_change_is_told_all(
        self, alice: httpx.AsyncClient, worker: ManualWorker
    ) -> None:
        job_id = await submit(alice)
        await worker.end(job_id)
        async with listening(alice, job_id) as events:
            snapshot, end = await until_end(events)
        assert snapshot.id != end.id
        async with listening(alice, job_id, **{"Last-Event-ID": snapshot.id or ""}) as events:
            assert [event.name for event in await until_end(events)] == ["snapshot", "end"]

    async def test_who_was_told_of_the_end_need_not_come_back(
        self, alice: httpx.AsyncClient, worker: ManualWorker
    ) -> None:
        """Browsers take 204 for that; any other end of the stream makes them try again."""
        job_id = await submit(alice)
        await worker.end(job_id)
        async with listening(alice, job_id) as events:
            end = (await until_end(events))[-1]
        answer = await alice.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": end.id or ""})
        assert (answer.status_code, answer.content) == (204, b"")

    async def test_an_id_that_is_none_of_ours_is_no_matter(self, alice: httpx.AsyncClient) -> None:
        job_id = await submit(alice)
        async with listening(alice, job_id, **{"Last-Event-ID": "42"}) as events:
            assert (await following(events)).name == "snapshot"


async def test_silence_is_broken_by_comments(settings: Settings, redis: ArqRedis) -> None:
    async with serving(settings.model_copy(update={"events_heartbeat_s": 0.05})) as port, client_of(port) as alice:
        job_id = await submit(alice)
        async with listening(alice, job_id) as events:
            assert (await following(events)).name == "snapshot"
            assert [await following(events) for _ in range(3)] == [Event("", None, None)] * 3


async def test_a_batch_tells_how_far_its_jobs_are(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    files = [("file", (f"{n}.png", PNG + bytes([n]))) for n in range(2)]
    answer = (await alice.post("/v1/images", files=files)).json()
    ids = [job["id"] for job in answer["jobs"]]
    async with listening(alice, answer["batch"]) as events:
        assert (await following(events)).data["jobs"] == {"queued": 2}
        await worker.begin()
        while (event := await following(events)).data != {"running": 2}:
            assert event.name == "jobs"
        for job_id in ids:
            await worker.end(job_id)
        told = await until_end(events)
    assert told[-1].name == "end"
    assert (told[-1].data["state"], told[-1].data["jobs"]) == ("succeeded", {"succeeded": 2})


async def test_what_is_unknown_anothers_or_expired_is_told_as_elsewhere(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, worker: ManualWorker
) -> None:
    job_id = await submit(alice)
    await worker.end(job_id)
    await redis.hset(JOB + job_id, "expires_at", 1)
    for client, one, status in ((alice, "0" * 32, 404), (bob, job_id, 404), (alice, job_id, 410)):
        assert (await client.get(f"/v1/jobs/{one}/events")).status_code == status


async def test_who_leaves_is_forgotten(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    job_id = await submit(alice)
    channel = CHANGES + job_id
    async with listening(alice, job_id) as events:
        await following(events)
        assert (await redis.pubsub_numsub(channel))[0][1] == 1
    await eventually(lambda: redis.pubsub_numsub(channel), lambda seen: not seen[0][1])
