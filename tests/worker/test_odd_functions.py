"""Functions of a user's own that end in odd ways: each is a failed try of its job, and harms nobody else."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tasks.kind import JobContext, Result
from tasks.queue.connect import connect
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import State
from tasks.queue.redis_keys import WORKERS
from tasks.settings import Settings
from tests.support.engine_running import JobClient, working
from tests.support.eventually import eventually
from tests.support.kinds import KINDS, Anything, kind
from tools.servers import Valkey, free_port

Function = Callable[[JobContext[Anything]], Awaitable[Result]]


async def raise_cancelled(job: JobContext[Anything]) -> Result:
    raise asyncio.CancelledError("mine")


async def await_a_cancelled_task(job: JobContext[Anything]) -> Result:
    inner = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    inner.cancel()
    await inner
    return Result()


async def cancel_own_task(job: JobContext[Anything]) -> Result:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(10)
    return Result()


async def ask_another_redis(job: JobContext[Anything]) -> Result:
    async with Redis(port=free_port()) as other:
        await other.get("x")
    return Result()


async def exit_process(job: JobContext[Anything]) -> Result:
    sys.exit(3)


async def raise_interrupt(job: JobContext[Anything]) -> Result:
    raise KeyboardInterrupt


async def raise_generator_exit(job: JobContext[Anything]) -> Result:
    raise GeneratorExit


async def recurse(job: JobContext[Anything]) -> Result:
    def deeper() -> None:
        deeper()

    deeper()
    return Result()


async def raise_surrogates(job: JobContext[Anything]) -> Result:
    raise RuntimeError("bad \ud800 \0 text")


async def return_surrogates(job: JobContext[Anything]) -> Result:
    return Result(value={"x": "\ud800"})


async def return_nothing(job: JobContext[Anything]) -> Result:
    return None  # type: ignore[return-value]


async def raise_what_has_no_text(job: JobContext[Anything]) -> Result:
    class Mute(Exception):  # noqa: N818 - a user's own
        def __str__(self) -> str:
            raise ValueError("no text")

    raise Mute


async def raise_group(job: JobContext[Anything]) -> Result:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(10))
        group.create_task(raise_surrogates(job))
    return Result()


async def note_what_is_no_json(job: JobContext[Anything]) -> Result:
    job.notes.about["when"] = object()
    return Result()


ODD: dict[Function, str] = {
    raise_cancelled: "CancelledError: mine",
    await_a_cancelled_task: "CancelledError: ",
    cancel_own_task: "CancelledError: ",
    ask_another_redis: "ConnectionError: ",
    exit_process: "SystemExit: 3",
    raise_interrupt: "KeyboardInterrupt: ",
    raise_generator_exit: "GeneratorExit: ",
    recurse: "RecursionError: maximum",
    raise_surrogates: "RuntimeError: bad",
    return_surrogates: "UnicodeEncodeError: ",
    return_nothing: "AttributeError: ",
    raise_what_has_no_text: "Mute: ",
    raise_group: "ExceptionGroup: unhandled",
}


@pytest.mark.parametrize("function", ODD, ids=lambda function: function.__name__)
async def test_it_is_a_failed_try_with_back_off(
    redis: ArqRedis, settings: Settings, job_client: JobClient, function: Any
) -> None:
    async with working(redis, settings, kinds={**KINDS, function.__name__: kind(function)}):
        record = await job_client.ended(await job_client.submit(function.__name__))
        assert (await job_client.ended(await job_client.submit("nothing"))).state is State.SUCCEEDED

    assert [one["outcome"] for one in record.attempts] == ["retrying", "retrying", "failed"]
    assert record.error is not None
    assert record.error["code"] == "failed"
    assert record.error["message"].startswith(ODD[function])


async def test_notes_that_cannot_be_written_fail_the_job_not_the_worker(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async with working(redis, settings, kinds={**KINDS, "note_what_is_no_json": kind(note_what_is_no_json)}):
        record = await job_client.ended(await job_client.submit("note_what_is_no_json"))
        assert (await job_client.ended(await job_client.submit("nothing"))).state is State.SUCCEEDED
    assert record.error == {
        "code": "failed",
        "message": "What the function noted about its attempt cannot be written as JSON.",
    }


async def test_one_that_asks_to_be_cancelled_and_returns_has_succeeded(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async def ask_and_return(job: JobContext[Anything]) -> Result:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return Result(value={"done": True})

    async with working(redis, settings, kinds={"ask_and_return": kind(ask_and_return)}):
        record = await job_client.ended(await job_client.submit("ask_and_return"))
    assert (record.state, record.result) == (State.SUCCEEDED, {"done": True})


async def test_a_cancellation_of_ours_counts_though_the_function_raises_one_of_its_own(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async def raise_another(job: JobContext[Anything]) -> Result:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise asyncio.CancelledError("mine") from None
        return Result()

    async with working(redis, settings, kinds={"raise_another": kind(raise_another)}):
        job_id = await job_client.submit("raise_another")
        await job_client.until(job_id, State.RUNNING)
        await JobStore(redis, settings).cancel(job_id)
        assert (await job_client.ended(job_id)).state is State.CANCELLED


async def test_an_outage_of_our_own_redis_uses_up_no_try(settings: Settings) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def ask_redis(job: JobContext[Anything]) -> Result:
        if job.attempt == 1:
            began.set()
            await go_on.wait()
            raise RedisConnectionError("as job.redis would, while it is away")
        return Result()

    with Valkey(appendonly=True) as server:
        redis = connect(server.url)
        async with (
            JobClient(redis, settings) as job_client,
            working(redis, settings, kinds={"ask_redis": kind(ask_redis)}),
        ):
            job_id = await job_client.submit("ask_redis")
            await asyncio.wait_for(began.wait(), 10)
            server.kill()
            go_on.set()
            await asyncio.sleep(0.3)
            server.start()
            since = time.monotonic()
            record = await job_client.ended(job_id)
            waited_s = time.monotonic() - since
        await redis.aclose(close_connection_pool=True)  # type: ignore[attr-defined]

    assert [one["outcome"] for one in record.attempts] == ["postponed", "succeeded"]
    assert (record.tries, record.attempts[0]["error"]["code"]) == (0, "unavailable")
    assert waited_s > 1, "it is not tried again at once, for what is away stays away for a while"


async def test_a_function_that_cancels_every_task_ends_the_worker_loudly(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    async def cancel_duties(job: JobContext[Anything]) -> Result:
        for task in asyncio.all_tasks():
            if task.get_name() in ("Heartbeat", "LeaseKeeper"):
                task.cancel()
        return Result()

    async def work_until_it_ends() -> None:
        async with working(redis, settings, kinds={"cancel_duties": kind(cancel_duties)}):
            await job_client.ended(await job_client.submit("cancel_duties"))
            await eventually(lambda: redis.zcard(WORKERS), 0)

    with pytest.raises(RuntimeError, match="was cancelled, maybe by a function"):
        await work_until_it_ends()
