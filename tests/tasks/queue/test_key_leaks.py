"""The check that runs after every test notices what it is there for."""

from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.settings import Settings
from tests.support.key_leaks import key_leaks
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit
from tools.servers import Valkey


@pytest.fixture
async def untidy(valkey: Valkey) -> AsyncIterator[ArqRedis]:
    """A client of a database that nobody looks through afterwards."""
    client = connect(valkey.url.removesuffix("/0") + "/1")
    yield client
    await client.flushdb()
    await close(client)


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("SET pressroom:unheard:of 1", "no line of the table"),
        ("SET arq:job:x body", "no line of the table"),
        ("HSET pressroom:job:x state failed", "no time to live"),
        ("ZADD pressroom:turns:default 1 owner:dev", "nobody waits"),
        ("ZADD pressroom:line:default:owner:dev 1 x", "do not wait"),
        ("ZADD pressroom:suspects:default 1 x", "do not wait"),
        ("HSET pressroom:lane:default:owner:dev running 1", "there are 0"),
        ("HSET pressroom:lane:default:owner:dev next 1", "says nothing"),
        ("HSET pressroom:endpoint:x owner dev", "no owner's index"),
        ("ZADD pressroom:endpoints:dev 1 x", "are gone"),
        ("ZADD pressroom:subscribers:dev:job.* 0 x", "did not ask for this"),
        ("ZADD arq:queue:media 1 x", "not alive"),
        ("HSET pressroom:queue:origami turn 1", "no such queue"),
    ],
)
async def test_what_would_stay_for_ever_is_named(untidy: ArqRedis, command: str, what: str) -> None:
    await untidy.execute_command(*command.split())  # type: ignore[no-untyped-call]
    (found,) = await key_leaks(untidy)
    assert found.startswith(command.split()[1])
    assert what in found


async def test_live_jobs_may_have_all_they_need(untidy: ArqRedis, settings: Settings) -> None:
    enqueuer, worker = Enqueuer(untidy, settings), FakeWorker(untidy, settings)
    for delay_ms in (0, 0, 60_000):
        await submit(enqueuer, delay_ms=delay_ms, blobs=("b" * 64,))
    job = await worker.one()
    assert await key_leaks(untidy) == []
    await worker.finish(job)
    assert await key_leaks(untidy) == []
