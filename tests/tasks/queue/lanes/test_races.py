"""A cancellation and an end at the same moment: one wins, and nobody is told otherwise. A thousand times."""

import asyncio
from collections import Counter

from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOBS
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import record_of, submit

ROUNDS = 1_000
AT_ONCE = 50


async def race(redis: ArqRedis, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker, n: int) -> str:
    """A job is claimed, ended and cancelled, each at some moment; how it came out."""
    job_id = await submit(enqueuer, owner=f"owner-{n}")

    async def work() -> list[str]:
        """What the worker was told for what it did, if it got the job at all."""
        for _ in range(n % 5):
            await asyncio.sleep(0)
        jobs = (await worker.claim(AT_ONCE)).jobs
        # A worker that hears the sign before it is done says so; one that is done does not look any more.
        heard = [await redis.zscore(abort_jobs_ss, job.id) is not None for job in jobs]
        verbs = ["cancelled" if one else "succeeded" for one in heard]
        outcomes = [worker.outcome(job, verb) for job, verb in zip(jobs, verbs, strict=True)]
        assert await worker.finish_all(*outcomes) == [True] * len(jobs), "the worker decides how its job ended"
        return verbs

    async def cancel() -> str:
        for _ in range(n % 7):
            await asyncio.sleep(0)
        return await job_store.cancel(job_id)

    answer, _ = await asyncio.gather(cancel(), work())
    while not (record := await record_of(redis, job_id)).state.ended:
        await work()
    if answer == "cancelled":
        assert (record.state, record.attempt) == (State.CANCELLED, 0), "what is said to be cancelled never ran"
    elif answer in ("succeeded", "failed"):
        assert record.state == answer, "how it had ended is how it has ended"
    else:
        assert answer == "running"
        assert record.state in (State.CANCELLED, State.SUCCEEDED)
    found = [state for state in State if await redis.zscore(f"{JOBS}owner-{n}/echo:{state}", job_id) is not None]
    assert found == [record.state]
    return f"{answer}, {record.state}"


async def test_a_cancellation_and_an_end_have_one_winner(
    redis: ArqRedis, enqueuer: Enqueuer, job_store: JobStore, worker: FakeWorker
) -> None:
    outcomes: Counter[str] = Counter()
    for start in range(0, ROUNDS, AT_ONCE):
        racing = (race(redis, enqueuer, job_store, worker, n) for n in range(start, start + AT_ONCE))
        outcomes.update(await asyncio.gather(*racing))
    assert outcomes.total() == ROUNDS
    assert {"cancelled, cancelled", "running, succeeded", "succeeded, succeeded"} <= outcomes.keys(), outcomes
    assert await redis.exists(abort_jobs_ss) == 0


async def test_of_two_retries_one_takes_place(
    redis: ArqRedis, enqueuer: Enqueuer, job_store: JobStore, settings: Settings
) -> None:
    job_store = JobStore(redis, settings)
    for _ in range(100):
        job_id = await submit(enqueuer)
        await job_store.cancel(job_id)
        answers = await asyncio.gather(job_store.retry([job_id]), job_store.retry([job_id]))
        assert sorted(chosen for (chosen,) in answers) == ["queued", "reopened"]
