"""What a worker of an ARQ application makes of bodies that nobody should write, and of a Redis that is away."""

import logging
import pickle
from collections.abc import AsyncIterator
from typing import Any, cast

import msgpack
import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix
from arq.utils import timestamp_ms
from arq.worker import func
from bookshop.tasks import add, flaky

from tasks.kind import Kind
from tasks.queue.application_keys import READING
from tasks.queue.connect import close, connect
from tasks.queue.redis_keys import JOB, QUEUE, WAKE
from tasks.queue.wire import serialize
from tasks.settings import Settings
from tests.support.kinds import KINDS
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import record_of
from tools.servers import free_port
from worker.application.application import ArqApplication
from worker.application.served_functions import ServedFunctions
from worker.application.watch import JobWatch
from worker.application.worker_settings import ApplicationSettings
from worker.attempts.running import ClaimedJob

NAME = "bookshop:queue"
FUNCTIONS = {"add": func(add), "batch": func(flaky, name="batch"), "echo": func(add, name="echo")}
GOOD: dict[str, Any] = {"t": None, "f": "add", "a": (1, 2), "k": {}, "et": 1}


class NoCounts:
    jobs_complete = jobs_failed = jobs_retried = 0


def served(redis: ArqRedis, settings: Settings, kinds: dict[str, Kind[Any]] | None = None, **options: Any) -> Any:
    application = ArqApplication(
        ApplicationSettings(FUNCTIONS, queue_name=NAME, **options), redis, watch=JobWatch(NoCounts())
    )
    return ServedFunctions(redis, settings, application, reason_of=lambda _job: None, kinds=kinds or {})


@pytest.fixture
async def shop(redis: ArqRedis) -> AsyncIterator[ArqRedis]:
    yield redis
    await redis.delete(NAME, f"{QUEUE}arq/{NAME}", f"{WAKE}arq/{NAME}")


@pytest.fixture
def worker(shop: ArqRedis, settings: Settings) -> FakeWorker:
    return FakeWorker(shop, settings)


async def adopted(redis: ArqRedis, functions: ServedFunctions, body: bytes) -> Any:
    await redis.set(job_key_prefix + "theirs", body, px=60_000)
    await functions.adopt("theirs", f"arq/{NAME}", body, score=1)
    return await record_of(redis, "theirs")


@pytest.mark.parametrize(
    "changes",
    [
        {"f": ["add"]},
        {"f": 7},
        {"f": "x" * 501},
        {"f": "a\0b"},
        {"f": "\ud800"},
        {"a": None},
        {"k": ["one"]},
        {"k": {1: 2}},
        {"et": "soon"},
        {"et": 10**30},
        {"t": "first"},
    ],
    ids=lambda changes: ascii(changes)[:20],
)
async def test_a_body_that_no_client_writes_is_a_record_that_fails(
    shop: ArqRedis, settings: Settings, worker: FakeWorker, changes: dict[str, Any]
) -> None:
    functions = served(shop, settings)
    record = await adopted(shop, functions, pickle.dumps({**GOOD, **changes}))
    assert record.kind == "unreadable"
    job = await worker.one(functions=functions.rules["functions"], **{f"arq/{NAME}": 1})
    outcome = await functions.attempt(job, 0)
    assert (outcome.verb, outcome.error[0]) == ("failed", "unreadable_job")
    assert "None" not in outcome.error[1]
    await worker.finish(job, "failed")


@pytest.mark.parametrize(("function", "kind"), [("add", "add"), ("batch", "function:batch"), ("echo", "function:echo")])
async def test_a_function_that_is_called_as_a_kind_of_the_service_is_not_taken_for_it(
    shop: ArqRedis, settings: Settings, worker: FakeWorker, function: str, kind: str
) -> None:
    functions = served(shop, settings, dict(KINDS))
    record = await adopted(shop, functions, pickle.dumps({**GOOD, "f": function}))
    assert record.kind == kind
    queue, names = f"arq/{NAME}", functions.rules["functions"]
    job = await worker.one(functions=names, **{queue: 1})
    # Workers die under it until it waits among the suspects.
    for attempt in (2, 3):
        await shop.delete(in_progress_key_prefix + "theirs")
        await shop.zadd(NAME, {"theirs": 1})
        job = await worker.one(functions=names, **{queue: 1})
        assert (job.id, job.attempt) == ("theirs", attempt)
    assert job.suspect
    assert job.tries == 2
    await worker.finish(job, "failed")


