"""Jobs by worker, endpoint, batch and schedule: found by the indexes that there are, at a bounded cost."""

from collections.abc import AsyncIterator
from itertools import chain
from typing import Any, Final

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records import list as list_module
from tasks.queue.records.list import Ids, Listing, Selection
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, JOBS, RUNS
from tasks.schedule.runs import SKIPPED
from tasks.settings import Settings
from tests.support.queue.ended_records import pack_all
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.fan_out import deliveries
from tests.support.queue.submissions import submission, submit

ENDPOINT: Final = "c2f1a9d04b7e4e6f9a83d5b6170c2e4d"
SCHEDULE: Final = "9d2e7c4b1a8f4e3da5c06b7f1e8d9c02"


@pytest.fixture
async def runs(redis: ArqRedis) -> AsyncIterator[str]:
    """The key of the runs of SCHEDULE, which is no schedule that would delete them."""
    yield RUNS + SCHEDULE
    await redis.delete(RUNS + SCHEDULE)


def of(owner: str | None = "dev", **criterion: Any) -> Selection:
    return Selection((), owner=owner, **criterion)


async def listed(redis: ArqRedis, selection: Selection, limit: int = 50) -> Ids:
    return await Listing(redis).ids(selection, limit=limit)


async def pages(redis: ArqRedis, selection: Selection, limit: int) -> list[Ids]:
    shown = [await listed(redis, selection, limit)]
    while (cursor := shown[-1].cursor) is not None:
        assert len(shown) < 300, "a cursor goes round in circles"
        shown.append(await Listing(redis).ids(selection, limit=limit, cursor=cursor))
    return shown


async def run_at(redis: ArqRedis, enqueuer: Enqueuer, runs: str, created: int, due: int) -> str:
    """A run that was made and due at these times."""
    job_id = await submit(enqueuer)
    await redis.hset(JOB + job_id, "created_at", created)
    await redis.zadd(runs, {job_id: due})
    return job_id


async def test_only_what_is_listed_is_looked_at(redis: ArqRedis, enqueuer: Enqueuer, job_store: JobStore) -> None:
    batch = await job_store.open_batch("dev")
    for _ in range(20):
        await submit(enqueuer)
    await deliveries(redis, 5, endpoint="another")
    parts = {await submit(enqueuer, batch=batch) for _ in range(3)}
    sent = set(await deliveries(redis, 2, event="order", endpoint=ENDPOINT))
    for criterion, ids in (({"batch": batch}, parts), ({"endpoint": ENDPOINT}, sent)):
        for owner in ("dev", None):
            page = await listed(redis, of(owner, **criterion))
            assert (set(page.ids), page.cursor, page.examined) == (ids, None, len(ids))


async def test_anothers_group_gives_nothing_away(
    redis: ArqRedis, enqueuer: Enqueuer, job_store: JobStore, runs: str
) -> None:
    batch = await job_store.open_batch("dev")
    for _ in range(3):
        await submit(enqueuer, batch=batch)
        await run_at(redis, enqueuer, runs, 5, 5)
    await deliveries(redis, 3, endpoint=ENDPOINT)
    for criterion in ({"batch": batch}, {"endpoint": ENDPOINT}, {"schedule": SCHEDULE}):
        selection = of("another", **criterion)
        assert await listed(redis, selection, 1) == Ids([], None, 0)
        assert not selection.countable
        assert set((await Listing(redis).counts(selection)).values()) == {0}


async def test_a_batch_is_searched_by_state_kind_and_tag(
    redis: ArqRedis, enqueuer: Enqueuer, job_store: JobStore
) -> None:
    batch = await job_store.open_batch("dev")
    plain, tagged, late = [
        await submit(enqueuer, batch=batch),
        await submit(enqueuer, batch=batch, kind="report", tags=("a",)),
        await submit(enqueuer, batch=batch, delay_ms=60_000),
    ]
    await submit(enqueuer, tags=("a",))
    assert (await listed(redis, of(batch=batch, state=State.SCHEDULED))).ids == [late]
    assert (await listed(redis, of(batch=batch, kind="report"))).ids == [tagged]
    assert (await listed(redis, of(batch=batch, tags=("a",), tag_owner="dev"))).ids == [tagged]
    assert await job_store.cancel_all([plain]) == ["cancelled"]
    assert await job_store.delete([plain]) == ["deleted"]
    assert set((await listed(redis, of(batch=batch))).ids) == {tagged, late}


