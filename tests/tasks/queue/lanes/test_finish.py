"""The end of an attempt: record, indexes, ARQ's keys and those who wait, together, or nothing."""

import asyncio
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss, in_progress_key_prefix, job_key_prefix, result_key_prefix, retry_key_prefix
from arq.jobs import Job, JobStatus

from tasks.queue import account_keys, redis_keys
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records.record import State
from tasks.queue.redis_keys import (
    ARQ_JOB_MS,
    ARQ_RESULT_MS,
    BACKLOG,
    CHANGES,
    COUNTS,
    JOB,
    JOBS,
    LANE,
    PARKED,
    QUEUE,
    SUSPECTS,
    TURNS,
    UNPACKED,
    WAKE,
    WATCHED,
    arq_queue,
)
from tasks.queue.wire import JobFailed, deserialize
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import record_of, submit
from worker.attempts.running import ClaimedJob

BLOB = "b" * 64
ENDS = ["succeeded", "failed", "cancelled"]


@pytest.fixture
async def job(enqueuer: Enqueuer, worker: FakeWorker) -> ClaimedJob:
    await submit(enqueuer)
    return await worker.one()


async def indexed(redis: ArqRedis, job_id: str, owner: str = "dev") -> list[str]:
    """The states whose index holds the job."""
    return [state for state in State if await redis.zscore(f"{JOBS}{owner}/echo:{state}", job_id) is not None]


