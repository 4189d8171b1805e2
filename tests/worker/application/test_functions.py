"""`python -m worker --arq` runs an ARQ application unchanged: its functions, as ARQ documents them."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, result_key_prefix
from arq.jobs import JobStatus
from arq.worker import JobExecutionFailed
from bookshop.tasks import Order, OutOfStockError

from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.list import Listing, Selection, read
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import QUEUE as QUEUE_HASH
from tasks.queue.redis_keys import arq_queue
from tasks.queue.wire import deserialize, serialize
from tasks.settings import Settings
from tests.support.engine_running import JobClient, working
from tests.support.eventually import PATIENCE_S, eventually
from tests.worker.application.conftest import QUEUE, Bookshop


async def enqueue(client: ArqRedis, *args: Any, **kwargs: Any) -> Any:
    job = await client.enqueue_job(*args, **kwargs)
    assert job is not None
    return job


async def result(job: Any, seconds: float = 10) -> Any:
    return await job.result(timeout=seconds, poll_delay=0.02)


async def seen(client: ArqRedis) -> list[str]:
    return [one.decode() for one in await client.lrange("bookshop:seen", 0, -1)]


async def record_of(client: ArqRedis, job: Any) -> Record:
    record = await read(client, job.job_id)
    assert record is not None
    return record


async def test_functions_run_with_their_arguments_context_and_results(customer: ArqRedis) -> None:
    number = await enqueue(customer, "add", 1, 2)
    thing = await enqueue(customer, "add", 1, 2, order=Order("Emma", 0))
    before = datetime.now(tz=UTC)
    facts = await enqueue(customer, "facts", _defer_by=timedelta(milliseconds=100))
    assert await result(number) == 3
    assert await result(thing) == Order("Emma", 3)
    found = await result(facts)
    info = await number.result_info()
    inner = await result(await enqueue(customer, "order_more"))

    assert inner == "ordered-more"
    assert found["job_id"] == facts.job_id
    assert found["job_try"] == 1
    assert abs(found["enqueue_time"] - before) < timedelta(seconds=2)
    assert found["score"] >= before.timestamp() * 1000 + 99
    assert info is not None
    assert (info.success, info.function, info.args, info.queue_name) == (True, "add", (1, 2), QUEUE)
    assert "add 1 hello" in await seen(customer)


async def test_a_job_is_a_record_like_any_other(customer: ArqRedis) -> None:
    number = await enqueue(customer, "add", 1, 2)
    thing = await enqueue(customer, "add", 1, 2, order=Order("Emma", 0))
    await result(number)
    await result(thing)
    page = await Listing(customer).page(Selection(("*/_foreign",)))

    shown = await record_of(customer, number)
    assert {number.job_id, thing.job_id} <= {record.id for record in page.records}
    assert (shown.kind, shown.queue, shown.owner, shown.state) == ("add", f"arq/{QUEUE}", "system", State.SUCCEEDED)
    assert (shown.params, shown.result) == ('{"args": [1, 2], "kwargs": {}}', {"value": 3})
    opaque = await record_of(customer, thing)
    assert "Order(title='Emma', copies=0)" in opaque.params
    assert opaque.result == {"repr": "Order(title='Emma', copies=3)"}


async def test_retry_is_the_only_failure_that_is_tried_again(customer: ArqRedis) -> None:
    unsteady = await enqueue(customer, "unsteady", 3)
    too_unsteady = await enqueue(customer, "unsteady", 4)
    renumbered = await enqueue(customer, "unsteady", 2, _job_try=2)
    failing = await enqueue(customer, "out_of_stock")
    cancelling = await enqueue(customer, "cancelling")
    limited = await enqueue(customer, "limited")
    assert await result(unsteady) == 3
    assert await result(renumbered) == 2
    assert await result(cancelling) == "after a cancellation"
    with pytest.raises(JobExecutionFailed, match="max 3 retries exceeded"):
        await result(too_unsteady)
    with pytest.raises(OutOfStockError, match="no copies left"):
        await result(failing)
    with pytest.raises(TimeoutError):
        await result(limited)

    assert (await seen(customer)).count("out_of_stock") == 1
    assert [one["outcome"] for one in (await record_of(customer, unsteady)).attempts] == ["retrying"] * 2 + [
        "succeeded"
    ]
    error = (await record_of(customer, failing)).error
    assert error == {"code": "failed", "message": "OutOfStockError: no copies left"}
    assert ((await record_of(customer, limited)).error or {})["code"] == "job_timed_out"


async def test_results_are_kept_as_long_as_the_function_says(customer: ArqRedis) -> None:
    jobs = [await enqueue(customer, name, 1, 2) for name in ("add", "forgotten", "remembered")]
    await eventually(lambda: _states(customer, jobs), [State.SUCCEEDED] * 3)

    kept = [await customer.pttl(result_key_prefix + job.job_id) for job in jobs]
    assert 3_590_000 < kept[0] <= 3_600_000
    assert kept[1] == -2
    forever = 1000 * Settings(_env_file=None).max_keep_s
    assert forever - 10_000 < kept[2] <= forever, "for ever is MAX_KEEP_S"
    record = await record_of(customer, jobs[2])
    assert (record.expires_at or 0) - (record.finished_at or 0) == forever, "as long as what names it"
    await customer.delete(result_key_prefix + jobs[2].job_id)


async def _states(client: ArqRedis, jobs: list[Any]) -> list[State | None]:
    records = [await read(client, job.job_id) for job in jobs]
    return [None if record is None else record.state for record in records]


async def test_abort_stops_a_job_whether_it_runs_or_waits(customer: ArqRedis) -> None:
    running = await enqueue(customer, "slow")
    await eventually(running.status, JobStatus.in_progress)
    waiting = await enqueue(customer, "slow", _defer_by=60)
    assert await running.abort(timeout=10, poll_delay=0.02)
    assert await waiting.abort(timeout=10, poll_delay=0.02)

    assert (await record_of(customer, running)).state is State.CANCELLED
    assert (await record_of(customer, waiting)).state is State.CANCELLED
    assert len([one for one in await seen(customer) if one.startswith("slow")]) == 1


async def test_a_job_that_the_service_cancels_while_it_waits_is_an_aborted_job_for_its_client(
    customer: ArqRedis, settings: Settings
) -> None:
    running = [await enqueue(customer, "slow") for _ in range(5)]  # max_jobs
    await eventually(lambda: _states(customer, running), [State.RUNNING] * 5)
    waiting = await enqueue(customer, "add", 1, 2)
    await eventually(lambda: _states(customer, [waiting]), [State.QUEUED])
    assert await JobStore(customer, settings).cancel(waiting.job_id) == "cancelled"
    with pytest.raises(asyncio.CancelledError):
        await result(waiting)
    assert all(await asyncio.gather(*(job.abort(timeout=10, poll_delay=0.02) for job in running)))


async def test_a_job_whose_time_to_live_is_over_is_not_begun(customer: ArqRedis) -> None:
    late = await enqueue(customer, "add", 1, 2, _defer_by=0.1, _expires=0.01)
    with pytest.raises(JobExecutionFailed, match="job expired"):
        await result(late)

    assert ((await record_of(customer, late)).error or {})["code"] == "expired"
    assert await seen(customer) == []


async def test_a_failed_job_is_retried_with_its_arguments(customer: ArqRedis, settings: Settings) -> None:
    failing = await enqueue(customer, "unsteady", 4)
    with pytest.raises(JobExecutionFailed):
        await result(failing)
    assert await JobStore(customer, settings).retry([failing.job_id]) == ["reopened"]
    with pytest.raises(JobExecutionFailed, match="max 3 retries exceeded"):
        await result(failing)

    assert len((await record_of(customer, failing)).attempts) == 6


async def test_a_function_of_one_try_is_not_begun_again_after_a_death(bookshop: Bookshop, client: ArqRedis) -> None:
    async with bookshop() as process:
        job = await enqueue(client, "killer")
        await asyncio.to_thread(process.wait, 20)
    # The lease is not waited for: its end is what this test makes.
    await client.delete(in_progress_key_prefix + job.job_id)
    await client.zadd(QUEUE, {job.job_id: 1})
    await client.hdel(f"{QUEUE_HASH}arq/{QUEUE}", "seen", "patience")
    async with bookshop():
        with pytest.raises(JobExecutionFailed, match="max 1 retries exceeded"):
            await result(job, 20)

    assert await seen(client) == ["startup", "killer 1", "startup"]


async def test_a_stopping_worker_hands_its_jobs_back_and_shuts_the_application_down(
    bookshop: Bookshop, client: ArqRedis
) -> None:
    async with bookshop() as process:
        job = await enqueue(client, "slow")
        await eventually(lambda: _states(client, [job]), [State.RUNNING])
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0

    assert await _states(client, [job]) == [State.QUEUED]
    assert await seen(client) == ["startup", f"slow {job.job_id} 1", "shutdown hello"]
    # It used up no try.
    async with bookshop():
        await eventually(lambda: seen(client), lambda told: told[-1] == f"slow {job.job_id} 1" and len(told) == 5)


async def test_a_worker_of_the_service_leaves_the_jobs_of_an_application_in_a_shared_queue(
    bookshop: Bookshop, client: ArqRedis, redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async with bookshop("SharedSettings"), working(redis, settings):
        ours = await redis.enqueue_job("echo", times=7)
        theirs = [await enqueue(client, "add", n, 1, _queue_name=arq_queue("default")) for n in range(20)]
        assert [await result(job) for job in theirs] == list(range(1, 21))
        assert ours is not None
        await ours.result(timeout=PATIENCE_S, poll_delay=0.02)
        record = await job_client.ended(ours.job_id)

    assert record.queue == "default"
    assert {(await record_of(client, job)).queue for job in theirs} == {f"arq/{arq_queue('default')}"}


async def test_serializers_of_the_applications_own_need_no_pickle(bookshop: Bookshop, client: ArqRedis) -> None:
    async with bookshop("MsgpackSettings", "--arq=bookshop.worker.MsgpackSettings"):
        client.job_serializer, client.job_deserializer = serialize, deserialize
        job = await enqueue(client, "add", 1, 2, _queue_name="bookshop:msgpack")
        assert await result(job) == 3