async def test_a_job_of_the_services_client_in_a_shared_queue_is_left_to_a_worker_that_may_have_its_kind(
    shop: ArqRedis, settings: Settings
) -> None:
    application = ArqApplication(ApplicationSettings(FUNCTIONS), shop, watch=JobWatch(NoCounts()))
    functions = ServedFunctions(shop, settings, application, reason_of=lambda _job: None, kinds={})
    body, due = serialize({**GOOD, "f": "unknown-here", "a": ()}), timestamp_ms()
    await shop.set(job_key_prefix + "ours", body, px=60_000)
    await functions.adopt("ours", "arq/arq:queue", body, score=due)
    assert await shop.exists(JOB + "ours") == 0
    assert functions.left() == {"left": {"ours": True}}
    await shop.delete(job_key_prefix + "ours")


async def test_a_serializer_that_cannot_write_exceptions_warns_for_no_job(
    shop: ArqRedis, settings: Settings, worker: FakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    functions = served(shop, settings, job_serializer=msgpack.packb, job_deserializer=msgpack.unpackb)
    with caplog.at_level(logging.WARNING):
        await adopted(shop, functions, msgpack.packb(GOOD))
    assert caplog.records == []
    packed = await shop.hget(JOB + "theirs", "arq_failed")
    assert packed is not None
    assert msgpack.unpackb(packed)["r"] == "unable to serialize result"
    await worker.finish(await worker.one(functions=functions.rules["functions"], **{f"arq/{NAME}": 1}))


async def test_a_redis_that_is_away_as_an_attempt_begins_costs_no_try_and_no_worker(settings: Settings) -> None:
    away = connect(f"redis://127.0.0.1:{free_port()}")
    job = ClaimedJob("theirs", f"arq/{NAME}", "add", "system", "{}", attempt=1, tries=0, created_at=1, started_at=1)
    outcome = await served(away, settings).attempt(job, 0)
    await close(away)
    assert outcome.verb == "handed_back"


async def test_a_signal_is_only_kept_for_a_queue_that_is_served(shop: ArqRedis) -> None:
    own = ArqApplication(ApplicationSettings(FUNCTIONS, queue_name=NAME), shop, watch=JobWatch(NoCounts())).redis
    await own.enqueue_job("add", _queue_name="nobodys", _job_id="one")
    assert await shop.exists(f"{WAKE}arq/nobodys") == 0
    await shop.hset(f"{QUEUE}arq/{NAME}", "application", "1")
    await own.enqueue_job("add", _job_id="two")
    assert await shop.pttl(f"{WAKE}arq/{NAME}") > 0
    await shop.delete("nobodys", job_key_prefix + "one", job_key_prefix + "two")


async def test_an_adoption_takes_two_round_trips(
    shop: ArqRedis, settings: Settings, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions, names = served(shop, settings), {"functions": {"add": True}}
    await adopted(shop, functions, pickle.dumps(GOOD))  # Redis knows the scripts from now on
    assert await worker.finish(await worker.one(**names, **{f"arq/{NAME}": 1}))
    body, send = pickle.dumps(GOOD), cast(Any, shop.execute_command)
    sent: list[str] = []

    async def note(*args: Any, **options: Any) -> Any:
        sent.append(args[0])
        return await send(*args, **options)

    await shop.set(job_key_prefix + "second", body, px=60_000)
    monkeypatch.setattr(shop, "execute_command", note)
    await functions.adopt("second", f"arq/{NAME}", body, score=1)
    monkeypatch.undo()
    assert len(sent) == 2, sent
    assert await shop.exists(READING + "second") == 0
    assert await worker.finish(await worker.one(**names, **{f"arq/{NAME}": 1}))
