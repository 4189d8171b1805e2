"""The storage goes away and comes back: no accepted job is lost, and none uses up a try."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.blob_ref import BlobRef
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import Record, State
from tasks.queue.watch.workers import read_workers
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tests.support.engine_running import JobClient
from tests.support.eventually import eventually
from tests.support.pictures import encoded, scene
from tests.support.processes import worker_process
from tests.support.servers import MotoServer, RcloneServer
from tools.servers import Valkey

PICTURES = 2
SHORT_PAUSES = {"STORAGE_FIRST_PAUSE_S": "0.1", "STORAGE_MAX_PAUSE_S": "0.4"}


@dataclass
class Bucket:
    """A bucket on a server that can be killed, and the environment of those who use it."""

    server: RcloneServer
    environment: dict[str, str]
    job_client: JobClient

    async def put(self, number: int) -> BlobRef:
        """Store a picture."""
        settings = Settings(
            _env_file=None,
            storage_url=self.environment["STORAGE_URL"],
            storage_endpoint=self.environment["STORAGE_ENDPOINT"],
        )

        async def body() -> AsyncIterator[bytes]:
            yield encoded(scene(64 + number, 48), "PNG")

        return await open_storage(settings).put(body(), max_bytes=1 << 20)

    async def submit(self, number: int) -> str:
        """Store a picture, and submit a thumbnail of it."""
        blob = await self.put(number)
        params = {
            "upload": {"sha256": blob.sha256, "bytes": blob.bytes},
            "variants": [{"name": "small", "width": 16, "height": 16}],
        }
        submission = Submission(
            kind="thumbnail", queue="media", owner="dev", params=json.dumps(params), blobs=(blob.sha256,)
        )
        return (await self.job_client.enqueuer.enqueue(submission)).job_id


@pytest.fixture
def bucket(job_client: JobClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with RcloneServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        place = {"STORAGE_URL": f"s3://{server.bucket}/away", "STORAGE_ENDPOINT": server.url}
        yield Bucket(server, {**place, **SHORT_PAUSES}, job_client)


async def postponed(job_client: JobClient, job_id: str, times: int) -> Record:
    """The record, once the job has been postponed so often."""
    async with asyncio.timeout(60):
        while True:
            record = await job_client.read(job_id)
            if record.attempts and record.attempts[-1].get("times", 0) >= times:
                return record
            await asyncio.sleep(0.05)


def lines_of(log: Path, event: str) -> list[str]:
    return [line for line in log.read_text().splitlines() if event in line]


async def test_jobs_wait_for_the_storage_and_use_up_no_try(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, bucket: Bucket, tmp_path: Path
) -> None:
    ids = [await bucket.submit(number) for number in range(PICTURES)]
    bucket.server.kill()
    log = tmp_path / "worker.log"
    async with worker_process(
        mortal_redis, mortal_valkey.url, environment=bucket.environment, lines=log, media=2, default=1
    ):
        for job_id in ids:
            record = await postponed(job_client, job_id, times=3)
            assert record.tries == 0
            (attempt,) = record.attempts
            assert attempt["error"]["code"] == "storage_unavailable"
            assert attempt["started_at"] < attempt["ended_at"]
        assert len(lines_of(log, "storage.away")) == 1
        await eventually(lambda: read_workers(mortal_redis), lambda seen: seen.without_storage)
        bucket.server.start()
        for job_id in ids:
            record = await job_client.ended(job_id)
            assert (record.state, record.tries) == (State.SUCCEEDED, 0)
            assert [one["outcome"] for one in record.attempts] == ["postponed", "succeeded"]
        assert len(lines_of(log, "storage.back")) == 1
        await eventually(lambda: read_workers(mortal_redis), lambda seen: not seen.without_storage)


async def test_a_job_fails_when_its_patience_is_over_and_can_be_retried(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, bucket: Bucket, settings: Settings
) -> None:
    job_id = await bucket.submit(1)
    bucket.server.kill()
    environment = {**bucket.environment, "STORAGE_PATIENCE_S": "2"}
    async with worker_process(mortal_redis, mortal_valkey.url, environment=environment, media=1):
        record = await job_client.ended(job_id)
        assert record.error is not None
        assert (record.state, record.error["code"]) == (State.FAILED, "storage_unavailable")
        assert "STORAGE_PATIENCE_S" in record.error["message"]
        assert len(record.attempts) == 1

        bucket.server.start()
        await JobStore(mortal_redis, settings).reopen([job_id])
        assert (await job_client.ended(job_id)).state is State.SUCCEEDED


async def test_a_bucket_that_is_gone_is_no_reason_to_expire_a_job(
    mortal_redis: ArqRedis,
    mortal_valkey: Valkey,
    job_client: JobClient,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with MotoServer() as server:
        monkeypatch.setitem(bucket.environment, "STORAGE_ENDPOINT", server.url)
        job_id = await bucket.submit(1)
        server.kill()
        server.start()  # it keeps everything in memory: the bucket is gone
        async with worker_process(mortal_redis, mortal_valkey.url, environment=bucket.environment, media=1):
            record = await postponed(job_client, job_id, times=2)
            assert "bucket does not exist" in record.attempts[0]["error"]["message"]
            server.make_bucket()
            await bucket.put(1)
            assert (await job_client.ended(job_id)).state is State.SUCCEEDED


@pytest.mark.long
@pytest.mark.seconds(900)
async def test_five_minutes_without_the_storage(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, bucket: Bucket, seeded: random.Random
) -> None:
    environment = {name: value for name, value in bucket.environment.items() if name not in SHORT_PAUSES}
    ids = [await bucket.submit(number) for number in range(40)]
    async with worker_process(mortal_redis, mortal_valkey.url, environment=environment, media=4):
        await asyncio.sleep(seeded.random())  # some have ended, some are under way
        bucket.server.kill()
        await asyncio.sleep(300)
        bucket.server.start()
        for job_id in ids:
            record = await job_client.ended(job_id, seconds=300)
            assert (record.state, record.tries) == (State.SUCCEEDED, 0)
            assert len(record.attempts) <= 2
