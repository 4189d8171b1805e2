"""A worker is killed in the middle of a cleanup: the next one finishes it, and what is needed is there."""

import hashlib
import os
from pathlib import Path

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import State
from tasks.queue.redis_keys import SWEPT, arq_queue
from tests.support.engine_running import JobClient
from tests.support.eventually import eventually
from tests.support.processes import worker_process
from tools.servers import Valkey

BLOBS, NEEDED = 6_000, 50
FEW = 100
"""Blobs that were in one batch when the worker died."""


def old_blob(folder: Path, number: int) -> str:
    content = str(number).encode()
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / "blobs" / sha256[:2] / sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (0, 0))
    return sha256


def stored(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("blobs/*/*")}


async def test_a_cleanup_whose_worker_is_killed_is_finished_by_the_next(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    blobs = [old_blob(tmp_path, number) for number in range(BLOBS)]
    needed = set(blobs[:NEEDED])
    for sha256 in needed:
        await job_client.submit("sleep", delay_ms=3_600_000, blobs=(sha256,))
    environment = {"STORAGE_URL": f"file://{tmp_path}"}
    cleanup = (await job_client.enqueuer.enqueue(Submission("cleanup", "default", "system", "{}"))).job_id

    async with worker_process(mortal_redis, mortal_valkey.url, environment=environment, default=5) as doomed:
        await eventually(lambda: len(stored(tmp_path)) <= BLOBS * 2 / 3)
        doomed.kill()
        doomed.wait()
    left = stored(tmp_path)
    assert NEEDED < len(left) < BLOBS, "it was killed in the middle"
    assert (await job_client.read(cleanup)).state is State.RUNNING

    # Nobody waits in a test for a lease and marks to lapse that are known to be dead.
    await mortal_redis.delete(in_progress_key_prefix + cleanup)
    await mortal_redis.zadd(arq_queue("default"), {cleanup: 1})
    marks = {key: await mortal_redis.get(key) for key in await mortal_redis.keys(SWEPT + "*")}
    dead = [key for key, mark in marks.items() if mark is not None and not mark.endswith(b" gone")]
    assert len(dead) <= FEW
    for key in dead:
        await mortal_redis.set(key, 1, keepttl=True)

    async with worker_process(mortal_redis, mortal_valkey.url, environment=environment, default=5):
        record = await job_client.ended(cleanup, seconds=60)
    assert record.state is State.SUCCEEDED
    assert [one["outcome"] for one in record.attempts] == ["lapsed", "succeeded"]
    assert stored(tmp_path) == needed
    assert record.result is not None
    assert record.result["deleted"] == len(left) - NEEDED
