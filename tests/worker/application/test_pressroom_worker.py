"""`PressroomWorker` in the place of `arq.worker.Worker`: its arguments, its methods, its counts and its log."""

import asyncio
import logging
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack
import pytest
import structlog
from arq import cron
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.constants import abort_jobs_ss, default_queue_name, health_check_key_suffix, job_key_prefix
from arq.jobs import JobStatus
from arq.worker import FailedJobs, JobExecutionFailed, Retry, RetryJob, func
from bookshop.tasks import flaky
from redis.asyncio import SSLConnection

from tasks.queue.connect import close
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.list import read
from tasks.queue.records.record import State
from tasks.settings import Settings
from tests.support.engine_running import JobClient
from tests.support.eventually import eventually
from tests.support.processes import ROOT
from tests.worker.application.conftest import Bookshop, environment
from tools.servers import Valkey
from worker.application.connection import settings_of, url_of
from worker.application.pressroom_worker import PressroomWorker

Make = Callable[..., PressroomWorker]
NAME = "guest:queue"


async def number(_ctx: dict[str, Any], one: int = 42) -> int:
    return one


async def failing(_ctx: dict[str, Any]) -> None:
    raise TypeError("my type error")


async def retrying(ctx: dict[str, Any]) -> int:
    if ctx["job_try"] < 3:
        raise Retry(defer=0.01) if ctx["job_try"] == 1 else RetryJob
    return int(ctx["job_try"])


async def never(_ctx: dict[str, Any]) -> None:
    raise Retry


async def long(_ctx: dict[str, Any]) -> None:
    await asyncio.sleep(60)


FUNCTIONS = [number, failing, retrying, never, long, func(flaky, name="flaky")]


