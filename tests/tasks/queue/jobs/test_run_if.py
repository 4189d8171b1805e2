"""A job may wait until others have failed, or have ended in any way."""

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import RunIf, State
from tasks.refusal import Refusal
from tests.support.key_leaks import key_leaks
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import record_of, submit

ENDS = ("succeeded", "failed", "cancelled")


async def end(redis: ArqRedis, worker: FakeWorker, job_id: str, verb: str) -> None:
    """End the one job that can be claimed, and let those that wait for it have their turn."""
    job = await worker.one()
    assert job.id == job_id
    await worker.finish(job, verb, value=None if verb == "succeeded" else ["x", "y"])


async def error_of(redis: ArqRedis, job_id: str) -> tuple[State, str | None]:
    record = await record_of(redis, job_id)
    return record.state, str(record.error["code"]) if record.error else None


@pytest.mark.parametrize("verb", ENDS)
@pytest.mark.parametrize("run_if", RunIf)
async def test_it_runs_after_the_end_that_it_waits_for_and_after_no_other(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, run_if: RunIf, verb: str
) -> None:
    first = await submit(enqueuer)
    waiting = await submit(enqueuer, after=(first,), run_if=run_if)
    assert (await record_of(redis, waiting)).run_if is run_if
    await end(redis, worker, first, verb)
    claimed = (await worker.claim()).ids
    if run_if is RunIf.ANY or (run_if is RunIf.SUCCESS) == (verb == "succeeded"):
        assert claimed == [waiting]
    else:
        assert claimed == []
        failed, skipped = (State.FAILED, "prerequisite_failed"), (State.CANCELLED, "not_needed")
        assert await error_of(redis, waiting) == (failed if run_if is RunIf.SUCCESS else skipped)
    assert await key_leaks(redis) == []


async def test_all_of_them_have_to_end_so(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    first, second = await submit(enqueuer), await submit(enqueuer)
    waiting = await submit(enqueuer, after=(first, second), run_if=RunIf.FAILURE)
    jobs = {job.id: job for job in (await worker.claim()).jobs}
    await worker.finish(jobs[first], "failed", value=["x", "y"])
    assert (await worker.claim()).ids == []
    assert (await record_of(redis, waiting)).state is State.SCHEDULED
    await worker.finish(jobs[second])
    assert (await worker.claim()).ids == []
    assert await error_of(redis, waiting) == (State.CANCELLED, "not_needed")


@pytest.mark.parametrize(
    ("run_if", "expected"),
    [
        (RunIf.SUCCESS, (State.CANCELLED, "not_needed")),
        (RunIf.FAILURE, (State.CANCELLED, "not_needed")),
        (RunIf.ANY, (State.RUNNING, None)),
    ],
)
async def test_what_comes_after_a_job_that_was_not_needed(
    redis: ArqRedis,
    enqueuer: Enqueuer,
    worker: FakeWorker,
    run_if: RunIf,
    expected: tuple[State, str | None],
) -> None:
    first = await submit(enqueuer)
    handler = await submit(enqueuer, after=(first,), run_if=RunIf.FAILURE)
    last = await submit(enqueuer, after=(handler,), run_if=run_if)
    await end(redis, worker, first, "succeeded")
    for _ in range(3):
        await worker.claim()
    assert await error_of(redis, handler) == (State.CANCELLED, "not_needed")
    assert await error_of(redis, last) == expected


@pytest.mark.parametrize("verb", ENDS)
@pytest.mark.parametrize("run_if", RunIf)
async def test_one_that_has_ended_already_is_judged_at_once(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, run_if: RunIf, verb: str
) -> None:
    first = await submit(enqueuer)
    await end(redis, worker, first, verb)
    if run_if is RunIf.ANY or (run_if is RunIf.SUCCESS) == (verb == "succeeded"):
        waiting = await submit(enqueuer, after=(first,), run_if=run_if)
        assert (await worker.claim()).ids == [waiting]
        return
    cure = "Retry it first" if run_if is RunIf.SUCCESS else "is not needed"
    with pytest.raises(Refusal, match=rf"prerequisite_failed.*{cure}"):
        await submit(enqueuer, after=(first,), run_if=run_if)


@pytest.mark.parametrize(("handler_ends", "expected"), [("succeeded", State.SUCCEEDED), ("failed", State.FAILED)])
async def test_a_batch_succeeds_although_a_job_of_it_was_not_needed(
    redis: ArqRedis,
    enqueuer: Enqueuer,
    worker: FakeWorker,
    job_store: JobStore,
    handler_ends: str,
    expected: State,
) -> None:
    batch = await job_store.open_batch("dev")
    first = await submit(enqueuer, batch=batch)
    handler = await submit(enqueuer, batch=batch, after=(first,), run_if=RunIf.FAILURE)
    last = await submit(enqueuer, batch=batch, after=(handler,), run_if=RunIf.ANY)
    await job_store.seal_batch("dev", batch)
    await end(redis, worker, first, "succeeded")
    assert (await worker.claim()).ids == []
    assert await error_of(redis, handler) == (State.CANCELLED, "not_needed")
    await end(redis, worker, last, handler_ends)
    assert (await record_of(redis, batch)).state is expected


async def test_one_that_was_not_needed_is_not_retried(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    first = await submit(enqueuer)
    handler = await submit(enqueuer, after=(first,), run_if=RunIf.FAILURE)
    await end(redis, worker, first, "succeeded")
    await worker.claim()
    assert await job_store.retry([handler]) == ["not_needed"]
    assert await error_of(redis, handler) == (State.CANCELLED, "not_needed")


async def test_a_failed_handler_is_retried_though_the_job_has_succeeded_meanwhile(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
) -> None:
    """Its first run was for a failure that is over: it is told so, and what needs the success runs."""
    first = await submit(enqueuer)
    handler = await submit(enqueuer, after=(first,), run_if=RunIf.FAILURE)
    success = await submit(enqueuer, after=(first,))
    await end(redis, worker, first, "failed")
    await end(redis, worker, handler, "failed")
    assert await error_of(redis, success) == (State.FAILED, "prerequisite_failed")
    assert await job_store.retry([first]) == ["reopened"]
    await end(redis, worker, first, "succeeded")
    await end(redis, worker, success, "succeeded")
    assert await job_store.retry([handler]) == ["not_needed"]
    assert (await record_of(redis, handler)).state is State.FAILED


async def test_each_of_many_that_wait_for_a_job_is_given_the_same_end(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    """More than one call releases: the timer of the ended job brings the rest."""
    first = await submit(enqueuer)
    handler = await submit(enqueuer, after=(first,), run_if=RunIf.FAILURE)
    waiting = [await submit(enqueuer, after=(handler,), run_if=RunIf.FAILURE) for _ in range(120)]
    await end(redis, worker, first, "succeeded")
    for _ in range(8):
        assert (await worker.claim()).ids == []
    assert {await error_of(redis, one) for one in waiting} == {(State.CANCELLED, "not_needed")}


async def test_one_whose_wait_is_over_is_closed_at_once_though_another_ends_well_then(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    first, second, third = [await submit(enqueuer) for _ in range(3)]
    waiting = await submit(enqueuer, after=(first, second, third))
    jobs = {job.id: job for job in (await worker.claim()).jobs}
    await worker.finish(jobs[first], "failed", value=["x", "y"])
    await worker.finish(jobs[second])
    await worker.finish(jobs[third])
    assert (await worker.claim()).ids == []
    assert await error_of(redis, waiting) == (State.FAILED, "prerequisite_failed")