@pytest.mark.parametrize("limit", [1, 2, 4, 50])
async def test_runs_are_listed_by_the_time_at_which_they_were_made(
    redis: ArqRedis, enqueuer: Enqueuer, runs: str, limit: int
) -> None:
    """They are in their index by when they were due, with what did not run, and what is no longer kept."""
    made = [(created, await run_at(redis, enqueuer, runs, created, 100 - created)) for created in (5, 7, 7, 7, 7, 9)]
    await redis.zadd(runs, {f"{SKIPPED}missed:6:8": 6, "0" * 32: 7})
    expected = [job_id for _, job_id in sorted(made, reverse=True)]
    shown = await pages(redis, of(schedule=SCHEDULE), limit)
    assert list(chain(*(page.ids for page in shown))) == expected
    assert all(len(page.ids) == limit for page in shown[:-1])
    assert (await listed(redis, of(schedule=SCHEDULE, since_ms=6, until_ms=8))).ids == expected[1:5]
    assert (await listed(redis, of(schedule=SCHEDULE, prefix=expected[5]))).ids == [expected[5]]
    assert (await listed(redis, of(schedule=SCHEDULE, state=State.FAILED))).ids == []
    assert await listed(redis, of(schedule="cleanup")) == Ids([], None, 0)


async def test_a_worker_is_found_in_packed_records_at_a_bounded_cost(
    redis: ArqRedis, enqueuer: Enqueuer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = FakeWorker(redis, settings, "one"), FakeWorker(redis, settings, "other")
    wanted = await submit(enqueuer)
    await redis.hset(JOB + wanted, "created_at", 1)
    await one.finish(await one.one())
    for _ in range(25):
        await submit(enqueuer)
        await other.finish(await other.one())
    for job_index in ("dev/echo", "*/echo"):
        await redis.zadd(f"{JOBS}{job_index}:succeeded", {wanted: 1})
    assert await pack_all(redis, settings) == 26
    selection = Selection(("dev/echo",), worker="one")
    assert (await listed(redis, selection)) == Ids([wanted], None, 26)
    monkeypatch.setattr(list_module, "ROUNDS", 3)
    shown = await pages(redis, selection, 2)
    assert [page.examined for page in shown] == [6, 6, 6, 6, 2]
    assert [page.ids for page in shown] == [[], [], [], [], [wanted]]
    monkeypatch.setattr(list_module, "LOOK_AT_MOST", 5)
    shown = await pages(redis, selection, 2)
    assert [page.examined for page in shown] == [5, 5, 5, 5, 5, 1]
    assert list(chain(*(page.ids for page in shown))) == [wanted]


async def test_a_job_that_waits_again_is_of_the_worker_that_ran_it_last(
    redis: ArqRedis, enqueuer: Enqueuer, settings: Settings
) -> None:
    one, other = FakeWorker(redis, settings, "one"), FakeWorker(redis, settings, "other")
    job_id = (await enqueuer.enqueue(submission())).job_id
    assert (await listed(redis, Selection(("dev/echo",), worker="one"))).ids == []
    await one.finish(await one.one(), "retrying", value=["truncated", "Half of it."], delay_ms=0)
    assert (await listed(redis, Selection(("dev/echo",), worker="one", code="truncated"))).ids == [job_id]
    await other.one()
    assert (await listed(redis, Selection(("dev/echo",), worker="one"))).ids == []
    assert (await listed(redis, Selection(("dev/echo",), worker="other", state=State.RUNNING))).ids == [job_id]