class TestEveryEnd:
    @pytest.mark.parametrize("verb", ENDS)
    async def test_the_record_says_how_and_until_when(
        self, redis: ArqRedis, settings: Settings, worker: FakeWorker, job: ClaimedJob, verb: str
    ) -> None:
        fields = ("result", '{"a": null}', "error", '{"code": "x", "message": "y"}', "files", '[{"name": "f"}]')
        assert await worker.finish(job, verb, fields=fields)
        record = await record_of(redis, job.id)
        keep = keep_ms(settings)
        assert (record.state, record.worker, record.attempt) == (State(verb), worker.name, 1)
        assert (record.result, record.error) == ({"a": None}, {"code": "x", "message": "y"})
        assert record.files == ({"name": "f"},)
        assert [one["outcome"] for one in record.attempts] == [verb]
        assert record.expires_at == (record.finished_at or 0) + keep[verb]
        assert 0 <= keep[verb] + keep["tombstone"] - await redis.pttl(JOB + job.id) < 1000
        assert record.expired(record.expires_at or 0)

    @pytest.mark.parametrize("verb", ENDS)
    async def test_nothing_is_left_but_record_indexes_and_result(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob, verb: str
    ) -> None:
        await redis.set(retry_key_prefix + job.id, 1, px=60_000)
        await redis.zadd(abort_jobs_ss, {job.id: 1})
        await worker.finish(job, verb)
        await worker.claim()
        left = {key.decode() for key in await redis.keys("*")}
        assert {key for key in left if not key.startswith((redis_keys.ENDS, account_keys.USAGE))} == {
            JOB + job.id,
            COUNTS,
            f"{JOBS}dev/echo:{verb}",
            f"{JOBS}*/echo:{verb}",
            UNPACKED,
            QUEUE + "default",
            result_key_prefix + job.id,
        }
        assert 0 <= ARQ_RESULT_MS - await redis.pttl(result_key_prefix + job.id) < 1000

    @pytest.mark.parametrize("verb", [*ENDS, "retrying", "handed_back"])
    async def test_the_job_is_in_the_index_of_its_state_alone(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob, verb: str
    ) -> None:
        assert await indexed(redis, job.id) == ["running"]
        await worker.finish(job, verb, delay_ms=60_000)
        assert await indexed(redis, job.id) == ["queued" if verb == "handed_back" else verb]

    @pytest.mark.parametrize("verb", [*ENDS, "retrying"])
    async def test_those_who_wait_are_told(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob, verb: str
    ) -> None:
        async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(WATCHED, CHANGES + job.id)
            for _ in range(2):
                await pubsub.get_message(timeout=1)
            await worker.finish(job, verb, delay_ms=60_000)
            async with asyncio.timeout(5):
                while (message := await pubsub.get_message(timeout=1)) is None:
                    continue
        assert message["data"] == verb.encode()

    async def test_blobs_that_the_job_leaves_are_noted_as_needed(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        await worker.finish(job, blobs=(BLOB, "c" * 64))
        for blob in (BLOB, "c" * 64):
            assert await redis.smembers(redis_keys.BLOB + blob) == {job.id.encode()}


class TestArqsView:
    def job_of(self, redis: ArqRedis, job: ClaimedJob) -> Job:
        return Job(job.id, redis, _queue_name=arq_queue("default"), _deserializer=deserialize)

    @pytest.mark.parametrize(
        "value",
        [
            None,
            {},
            {"a": {}, "b": [], "c": None, "d": [1, None, 2]},
            {"n": [2**53 + 1, -(2**63), 1.0, 0.1]},
            {"é": "☃"},
        ],
        ids=repr,
    )
    async def test_a_success_carries_its_result_to_the_last_null(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob, value: Any
    ) -> None:
        await worker.finish(job, value=msgpack.packb(value))
        arq = self.job_of(redis, job)
        assert await arq.status() is JobStatus.complete
        result = await arq.result()
        assert (result, repr(result)) == (value, repr(value))

    async def test_a_result_may_be_nested_as_deep_as_msgpack_goes(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        value: Any = "bottom"
        for _ in range(100):
            value = {"deeper": value}
        await worker.finish(job, value=msgpack.packb(value))
        assert await self.job_of(redis, job).result() == value

    async def test_the_story_of_the_job_is_told_in_arqs_words(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        await worker.finish(job, value=msgpack.packb({"a": 1}))
        info = await self.job_of(redis, job).result_info()
        record = await record_of(redis, job.id)
        assert info is not None
        assert (info.function, list(info.args), info.kwargs, info.job_try) == ("echo", [], {}, 1)
        assert (info.success, info.queue_name, info.job_id) == (True, arq_queue("default"), job.id)
        times = [int(at.timestamp() * 1000 + 0.5) for at in (info.enqueue_time, info.start_time, info.finish_time)]
        assert times == [record.created_at, record.started_at, record.finished_at]

    async def test_a_failure_is_raised_with_its_code(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        await worker.finish(job, "failed", value=["corrupt", "This is no picture."])
        with pytest.raises(JobFailed) as failed:
            await self.job_of(redis, job).result()
        assert (failed.value.code, failed.value.message) == ("corrupt", "This is no picture.")

    async def test_a_cancellation_is_raised_as_one(self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob) -> None:
        await worker.finish(job, "cancelled", value=["cancelled", "Stopped."])
        with pytest.raises(asyncio.CancelledError):
            await self.job_of(redis, job).result()

    async def test_an_error_message_that_is_no_valid_text_is_written_legibly(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        """Errors quote the names of files, which users choose."""
        await worker.finish(job, "failed", value=["failed", "cannot open \udcff.png"])
        with pytest.raises(JobFailed) as failed:
            await self.job_of(redis, job).result()
        assert failed.value.message == r"cannot open \udcff.png"


class TestRetry:
    async def test_a_failed_try_is_counted_and_the_timer_set(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        await worker.finish(job, "retrying", delay_ms=5_000)
        record = await record_of(redis, job.id)
        assert (record.state, record.tries, record.attempt) == (State.RETRYING, 1, 1)
        assert 4_000 < record.due_at - (record.started_at or 0) <= 6_000
        assert await redis.zscore(arq_queue("default"), job.id) == record.due_at
        assert await redis.exists(in_progress_key_prefix + job.id, result_key_prefix + job.id) == 0
        assert await redis.ttl(JOB + job.id) == -1

    async def test_arqs_copy_outlives_a_wait_of_weeks(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        month_ms = 30 * 86_400_000
        await worker.finish(job, "retrying", delay_ms=month_ms)
        assert 0 <= month_ms + ARQ_JOB_MS - await redis.pttl(job_key_prefix + job.id) < 1000

    async def test_a_job_may_be_tried_and_handed_back_often(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        verbs = ["retrying", "handed_back"] * 15
        for n, verb in enumerate(verbs):
            assert (job.attempt, job.tries) == (n + 1, (n + 1) // 2)
            await worker.finish(job, verb)
            job = await worker.one()
        await worker.finish(job)
        record = await record_of(redis, job.id)
        assert [one["outcome"] for one in record.attempts] == [*verbs, "succeeded"]
        assert [one["number"] for one in record.attempts] == list(range(1, 32))


class TestBatches:
    async def test_each_outcome_of_a_mixed_batch_is_its_own(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        verbs = [*ENDS, "retrying", "handed_back"]
        for queue in ("default", "media"):
            for owner in ("a", "b"):
                for _ in range(6):
                    await submit(enqueuer, queue=queue, owner=owner)
        jobs = (await worker.claim(default=100, media=100)).jobs
        assert len(jobs) == 24
        batch = [worker.outcome(job, verbs[n % 5], delay_ms=60_000) for n, job in enumerate(jobs[:20])]
        stale = replace(jobs[20], attempt=7)
        answers = await worker.finish_all(*batch, worker.outcome(stale, "failed"))
        assert answers == [True] * 20 + [False]
        for n, job in enumerate(jobs):
            state = "running" if n >= 20 else verbs[n % 5].replace("handed_back", "queued")
            assert (await record_of(redis, job.id)).state == state
        running = 0
        for key in await redis.keys(LANE + "*"):
            running += int(await redis.hget(key, "running") or 0)
        assert running == 4

    async def test_lanes_lines_and_turns_return_to_nothing(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        for n in range(300):
            await submit(enqueuer, owner=f"o{n % 30}", queue=("default", "media")[n % 2])
        while jobs := (await worker.claim(default=50, media=50)).jobs:
            ends = [worker.outcome(job, ENDS[n % 3]) for n, job in enumerate(jobs)]
            assert all(await worker.finish_all(*ends))
        ours = (LANE, BACKLOG, TURNS, PARKED, SUSPECTS, WAKE)
        arqs = (job_key_prefix, in_progress_key_prefix, abort_jobs_ss, arq_queue("default"))
        assert [key for prefix in (*ours, *arqs) for key in await redis.keys(prefix + "*")] == []

    async def test_an_empty_batch_is_no_trouble(self, worker: FakeWorker) -> None:
        assert await worker.finish_all() == []


class TestProgress:
    async def test_it_is_written_and_told(self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob) -> None:
        assert await worker.progress(job, 40)
        assert (await record_of(redis, job.id)).progress == {"done": 40}

    async def test_a_job_that_is_over_or_unknown_takes_none(
        self, redis: ArqRedis, worker: FakeWorker, job: ClaimedJob
    ) -> None:
        await worker.finish(job)
        assert not await worker.progress(job, 40)
        assert not await worker.progress(replace(job, id="nobody"), 40)
        assert await redis.exists(JOB + "nobody") == 0
        assert (await record_of(redis, job.id)).progress is None


async def test_indexes_do_not_grow_with_jobs_that_are_long_gone(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    """An owner who never lists has an index all the same. (What lies behind an old job that lives is the cleanup's.)"""
    for _ in range(200):
        await submit(enqueuer)
        job = await worker.one()
        await worker.finish(job)
        await redis.delete(JOB + job.id)
    assert await redis.zcard(JOBS + "dev/echo:succeeded") < 30
    assert await redis.zcard(JOBS + "*/echo:succeeded") < 30


async def test_jobs_that_are_alive_stay_in_the_index(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    ids = [await submit(enqueuer) for _ in range(200)]
    assert await redis.zcard(JOBS + "dev/echo:queued") == len(ids)
