"""A thousand listeners of one uvicorn process: one Redis connection for all their subscriptions, and all are told."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.script import Script
from tasks.settings import Settings
from tests.support.api.listeners import listen_to
from tests.support.api.manual_worker import WORKER, ManualWorker
from tests.support.api.web_process import web_process
from tools.servers import Valkey

LISTENERS = 1_000
JOBS = 10
AT_ONCE = 100
"""Connections that are opened at the same moment: more than that and the kernel makes some wait for a second."""
TOLD_S = 20.0
CHANGES, NOTE_BYTES = 400, 100_000
"""More than the buffers between two sockets hold."""


@pytest.fixture
def port(valkey: Valkey, tmp_path: Path) -> Iterator[int]:
    with web_process(valkey.url, f"file://{tmp_path}", {"API_KEYS": ""}) as web:
        yield web.port


async def test_a_thousand_listeners_take_one_subscription_and_are_all_told(redis: ArqRedis, port: int) -> None:
    settings = Settings(_env_file=None)
    enqueuer, worker = Enqueuer(redis, settings), ManualWorker(redis, settings)
    submission = Submission(kind="thumbnail", queue="media", owner="dev", params="{}")
    ids = [(await enqueuer.enqueue(submission)).job_id for _ in range(JOBS)]
    own = len(await redis.client_list())
    listeners = []
    for start in range(0, LISTENERS, AT_ONCE):
        coming = (listen_to(port, ids[n % JOBS]) for n in range(start, start + AT_ONCE))
        listeners += await asyncio.gather(*coming)

    clients = await redis.client_list()
    assert len([client for client in clients if int(client["sub"])]) == 1
    assert len(clients) - own <= settings.redis_max_connections

    began = time.perf_counter()
    await worker.begin()
    for job_id in ids:
        await worker.end(job_id)
    async with asyncio.timeout(TOLD_S):
        await asyncio.gather(*(listener.listen("end") for listener in listeners))
    assert max(listener.ended_at for listener in listeners) - began < TOLD_S
    assert {listener.told[-1] for listener in listeners} == {"end"}
    await asyncio.gather(*(listener.close() for listener in listeners))


async def test_who_reads_nothing_holds_up_nobody_and_is_told_the_latest_in_the_end(redis: ArqRedis, port: int) -> None:
    settings = Settings(_env_file=None)
    enqueuer, worker, progress = (
        Enqueuer(redis, settings),
        ManualWorker(redis, settings),
        Script(redis, "run/progress"),
    )
    job_id = (await enqueuer.enqueue(Submission(kind="thumbnail", queue="media", owner="dev", params="{}"))).job_id
    deaf, keen = await listen_to(port, job_id), await listen_to(port, job_id)
    hearing = asyncio.create_task(keen.listen("end"))
    await worker.begin()
    for done in range(CHANGES):
        said = json.dumps({"done": done, "total": CHANGES, "note": "x" * NOTE_BYTES})
        assert await progress({"id": job_id, "worker": WORKER, "attempt": 1, "progress": said})
    await worker.end(job_id)
    async with asyncio.timeout(TOLD_S):
        await hearing
        await deaf.listen("end")
    assert deaf.told.count("progress") < CHANGES / 2, "what is not read is not kept for him"
    await asyncio.gather(deaf.close(), keen.close())
