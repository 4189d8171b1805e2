"""One queue that others use too: ARQ's own worker as during a move, other applications, and bodies that kill."""

import asyncio
import contextlib
import os
import pickle
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix, result_key_prefix
from arq.jobs import DeserializationError, Job, serialize_result
from arq.worker import JobExecutionFailed
from redis.exceptions import WatchError

from tasks.queue.application_keys import READING
from tasks.queue.records.list import Listing, Selection, read
from tasks.queue.redis_keys import QUEUE as QUEUE_HASH
from tasks.queue.redis_keys import WAKE
from tasks.settings import Settings
from tests.support.eventually import eventually
from tests.support.processes import ROOT
from tests.support.queue.fake_worker import FakeWorker
from tests.worker.application.conftest import QUEUE, Bookshop, environment
from tests.worker.application.test_functions import enqueue, result, seen
from tests.worker.application.test_served_functions import GOOD, NAME, served
from tools.servers import Valkey, start_process
from worker.attempts.running import ClaimedJob

JOBS = 300
SLOTS = 5
"""Of one worker of the bookshop."""


@pytest.fixture
def worker(redis: ArqRedis, settings: Settings) -> FakeWorker:
    return FakeWorker(redis, settings)


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
    with (tmp_path / "stock").open("wb") as lines:
        process = start_process(stock, cwd=ROOT, env=environment(valkey), stderr=lines)
    try:
        # One is ARQ's, and it has no slots for all the others: so each has some.
        met = [await enqueue(client, "meeting")]
        await eventually(lambda: _pids(client), {process.pid: 1})
        async with bookshop() as ours:
            met += [await enqueue(client, "meeting") for _ in range(SLOTS)]
            await eventually(lambda: _begun(client), SLOTS + 1)
            assert {*await _pids(client)} == {process.pid, ours.pid}
            await client.set("bookshop:over", b"1")
            assert {await result(job, 30) for job in met} == {process.pid, ours.pid}

            jobs = [await enqueue(client, "add", number, 0, _job_id=f"job-{number}") for number in range(JOBS)]
            again = [await enqueue(client, "unsteady", 3, _job_id=f"again-{number}") for number in range(10)]
            assert [await result(job, 30) for job in jobs] == list(range(JOBS))
            assert [await result(job, 30) for job in again] == [3] * 10
            assert Counter(await seen(client))["add 1 hello"] == JOBS
            assert (await Job("job-7", client, _queue_name=QUEUE).result_info()) is not None

            # Of a job that ARQ's worker has tried again in place of ours, the reconciliation ends the record.
            async def live() -> list[str]:
                page = await Listing(client).page(Selection(("*/_foreign",)), limit=500)
                return [one.id for one in page.records if not one.state.ended and one.kind != "unsteady"]

            await eventually(live, [])
            assert process.poll() is None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()


async def _pids(client: ArqRedis) -> Counter[int]:
    """How many meetings each worker has begun."""
    return Counter(int(one.split()[1]) for one in await seen(client) if one.startswith("meeting"))


async def _begun(client: ArqRedis) -> int:
    return (await _pids(client)).total()


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


async def test_arqs_worker_that_has_read_that_a_job_is_due_does_not_begin_it_once_it_is_claimed(
    redis: ArqRedis, settings: Settings, worker: FakeWorker
) -> None:
    functions, queue, running = served(redis, settings), f"arq/{NAME}", in_progress_key_prefix + "one"
    await redis.enqueue_job("add", 1, 2, _job_id="one", _queue_name=NAME)
    await redis.zadd(NAME, {"one": 1})  # ARQ's client rounds the time, maybe up
    # As `Worker.start_jobs` of ARQ.
    async with redis.pipeline(transaction=True) as arqs:
        await arqs.watch(running)
        assert not await arqs.exists(running)
        assert await arqs.zscore(NAME, "one") is not None
        (found,) = (await worker.claim({queue: 1}, functions=functions.rules["functions"])).foreign_jobs
        arqs.multi()
        arqs.psetex(running, 60_000, b"1")
        with pytest.raises(WatchError):
            await arqs.execute()
    await functions.adopt("one", queue, pickle.dumps(GOOD), score=int(found["score"]))
    job = await worker.one(functions=functions.rules["functions"], **{queue: 1})
    assert await worker.finish(job)
    await redis.delete(NAME, QUEUE_HASH + queue, WAKE + queue)


async def test_a_job_that_arqs_worker_tries_in_place_of_ours_keeps_its_time(
    redis: ArqRedis, settings: Settings, worker: FakeWorker
) -> None:
    functions, queue, running = served(redis, settings), f"arq/{NAME}", in_progress_key_prefix + "one"
    names = functions.rules["functions"]
    await redis.enqueue_job("add", 1, 2, _job_id="one", _queue_name=NAME)
    await redis.zadd(NAME, {"one": 1})  # ARQ's client rounds the time, maybe up
    (found,) = (await worker.claim({queue: 1}, functions=names)).foreign_jobs
    await functions.adopt("one", queue, pickle.dumps(GOOD), score=int(found["score"]))
    await worker.finish((await worker.claim({queue: 1}, functions=names)).jobs[0], "retrying", delay_ms=0)
    due = await redis.zscore(NAME, "one")
    await redis.set(running, b"1", px=60_000)
    assert (await worker.claim({queue: 1}, functions=names)).ids == []
    assert await redis.zscore(NAME, "one") == due, "ARQ's worker adds to it what a Retry waits"
    await redis.delete(running)
    assert await worker.finish(await worker.one(functions=names, **{queue: 1}))
    await redis.delete(NAME, QUEUE_HASH + queue, WAKE + queue)


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
