"""A worker that lost a job which it still runs: nothing runs twice at once, and nothing stays `running` for ever."""

import asyncio
import contextlib

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix
from redis.exceptions import WatchError
from structlog.testing import capture_logs

from tasks.kind import JobContext, Result
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, SECOND_MS, WORKERS, arq_queue
from tasks.settings import Settings
from tests.support.engine_running import JobClient, working
from tests.support.eventually import eventually
from tests.support.kinds import KINDS, Anything, kind
from tests.support.queue.fake_worker import look_now
from worker.attempts.running import ClaimedJob, Running


class Runs:
    """A kind's function that counts its runs, and ends only when it is told to, or when the block ends."""

    def __init__(self, *, ignores_cancellation: bool = False) -> None:
        self.began = 0
        self.at_once = 0
        self.most_at_once = 0
        self.go_on = asyncio.Event()
        self._ignores_cancellation = ignores_cancellation

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        self.go_on.set()

    async def run(self, job: JobContext[Anything]) -> Result:
        self.began += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            while not self.go_on.is_set():
                try:
                    await self.go_on.wait()
                except asyncio.CancelledError:
                    if not self._ignores_cancellation or self.began > 1:
                        raise
        finally:
            self.at_once -= 1
        return Result(value={"attempt": job.attempt})


async def lose(redis: ArqRedis, job_id: str) -> None:
    """Let the job's lease lapse while its worker lives, as a restored snapshot of Redis or a removed key does.

    Repeated until it has been claimed again, for a renewal at that moment undoes it.
    """
    record, attempt = JOB + job_id, await redis.hget(JOB + job_id, "attempt")
    async with asyncio.timeout(10), redis.pipeline(transaction=True) as lapse_at_once:
        while True:
            await lapse_at_once.watch(record)
            if await lapse_at_once.hget(record, "attempt") != attempt:
                return
            lapse_at_once.multi()
            lapse_at_once.delete(in_progress_key_prefix + job_id)
            lapse_at_once.zadd(arq_queue("default"), {job_id: 1}, xx=True)
            with contextlib.suppress(WatchError):
                await lapse_at_once.execute()
            await asyncio.sleep(0.05)


async def wait_for_attempt(redis: ArqRedis, job_id: str, attempt: int) -> None:
    await eventually(lambda: redis.hget(JOB + job_id, "attempt"), lambda seen: int(seen or 0) >= attempt)


async def test_a_job_that_its_own_worker_claims_anew_runs_once_at_a_time_and_ends(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    runs = Runs()
    async with working(redis, settings, kinds={"runs": kind(runs.run)}), runs:
        job_id = await job_client.submit("runs")
        await job_client.until(job_id, State.RUNNING)
        await lose(redis, job_id)
        await eventually(lambda: runs.began >= 2)
        runs.go_on.set()
        record = await job_client.ended(job_id)

    assert [one["outcome"] for one in record.attempts] == ["lapsed", "succeeded"]
    assert record.result == {"attempt": 2}
    assert (runs.began, runs.most_at_once) == (2, 1)


async def test_a_cancellation_reaches_the_second_attempt(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    runs = Runs()
    async with working(redis, settings, kinds={"runs": kind(runs.run)}), runs:
        job_id = await job_client.submit("runs")
        await job_client.until(job_id, State.RUNNING)
        await lose(redis, job_id)
        await wait_for_attempt(redis, job_id, 2)
        await JobStore(redis, settings).cancel(job_id)
        record = await job_client.ended(job_id, seconds=5)
    assert record.state is State.CANCELLED


async def test_an_attempt_that_will_not_end_does_not_keep_its_job(
    redis: ArqRedis, settings: Settings, job_client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.duties.claimer.EARLIER_ATTEMPT_S", 0.3)
    runs = Runs(ignores_cancellation=True)
    async with working(redis, settings, kinds={"runs": kind(runs.run)}), runs:
        job_id = await job_client.submit("runs")
        await job_client.until(job_id, State.RUNNING)
        await lose(redis, job_id)
        record = await job_client.until(job_id, State.RETRYING)
        assert record.attempts[1]["outcome"] == "postponed"
        assert "still runs" in record.attempts[1]["error"]["message"]
        runs.go_on.set()
        await look_now(redis, job_id)
        record = await job_client.ended(job_id)
    assert (record.state, record.tries, runs.most_at_once) == (State.SUCCEEDED, 0, 1)


async def test_an_end_that_cannot_be_settled_ends_the_worker_loudly(
    redis: ArqRedis, settings: Settings, job_client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(running: Running, job: ClaimedJob) -> None:
        original(running, job)
        raise LookupError("what must never happen")

    original = Running.end
    monkeypatch.setattr(Running, "end", broken)
    job_id = await job_client.submit("nothing")

    async def work_until_it_ends() -> None:
        async with working(redis, settings):
            await wait_for_attempt(redis, job_id, 1)
            await eventually(lambda: redis.zcard(WORKERS), 0)

    with pytest.raises(LookupError, match="what must never happen"):
        await work_until_it_ends()
    monkeypatch.undo()
    await redis.delete(in_progress_key_prefix + job_id)
    await look_now(redis, job_id)
    async with working(redis, settings):
        assert (await job_client.ended(job_id)).state is State.SUCCEEDED


async def test_a_healthy_run_loses_nothing(
    redis: ArqRedis, settings: Settings, job_client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewals that list jobs whose outcome is being written at that moment are no reason to warn of anything."""
    monkeypatch.setattr("worker.duties.lease_keeper.RENEW_MS", 1)
    with capture_logs() as lines:
        async with working(redis, settings, kinds=KINDS, concurrency={"default": 20}):
            ids = [await job_client.submit("nothing") for _ in range(300)]
            for job_id in ids:
                assert (await job_client.ended(job_id)).state is State.SUCCEEDED
    assert [line for line in lines if line["log_level"] in ("warning", "error")] == []


async def test_a_worker_renews_before_it_claims_when_its_last_renewal_was_too_long_ago(
    redis: ArqRedis, settings: Settings, job_client: JobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after SIGSTOP, a pause of its machine, or a jump of Redis' clock."""
    monkeypatch.setattr("worker.duties.lease_keeper.RENEW_MS", 60 * SECOND_MS)
    runs = Runs()
    async with working(redis, settings, kinds={"runs": kind(runs.run), **KINDS}) as engine, runs:
        job_id = await job_client.submit("runs")
        await job_client.until(job_id, State.RUNNING)
        await redis.pexpire(in_progress_key_prefix + job_id, 8000)
        async with asyncio.timeout(7):
            while await redis.pttl(in_progress_key_prefix + job_id) <= 9000:
                engine.redis_health.renewed_ms = 1
                await asyncio.sleep(0.05)
        assert (await job_client.ended(await job_client.submit("nothing"))).state is State.SUCCEEDED
        runs.go_on.set()
        record = await job_client.ended(job_id)
    assert [one["outcome"] for one in record.attempts] == ["succeeded"]
