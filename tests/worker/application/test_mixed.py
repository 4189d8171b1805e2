"""One queue that others use too: ARQ's own worker as during a move, other applications, and bodies that kill."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import job_key_prefix, result_key_prefix
from arq.jobs import DeserializationError, Job, serialize_result
from arq.worker import JobExecutionFailed

from tasks.queue.application_keys import READING
from tasks.queue.records.list import read
from tasks.settings import Settings
from tests.support.eventually import eventually
from tests.support.processes import ROOT
from tests.worker.application.conftest import QUEUE, Bookshop, environment
from tests.worker.application.test_functions import enqueue, result, seen
from tests.worker.application.test_served_functions import NAME, served
from tools.servers import Valkey, start_process
from worker.attempts.running import ClaimedJob

JOBS = 300


class Bomb:
    """What ends the process that opens it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (9,)


class Quitter:
    """What asks the process that opens it to end."""

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, (9,)


async def test_every_job_is_run_once_by_one_of_both_and_read_by_every_client(
    bookshop: Bookshop, client: ArqRedis, valkey: Valkey, tmp_path: Path
) -> None:
    stock = [sys.executable, "-m", "arq", "bookshop.worker.WorkerSettings"]
    async with bookshop():
        with (tmp_path / "stock").open("wb") as lines:
            process = start_process(stock, cwd=ROOT, env=environment(valkey), stderr=lines)
        try:
            await eventually(lambda: seen(client), ["startup", "startup"])
            jobs = [await enqueue(client, "add", number, 0, _job_id=f"job-{number}") for number in range(JOBS)]
            again = [await enqueue(client, "unsteady", 3, _job_id=f"again-{number}") for number in range(10)]
            assert [await result(job, 30) for job in jobs] == list(range(JOBS))
            assert [await result(job, 30) for job in again] == [3] * 10
            told = Counter(await seen(client))
            assert told["add 1 hello"] == JOBS
            assert (await Job("job-7", client, _queue_name=QUEUE).result_info()) is not None

            # A record whose job ARQ's worker took in the moment of its adoption waits for the reconciliation to end it.
            assert process.poll() is None
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


async def test_a_body_that_ends_each_process_that_opens_it_fails_after_two(
    bookshop: Bookshop, client: ArqRedis
) -> None:
    job = await enqueue(client, "add", Bomb(), _defer_by=3600)
    due, later = {job.job_id: 1}, {job.job_id: (time.time() + 3600) * 1000}
    for _ in range(2):
        async with bookshop() as process:
            await client.zadd(QUEUE, due)
            assert await asyncio.to_thread(process.wait, 20) == 9
        await client.zadd(QUEUE, later)
    async with bookshop():
        await client.zadd(QUEUE, due)
        good = await enqueue(client, "add", 1, 2)
        with pytest.raises(JobExecutionFailed, match="2 workers have died as they opened the job's body"):
            await result(job, 20)
        assert await result(good) == 3
    record = await read(client, job.job_id)
    assert record is not None
    assert (record.error or {})["code"] == "poison"


async def test_a_body_that_exits_as_it_is_opened_fails_and_the_worker_lives(customer: ArqRedis) -> None:
    job = await enqueue(customer, "add", Quitter())
    with pytest.raises(DeserializationError):
        await result(job)
    record = await read(customer, job.job_id)
    assert record is not None
    assert (record.error or {})["code"] == "unreadable_job"
    assert await result(await enqueue(customer, "add", 1, 2)) == 3


async def test_a_job_behind_many_of_other_applications_is_found(customer: ArqRedis) -> None:
    others = [await enqueue(customer, "elsewhere", _job_id=f"other-{number}") for number in range(250)]
    own = await enqueue(customer, "add", 1, 2)
    assert await result(own) == 3
    ids = [job.job_id for job in others]
    await customer.zrem(QUEUE, *ids)
    await customer.delete(*(job_key_prefix + one for one in ids), *(READING + one for one in ids))


async def test_what_arqs_worker_has_run_in_between_keeps_its_result(
    redis: ArqRedis, settings: Settings, client: ArqRedis
) -> None:
    functions = served(redis, settings)
    for name, value, told in (("one", 42, "succeeded"), ("other", ValueError("no"), "failed")):
        packed = serialize_result("add", (1,), {}, 1, 1, told == "succeeded", value, 1, 2, name, NAME, name)
        await redis.set(result_key_prefix + name, packed or b"", px=60_000)
        job = ClaimedJob(name, f"arq/{NAME}", "add", "system", "{}", attempt=1, tries=0, created_at=1, started_at=1)
        outcome = await functions.attempt(job, 0)
        assert (outcome.verb, outcome.arq_result) == (told, packed)
        await functions.adopt(name, f"arq/{NAME}", None, score=1)
        assert await read(redis, name) is None
    assert functions.left() == {"left": {"one": True, "other": True}}
    await client.delete(result_key_prefix + "one", result_key_prefix + "other")
