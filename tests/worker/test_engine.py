"""What becomes of a job, whatever its function does."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.jobs import Job

from tasks.kind import JobContext, Result, RetryPolicy
from tasks.queue.jobs.attempt_limits import AttemptLimits
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import Priority, State
from tasks.queue.redis_keys import JOB, arq_queue
from tasks.queue.wire import deserialize
from tasks.settings import Settings
from tests.support.engine_running import JobClient, working
from tests.support.eventually import eventually
from tests.support.kinds import KINDS, Anything, kind


async def test_a_job_runs_and_its_record_tells_the_story(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async with working(redis, settings) as engine:
        record = await job_client.ended(await job_client.submit("echo", owner="acme", request_id="req-1"))

    assert record.state is State.SUCCEEDED
    assert record.result is not None
    assert record.result["owner"] == "acme"
    assert record.request_id == "req-1"
    assert record.worker == engine.worker_id
    assert [(one["number"], one["outcome"]) for one in record.attempts] == [(1, "succeeded")]
    assert record.created_at <= record.attempts[0]["started_at"] <= record.attempts[0]["ended_at"]
    assert record.finished_at is not None
    assert record.expires_at == record.finished_at + settings.keep_succeeded_s * 1000


async def test_an_idle_worker_picks_a_job_up_at_once(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async with working(redis, settings):
        await job_client.ended(await job_client.submit("nothing"))
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(20):
            await job_client.ended(await job_client.submit("nothing"))
        # Twenty jobs one after the other: had each waited for the poll, it would be twenty seconds.
        assert loop.time() - began < 5


async def test_an_exception_is_retried_by_the_kinds_policy(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async with working(redis, settings):
        record = await job_client.ended(await job_client.submit("stumble", times=2))

    assert record.state is State.SUCCEEDED
    assert [one["outcome"] for one in record.attempts] == ["retrying", "retrying", "succeeded"]
    assert record.attempts[0]["error"] == {"code": "failed", "message": "RuntimeError: stumbled on attempt 1"}
    assert record.tries == 2


async def test_a_job_that_keeps_failing_gives_up(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    async with working(redis, settings):
        record = await job_client.ended(await job_client.submit("stumble", times=99))

    assert record.state is State.FAILED
    assert [one["outcome"] for one in record.attempts] == ["retrying", "retrying", "failed"]
    assert record.error == {"code": "failed", "message": "RuntimeError: stumbled on attempt 3"}
    assert record.expires_at == (record.finished_at or 0) + settings.keep_failed_s * 1000


async def test_a_refusal_is_final_at_once(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    async with working(redis, settings):
        record = await job_client.ended(await job_client.submit("refuse"))

    assert record.state is State.FAILED
    assert len(record.attempts) == 1
    assert record.error == {"code": "corrupt", "message": "This is no picture."}


async def test_an_attempt_that_overruns_is_stopped_and_retried(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    slow = replace(KINDS["sleep"], timeout_s=0.05, retry=RetryPolicy(max_tries=2, first_delay_s=0.01))
    async with working(redis, settings, kinds={"sleep": slow}):
        record = await job_client.ended(await job_client.submit("sleep", seconds=60, file=str(tmp_path / "lines")))

    assert record.state is State.FAILED
    assert [one["outcome"] for one in record.attempts] == ["retrying", "failed"]
    assert record.error is not None
    assert record.error["code"] == "job_timed_out"
    assert "0.05 s" in record.error["message"]


async def test_a_submit_may_allow_less_than_its_kind(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    limits, hasty = AttemptLimits(timeout_s=0.05, max_tries=1), AttemptLimits(max_tries=2)
    async with working(redis, settings):
        slow = await job_client.submit("sleep", limits=limits, seconds=60, file=str(tmp_path / "lines"))
        failing = await job_client.submit("stumble", limits=hasty, times=99)
        overrun, failed = await job_client.ended(slow), await job_client.ended(failing)

    assert [one["outcome"] for one in overrun.attempts] == ["failed"]
    message = "The job took longer than 0.05 s, the limit that its submit set."
    assert overrun.error == {"code": "job_timed_out", "message": message}
    assert [one["outcome"] for one in failed.attempts] == ["retrying", "failed"]


async def test_params_that_do_not_fit_are_refused(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    job_id = await job_client.submit("echo")
    await redis.hset(JOB + job_id, "params", '{"times": "many"}')
    async with working(redis, settings):
        record = await job_client.ended(job_id)

    assert record.error is not None
    assert record.error["code"] == "invalid_params"
    assert record.error["message"].startswith("times: ")


async def test_an_unknown_kind_is_refused_and_named(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    async with working(redis, settings):
        record = await job_client.ended(await job_client.submit("origami"))

    assert record.error is not None
    assert record.error["code"] == "unknown_kind"
    assert "'origami'" in record.error["message"]


async def test_a_scheduled_job_waits_for_its_time_without_polling(
    redis: ArqRedis, settings: Settings, job_client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.duties.waker.LISTEN_S", 15.0)
    async with working(redis, settings):
        job_id = await job_client.submit("echo", delay_ms=300)
        assert (await job_client.read(job_id)).state is State.SCHEDULED
        record = await job_client.ended(job_id)

    started = record.attempts[0]["started_at"]
    assert record.due_at == record.created_at + 300
    assert started >= record.due_at - 1
    assert started - record.due_at < 10_000, "the timer was missed and the safety poll found it"


async def test_a_higher_priority_goes_first_within_an_owners_lane(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    low = await job_client.submit("note", file=str(lines), priority=Priority.LOW)
    normal = await job_client.submit("note", file=str(lines))
    high = await job_client.submit("note", file=str(lines), priority=Priority.HIGH)
    async with working(redis, settings, concurrency={"default": 1}):
        for job_id in (low, normal, high):
            await job_client.ended(job_id)

    assert [line.split()[0] for line in lines.read_text().splitlines()] == [high, normal, low]


async def test_progress_reaches_the_record(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    async with working(redis, settings):
        job_id = await job_client.submit("tell", file=str(tmp_path / "go"))
        record = await eventually(lambda: job_client.read(job_id), lambda seen: seen.progress is not None)
        assert record.progress == {"done": 1, "total": 3, "note": "one"}
        (tmp_path / "go").touch()
        record = await job_client.ended(job_id)
    assert record.state is State.SUCCEEDED
    assert record.progress == {"done": 3, "total": 3, "note": "three"}, "what is done is shown as done"


async def test_a_running_job_can_be_cancelled(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    async with working(redis, settings):
        job_id = await job_client.submit("sleep", seconds=60, file=str(tmp_path / "lines"))
        await job_client.until(job_id, State.RUNNING)
        assert await JobStore(redis, settings).cancel(job_id) == "running"
        record = await job_client.ended(job_id, seconds=3)

    assert record.state is State.CANCELLED
    assert record.error == {"code": "cancelled", "message": "Cancelled while it ran."}


async def test_what_does_not_end_within_the_grace_is_handed_back_without_using_up_a_try(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    hasty = settings.model_copy(update={"shutdown_grace_s": 0.1})
    async with working(redis, hasty):
        job_id = await job_client.submit("sleep", seconds=60, file=str(tmp_path / "lines"))
        await job_client.until(job_id, State.RUNNING)

    record = await job_client.read(job_id)
    assert record.state is State.QUEUED
    assert record.tries == 0
    assert [one["outcome"] for one in record.attempts] == ["handed_back"]
    await redis.hset(JOB + job_id, "params", f'{{"seconds": 0, "file": "{tmp_path / "lines"}"}}')
    async with working(redis, settings):
        assert (await job_client.ended(job_id, seconds=3)).result == {"attempt": 2}


async def test_a_stopping_worker_lets_running_jobs_end_and_starts_no_more(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    async with working(redis, settings, concurrency={"default": 1}):
        first = await job_client.submit("sleep", seconds=0.3, file=str(tmp_path / "lines"))
        second = await job_client.submit("sleep", seconds=0.3, file=str(tmp_path / "lines"))
        await job_client.until(first, State.RUNNING)

    assert (await job_client.read(first)).state is State.SUCCEEDED
    assert (await job_client.read(second)).state is State.QUEUED


async def test_a_stop_at_once_hands_back_what_runs(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    async with working(redis, settings) as engine:
        job_id = await job_client.submit("sleep", seconds=60, file=str(tmp_path / "lines"))
        await job_client.until(job_id, State.RUNNING)
        engine.stop(at_once=True)

    assert (await job_client.read(job_id)).state is State.QUEUED


async def test_each_queue_has_its_own_concurrency(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    async with working(redis, settings, concurrency={"media": 1, "default": 2}):
        slow = [
            await job_client.submit("sleep", queue="media", seconds=0.5, file=str(tmp_path / "a")) for _ in range(3)
        ]
        await job_client.until(slow[0], State.RUNNING)
        # The full queue does not hold up the other one.
        for _ in range(3):
            await job_client.ended(await job_client.submit("nothing"), seconds=3)
        states = [(await job_client.read(job_id)).state for job_id in slow]
        assert states.count(State.RUNNING) <= 1
        for job_id in slow:
            await job_client.ended(job_id)


async def test_scratch_folders_are_removed(redis: ArqRedis, settings: Settings, job_client: JobClient) -> None:
    async def scribble(job: JobContext[Anything]) -> Result:
        (job.scratch.folder / "draft").write_text("x")
        return Result(value={"folder": str(job.scratch.folder)})

    async with working(redis, settings, kinds={"scribble": kind(scribble)}):
        record = await job_client.ended(await job_client.submit("scribble"))
        assert record.result is not None
        assert not Path(record.result["folder"]).exists()
    assert not Path(record.result["folder"]).parent.exists()


@pytest.mark.parametrize("value", [{"n": 2**70}, {"when": object()}, {"x": float("nan")}, {"long": "x" * 300_000}])
async def test_a_result_that_cannot_be_written_is_the_kinds_failure_not_the_workers(
    redis: ArqRedis, settings: Settings, job_client: JobClient, value: dict[str, object]
) -> None:
    async def odd(job: JobContext[Anything]) -> Result:
        return Result(value=value)

    async with working(redis, settings, kinds={**KINDS, "odd": kind(odd)}):
        record = await job_client.ended(await job_client.submit("odd"))
        assert (await job_client.ended(await job_client.submit("nothing"))).state is State.SUCCEEDED

    assert record.state is State.FAILED
    assert record.error is not None
    assert record.error["code"] == "failed"


async def test_arqs_result_keeps_what_lua_would_lose(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    value: dict[str, Any] = {"none": None, "empty": {}, "list": [], "large": 2**53 + 1, "deep": [[[[{"a": [{}]}]]]]}

    async def odd(job: JobContext[Anything]) -> Result:
        return Result(value=value)

    async with working(redis, settings, kinds={"odd": kind(odd)}):
        job_id = await job_client.submit("odd")
        record = await job_client.ended(job_id)

    assert record.result == value
    job = Job(job_id, redis, _queue_name=arq_queue("default"), _deserializer=deserialize)
    assert await job.result() == value


async def test_a_file_that_is_no_longer_stored_is_said_so_at_once(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async def read_it(job: JobContext[Anything]) -> Result:
        await job.storage.fetch("0" * 64, job.scratch.folder / "gone")
        return Result()

    async with working(redis, settings, kinds={"read_it": kind(read_it)}):
        record = await job_client.ended(await job_client.submit("read_it"))

    assert len(record.attempts) == 1
    assert record.error is not None
    assert record.error["code"] == "expired"


async def test_the_record_of_an_unforeseen_failure_holds_no_trace(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async def break_down(job: JobContext[Anything]) -> Result:
        raise RuntimeError("it failed in the sandbox:\nTraceback:\n  File '/secret/path'\nValueError: seven")

    async with working(redis, settings, kinds={"break_down": kind(break_down)}):
        record = await job_client.ended(await job_client.submit("break_down"))

    assert record.error == {"code": "failed", "message": "RuntimeError: ValueError: seven"}
