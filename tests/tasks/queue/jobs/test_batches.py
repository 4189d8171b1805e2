"""Several jobs under one parent: counted, ended together, each as it is."""

import pytest
from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records import indexes
from tasks.queue.records.list import read_page
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, JOBS
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import record_of, submission, submit
from tests.tasks.queue.jobs.test_announcements import body, events, subscribe


async def test_jobs_that_are_sent_together_are_one_batch(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    submitted = await enqueuer.enqueue_batch([submission(name="a"), submission(name="b")])
    assert [record.name for record in submitted.records] == ["a", "b"]
    assert {record.batch for record in submitted.records} == {submitted.job_id}
    batch = await record_of(redis, submitted.job_id)
    assert (batch.kind, batch.state, batch.tally) == ("batch", State.RUNNING, {"queued": 2})
    page = await read_page(redis, indexes.of_batch(batch.id), stateless=True)
    assert {record.id for record in page.records} == {record.id for record in submitted.records}
    first, second = (await worker.claim()).jobs
    await worker.finish(first)
    assert (await record_of(redis, batch.id)).tally == {"running": 1, "succeeded": 1}
    await worker.finish(second)
    batch = await record_of(redis, batch.id)
    assert (batch.state, batch.tally, batch.error) == (State.SUCCEEDED, {"succeeded": 2}, None)
    assert batch.expires_at is not None
    assert await redis.pttl(f"{JOBS}batch/{batch.id}") > 0


async def test_a_batch_fails_if_one_of_its_jobs_does_and_says_how_many(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    submitted = await enqueuer.enqueue_batch([submission() for _ in range(3)])
    first, second, third = (await worker.claim()).jobs
    await worker.finish_all(worker.outcome(first, "succeeded"), worker.outcome(second, "failed", value=["x", "y"]))
    assert (await record_of(redis, submitted.job_id)).state is State.RUNNING
    await worker.finish(third, "cancelled")
    batch = await record_of(redis, submitted.job_id)
    assert batch.state is State.FAILED
    assert batch.error == {"code": "batch_incomplete", "message": "2 of its 3 jobs did not succeed."}


async def test_its_end_is_one_event_with_the_counts(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    await subscribe(redis, "job.failed")
    await enqueuer.enqueue_batch([submission(), submission()])
    first, second = (await worker.claim()).jobs
    await worker.finish(first)
    await worker.finish(second, "cancelled")
    (event,) = await events(redis)
    data = (await body(redis, event))["data"]
    assert (data["kind"], data["jobs"]) == ("batch", {"succeeded": 1, "failed": 0, "cancelled": 1})


async def test_the_same_key_and_content_are_the_same_batch(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    wanted = [submission(idempotency_key="k", params={"n": n}) for n in range(2)]
    first = await enqueuer.enqueue_batch(wanted)
    again = await enqueuer.enqueue_batch(wanted)
    assert (again.job_id, again.created, again.records) == (first.job_id, False, ())
    with pytest.raises(Refusal, match="key_reused"):
        await enqueuer.enqueue_batch(wanted[:1])
    assert len((await worker.claim()).jobs) == 2


async def test_a_full_queue_takes_all_or_none(redis: ArqRedis, settings: Settings) -> None:
    enqueuer = Enqueuer(redis, settings.model_copy(update={"max_waiting_jobs": 2, "owner_max_waiting": 9}))
    with pytest.raises(Refusal, match="queue_full"):
        await enqueuer.enqueue_batch([submission() for _ in range(3)])
    assert await redis.keys(JOB + "*") == []
    await enqueuer.enqueue_batch([submission() for _ in range(2)])


async def test_an_open_batch_takes_jobs_until_it_is_sealed(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    batch = await job_store.open_batch("dev", name="album")
    await submit(enqueuer, batch=batch)
    await worker.finish(await worker.one())
    assert (await record_of(redis, batch)).state is State.RUNNING, "more may come"
    await submit(enqueuer, batch=batch)
    assert await job_store.seal_batch("dev", batch)
    with pytest.raises(Refusal, match="batch_sealed"):
        await submit(enqueuer, batch=batch)
    await worker.finish(await worker.one())
    record = await record_of(redis, batch)
    assert (record.state, record.name, record.tally) == (State.SUCCEEDED, "album", {"succeeded": 2})


async def test_a_batch_without_jobs_ends_when_it_is_sealed(redis: ArqRedis, job_store: JobStore) -> None:
    batch = await job_store.open_batch("dev")
    assert await job_store.seal_batch("dev", batch)
    assert await job_store.seal_batch("dev", batch), "said again it changes nothing"
    assert (await record_of(redis, batch)).state is State.SUCCEEDED


async def test_a_batch_is_its_owners(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    batch = await job_store.open_batch("dev")
    assert not await job_store.seal_batch("another", batch)
    for owner, wrong in (("another", batch), ("dev", "nobody")):
        with pytest.raises(Refusal, match="not_found"):
            await submit(enqueuer, owner=owner, batch=wrong)
    ordinary = await submit(enqueuer)
    with pytest.raises(Refusal, match="not_found"):
        await submit(enqueuer, batch=ordinary)
    assert not await job_store.seal_batch("dev", ordinary)
    await job_store.seal_batch("dev", batch)
    await worker.finish(await worker.one())


async def test_cancelling_a_batch_cancels_its_jobs(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    submitted = await enqueuer.enqueue_batch([submission() for _ in range(3)])
    done = await worker.one()
    await worker.finish(done)
    running = await worker.one()
    assert await job_store.cancel(submitted.job_id) == "running", "one of its jobs still is"
    assert (await record_of(redis, submitted.job_id)).tally == {"succeeded": 1, "running": 1, "cancelled": 1}
    assert await redis.zscore(abort_jobs_ss, running.id) is not None
    await worker.finish(running, "cancelled")
    batch = await record_of(redis, submitted.job_id)
    assert batch.state is State.CANCELLED
    assert batch.error is not None
    assert batch.error["code"] == "cancelled"


async def test_a_batch_one_of_whose_jobs_runs_anew_goes_on(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, settings: Settings
) -> None:
    submitted = await enqueuer.enqueue_batch([submission(), submission()])
    first, second = (await worker.claim()).jobs
    await worker.finish(first)
    await worker.finish(second, "failed", value=["x", "y"])
    assert await JobStore(redis, settings).reopen([second.id, submitted.job_id]) == ["reopened", "running"]
    batch = await record_of(redis, submitted.job_id)
    assert (batch.state, batch.tally, batch.error, batch.expires_at) == (
        State.RUNNING,
        {"succeeded": 1, "queued": 1},
        None,
        None,
    )
    await worker.finish(await worker.one())
    assert (await record_of(redis, submitted.job_id)).state is State.SUCCEEDED


async def test_a_batch_whose_jobs_all_succeeded_was_not_cancelled(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    submitted = await enqueuer.enqueue_batch([submission(), submission()])
    first, second = (await worker.claim()).jobs
    assert await job_store.cancel(submitted.job_id) == "running"
    await worker.finish(first)
    await worker.finish(second)
    assert (await record_of(redis, submitted.job_id)).state is State.SUCCEEDED
    await redis.delete(abort_jobs_ss)
