"""An engine at work inside the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from arq.connections import ArqRedis

from tasks.kind import Kind, Notes, Scratch
from tasks.outbound.protocol import FetchedFile, Outbound, OutboundRequest, OutboundResponse
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.list import read
from tasks.queue.records.record import Record, State
from tasks.queue.watch.watch import Watch
from tasks.schedule.store import BuiltInSchedule
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tests.support.eventually import eventually
from tests.support.kinds import KINDS, Anything
from worker.attempts.queue_plan import QueuePlan
from worker.engine import Engine
from worker.resources import WorkerResources

PATIENCE_S = 20.0


class NoSandbox:
    """For kinds that need none: calling it is a mistake of the test."""

    def of(self, owner: str, scratch: Scratch, notes: Notes | None = None) -> "NoSandbox":  # noqa: ARG002
        return self

    async def call(self, *_args: Any, **_options: Any) -> Any:
        raise AssertionError("this test's kinds use no sandbox")


class NoOutbound:
    """For kinds that speak to nobody: as above."""

    async def post(self, request: OutboundRequest) -> OutboundResponse:  # noqa: ARG002
        raise AssertionError("this test's kinds post nothing")

    async def fetch(self, url: str, into: Path, *, max_bytes: int) -> FetchedFile:  # noqa: ARG002
        raise AssertionError("this test's kinds fetch nothing")


def settings_for(redis: ArqRedis, **changes: Any) -> Settings:
    """Settings that no environment and no .env reaches."""
    return Settings(_env_file=None, **{"storage_url": "memory://", **changes})


class EngineOptions(TypedDict, total=False):
    """What an engine is made of, if not of these tests' kinds and a storage in memory."""

    concurrency: dict[str, int] | None
    kinds: Mapping[str, Kind[Any]]
    storage: Storage | None
    outbound: Outbound | None
    built_in: Sequence[BuiltInSchedule]
    plan: QueuePlan | None


def engine_for(redis: ArqRedis, settings: Settings, **options: Unpack[EngineOptions]) -> Engine:
    """An engine that uses no sandbox, for the caller to run."""
    storage, outbound = options.get("storage"), options.get("outbound")
    return Engine(
        WorkerResources(redis, storage or open_storage(settings), NoSandbox(), outbound or NoOutbound()),
        settings,
        concurrency=options.get("concurrency") or {"default": 10},
        kinds=options.get("kinds", KINDS),
        built_in=options.get("built_in", ()),
        plan=options.get("plan"),
    )


@asynccontextmanager
async def working(redis: ArqRedis, settings: Settings, **options: Unpack[EngineOptions]) -> AsyncIterator[Engine]:
    """An engine that runs until the block ends; it is stopped gracefully then."""
    engine = engine_for(redis, settings, **options)
    task = asyncio.create_task(engine.run())
    try:
        yield engine
    finally:
        engine.stop()
        await task


class JobClient:
    """Submits jobs and waits for them, as the API does."""

    def __init__(self, redis: ArqRedis, settings: Settings) -> None:
        self.redis = redis
        self.enqueuer = Enqueuer(redis, settings)
        self.watch = Watch(redis)

    async def __aenter__(self) -> Self:
        self.watch.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.watch.stop()

    async def submit(self, kind: str, *, queue: str = "default", owner: str = "dev", **options: Any) -> str:
        """options: fields of Submission; whatever else is a param of the job."""
        fields = {name: options.pop(name) for name in list(options) if name in Submission.__dataclass_fields__}
        params = Anything(**options).model_dump_json()
        submitted = await self.enqueuer.enqueue(
            Submission(kind=kind, queue=queue, owner=owner, params=params, **fields)
        )
        return submitted.job_id

    async def read(self, job_id: str) -> Record:
        record = await read(self.redis, job_id)
        assert record is not None
        return record

    async def ended(self, job_id: str, seconds: float = PATIENCE_S) -> Record:
        record = await self.watch.wait_until_ended(job_id, seconds)
        assert record is not None
        assert record.state.ended, record
        return record

    async def until(self, job_id: str, state: State) -> Record:
        """Wait until the job is in this state."""
        record: Record = await eventually(lambda: self.read(job_id), lambda seen: seen.state is state)
        return record