@pytest.fixture
async def pool(redis: ArqRedis, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ArqRedis]:
    """A client of the application's own, in a process that is its own."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("STORAGE_URL", "memory://")
    monkeypatch.setenv("DEV", "1")
    pool = await create_pool(RedisSettings.from_dsn(valkey.url), default_queue_name=NAME)
    yield pool
    structlog.reset_defaults()
    await close(pool)
    await redis.delete(NAME, NAME + health_check_key_suffix, default_queue_name, abort_jobs_ss)


@pytest.fixture
async def make(pool: ArqRedis) -> AsyncIterator[Make]:
    made: list[PressroomWorker] = []

    def one(functions: Any = FUNCTIONS, **options: Any) -> PressroomWorker:
        given = {"queue_name": None, "redis_pool": pool, "burst": True, "poll_delay": 0.05, **options}
        made.append(PressroomWorker(functions, handle_signals=False, **given))
        return made[-1]

    yield one
    for worker in made:
        await worker.close()


def counts(worker: PressroomWorker) -> tuple[int, int, int]:
    return worker.jobs_complete, worker.jobs_failed, worker.jobs_retried


async def test_a_burst_with_a_pool_runs_the_queue_of_the_pool_until_it_is_empty(pool: ArqRedis, make: Make) -> None:
    soon = await pool.enqueue_job("number", 7)
    late = await pool.enqueue_job("number", _defer_by=0.3)
    again = await pool.enqueue_job("retrying")
    worker = make()
    assert await worker.run_check() == 3
    assert [await job.result(timeout=1) for job in (soon, late, again) if job is not None] == [7, 42, 3]
    assert counts(worker) == (3, 0, 2)
    assert str(worker) == "<Worker j_complete=3 j_failed=0 j_retried=2 j_ongoing=0>"
    assert worker.tasks == {}


async def test_failed_jobs_are_raised_by_a_check_with_their_results(pool: ArqRedis, make: Make) -> None:
    jobs = [await pool.enqueue_job(name) for name in ("failing", "never", "number")]
    worker = make(max_tries=2)
    with pytest.raises(FailedJobs) as raised:
        await worker.run_check()
    assert raised.value.count == 2
    assert {repr(one.result) for one in raised.value.job_results} == {
        repr(TypeError("my type error")),
        repr(JobExecutionFailed("max 2 retries exceeded")),
    }
    assert counts(worker) == (1, 2, 2)
    assert len(jobs) == 3


async def test_a_retry_fails_where_retries_are_off(pool: ArqRedis, make: Make) -> None:
    await pool.enqueue_job("never")
    with pytest.raises(FailedJobs, match=r"1 job failed <Retry defer 0\.00s>"):
        await make().run_check(retry_jobs=False)


async def test_a_burst_begins_no_more_tries_than_it_may(pool: ArqRedis, make: Make) -> None:
    for _ in range(3):
        await pool.enqueue_job("number")
    worker = make()
    assert await worker.run_check(max_burst_jobs=0) == 0
    assert await worker.run_check(max_burst_jobs=2) == 2
    assert await worker.run_check(max_burst_jobs=-1) == 3


async def test_hooks_and_cron_jobs_are_the_workers_own(pool: ArqRedis, make: Make) -> None:
    told: list[str] = []

    async def hook(ctx: dict[str, Any]) -> None:
        told.append(f"hook {ctx['greeting']} {isinstance(ctx['redis'], ArqRedis)}")

    async def due(ctx: Any) -> None:
        told.append(ctx["job_id"].rpartition(":")[0])

    async def later(ctx: Any) -> None:
        del ctx
        told.append("later")

    ctx = {"greeting": "hello"}
    cron_jobs = [
        cron(due, hour=1, run_at_startup=True),
        cron(later, month=(datetime.now(tz=UTC) - timedelta(days=40)).month),
    ]
    worker = make((), cron_jobs=cron_jobs, on_startup=hook, on_shutdown=hook, ctx=ctx)
    await worker.main()
    await worker.close()
    assert told[:1] + told[2:] == ["hook hello True"] * 2
    assert told[1].startswith("cron:")
    assert told[1].endswith("due")
    assert all(one.next_run is not None and one.next_run.tzinfo is not None for one in worker.cron_jobs)


async def test_what_arq_logs_of_a_job_is_logged(pool: ArqRedis, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "arq.worker")
    for name in ("number", "failing", "retrying", "never"):
        await pool.enqueue_job(name, _job_id=name)
    await pool.zadd(NAME, {"gone": 1})
    worker = make(max_tries=3)
    await worker.main()
    await worker.main()
    text = re.sub(r"\d+\.\d\ds", "Xs", "\n".join(record.message for record in caplog.records))
    for line in (
        "Starting worker for 6 functions: number, failing, retrying, never, long, flaky",
        "Xs → number:number()",
        "Xs ← number:number ● 42",
        "Xs ! failing:failing failed, TypeError: my type error",
        "Xs ↻ retrying:retrying retrying job in Xs",
        "Xs ↻ retrying:retrying cancelled, will be run again",
        "Xs → retrying:retrying() try=3",
        "Xs ! never:never max retries 3 exceeded",
        "job gone expired",
        "recording health: j_complete=2 j_failed=3 j_retried=5 j_ongoing=0 queued=0",
    ):
        assert line in text, text


async def test_a_job_that_is_aborted_before_it_begins_counts_as_failed(pool: ArqRedis, make: Make) -> None:
    job = await pool.enqueue_job("long", _defer_by=3600)
    assert job is not None
    with pytest.raises(TimeoutError):
        await job.abort(timeout=0)
    worker = make(allow_abort_jobs=True)
    await worker.main()
    with pytest.raises(asyncio.CancelledError):
        await job.result(timeout=1)
    assert counts(worker) == (0, 1, 0)


async def test_a_cancelled_main_hands_its_jobs_back(pool: ArqRedis, make: Make) -> None:
    job = await pool.enqueue_job("long")
    assert job is not None
    worker = make(burst=False)
    main = asyncio.create_task(worker.async_run())
    await eventually(job.status, JobStatus.in_progress)
    await eventually(lambda: _of(worker.tasks), {job.job_id})
    main.cancel()
    await asyncio.wait([main])
    assert main.cancelled()
    record = await read(pool, job.job_id)
    assert record is not None
    assert (record.state, record.attempts[0]["outcome"]) == (State.QUEUED, "handed_back")
    assert counts(worker) == (0, 0, 1)


async def _of(tasks: dict[str, Any]) -> set[str]:
    return set(tasks)


@pytest.mark.parametrize("wait", [0, 1])
async def test_a_signal_lets_jobs_end_and_a_second_one_does_not(pool: ArqRedis, make: Make, wait: int) -> None:
    job = await pool.enqueue_job("long")
    assert job is not None
    worker = make(burst=False, job_completion_wait=wait)
    main = asyncio.create_task(worker.async_run())
    await eventually(lambda: _of(worker.tasks), {job.job_id})
    stop = worker.handle_sig_wait_for_completion if wait else worker.handle_sig
    stop(signal.SIGTERM)
    assert worker.allow_pick_jobs is False
    assert not main.done()
    stop(signal.SIGINT)
    await asyncio.wait_for(main, 10)
    record = await read(pool, job.job_id)
    assert record is not None
    assert record.state is State.QUEUED


async def test_a_body_of_another_serializer_fails_at_once_where_its_function_is_known(
    pool: ArqRedis, make: Make
) -> None:
    pool.job_serializer = msgpack.packb
    await pool.enqueue_job("number", _queue_name=default_queue_name)
    pool.job_serializer = None
    worker = make(queue_name=default_queue_name)
    await worker.main()
    assert counts(worker) == (0, 1, 0)


async def test_a_burst_leaves_what_others_may_have_and_ends(pool: ArqRedis, make: Make) -> None:
    job = await pool.enqueue_job("elsewhere")
    assert job is not None
    worker = make()
    await worker.main()
    assert counts(worker) == (0, 0, 0)
    assert await job.status() in (JobStatus.queued, JobStatus.deferred)
    await pool.delete(job_key_prefix + job.job_id)


async def test_a_burst_does_not_wait_for_jobs_of_the_service_in_a_queue_of_both(
    pool: ArqRedis, make: Make, job_client: JobClient, settings: Settings
) -> None:
    job_id = await job_client.submit("nothing", delay_ms=600_000)
    await pool.enqueue_job("number", _queue_name=default_queue_name, _defer_by=0.2)
    assert await make(queue_name=default_queue_name).run_check() == 1
    assert (await job_client.read(job_id)).state is State.SCHEDULED
    await JobStore(pool, settings).cancel(job_id)


async def test_jobs_are_started_by_the_engine_alone(make: Make) -> None:
    worker = make()
    for call in (worker.start_jobs([b"one"]), worker.run_job("one", 1), worker._poll_iteration()):  # noqa: SLF001
        with pytest.raises(NotImplementedError, match="claims and runs jobs by itself"):
            await call


def of_url(url: str) -> ArqRedis:
    return ArqRedis(ArqRedis.from_url(url).connection_pool)


def test_where_a_pool_leads_is_a_url() -> None:
    plain = ArqRedis(host="::1", port=7000, db=3, username="me", password="a/b")
    assert url_of(settings_of(plain)) == "redis://me:a%2Fb@[::1]:7000/3"
    secure = of_url("rediss://example.com")
    assert issubclass(secure.connection_pool.connection_class, SSLConnection)
    assert url_of(settings_of(secure)) == "rediss://example.com:6379/0"
    assert url_of(settings_of(of_url("unix:///run/redis.sock?db=1"))) == "unix:///run/redis.sock?db=1"
    own = of_url(f"rediss://example.com?ssl_ca_certs={ssl.get_default_verify_paths().cafile}")
    with pytest.raises(ValueError, match="REDIS_URL"):
        url_of(settings_of(own))


@pytest.mark.parametrize(("options", "says"), [(["--pickle"], ""), ([], "Either start the worker with --pickle")])
async def test_arqs_own_command_runs_with_this_worker(
    bookshop: Bookshop, client: ArqRedis, valkey: Valkey, options: list[str], says: str
) -> None:
    del bookshop
    job = await client.enqueue_job("add", 1, 2)
    assert job is not None
    command = [sys.executable, "-m", "worker.arq_command", "bookshop.worker.WorkerSettings", "--burst", *options]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment(valkey), stderr=subprocess.PIPE)
    _, told = await process.communicate()
    if says:
        assert process.returncode == 2
        assert says in told.decode()
        await client.delete(job_key_prefix + job.job_id)
    else:
        assert process.returncode == 0, told.decode()
        assert await job.result(timeout=1) == 3
        assert f"{job.job_id}:add ● 3" in told.decode()
