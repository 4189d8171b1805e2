"""Looking for jobs: several job indexes as one list, by prefix and queue, at a bounded cost."""

import random
from collections import Counter
from itertools import chain

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records import indexes
from tasks.queue.records import list as read_module
from tasks.queue.records.list import Listing, Selection
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB, JOBS
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit


@pytest.fixture
def listing(redis: ArqRedis) -> Listing:
    return Listing(redis)


async def all_ids(listing: Listing, selection: Selection, limit: int = 3) -> list[list[str]]:
    """Page by page."""
    pages, cursor = [], None
    while True:
        found = await listing.ids(selection, limit=limit, cursor=cursor)
        pages.append(found.ids)
        cursor = found.cursor
        if cursor is None:
            return pages
        assert len(pages) < 300, "a cursor goes round in circles"


async def submit_at(redis: ArqRedis, enqueuer: Enqueuer, created: int, **fields: str) -> str:
    """A job that was made at this time, as its record and its indexes say."""
    job_id = await submit(enqueuer, **fields)
    await redis.hset(JOB + job_id, "created_at", created)
    owner, kind = fields.get("owner", "dev"), fields.get("kind", "echo")
    for job_index in indexes.of_job(owner, kind).split():
        await redis.zadd(f"{JOBS}{job_index}:queued", {job_id: created})
    return job_id


async def test_several_indexes_are_one_list(redis: ArqRedis, enqueuer: Enqueuer, listing: Listing) -> None:
    """Also where jobs of two indexes are of the same millisecond."""
    owners = ("a/echo", "b/echo", "c/echo")
    made = [(n // 4, await submit_at(redis, enqueuer, n // 4, owner=owners[n % 3][0])) for n in range(30)]
    expected = [job_id for _, job_id in sorted(made, reverse=True)]
    for limit in (1, 4, 7, 100):
        pages = await all_ids(listing, Selection(owners), limit)
        assert list(chain(*pages)) == expected
        assert all(len(page) == limit for page in pages[:-1])
    assert await all_ids(listing, Selection(("a/echo", "b/echo"), since_ms=6, until_ms=6), 100) == [
        [job_id for at, job_id in sorted(made, reverse=True) if at == 6 and job_id in await of(redis, "a", "b")]
    ]


async def test_of_very_many_indexes_a_page_is_right_and_quick(redis: ArqRedis, listing: Listing) -> None:
    """As an admin's, who asks for every owner's and every kind's."""
    names, chance = tuple(f"o{n // 8}/k{n % 8}" for n in range(800)), random.Random(1)  # noqa: S311 - the same in every run
    made = [(chance.randrange(1_500), f"{n:032x}", names[min(chance.randrange(1_600), 799)]) for n in range(3_000)]
    async with redis.pipeline(transaction=False) as pipe:
        for created, job_id, name in made:
            pipe.hset(JOB + job_id, mapping={"state": "queued", "queue": "default"})
            pipe.zadd(f"{JOBS}{name}:queued", {job_id: created})
        await pipe.execute()
    expected = [job_id for _, job_id, _ in sorted(made, reverse=True)]
    await redis.config_resetstat()
    assert list(chain(*await all_ids(listing, Selection(names, State.QUEUED), 200))) == expected
    calls = (await redis.info("commandstats"))["cmdstat_zrevrangebyscore"]
    assert calls["calls"] < 20 * 1_000
    assert (
        await listing.ids(Selection(names, State.QUEUED, queue="media"), limit=50)
    ).examined == read_module.LOOK_AT_MOST
    await redis.flushall()


async def of(redis: ArqRedis, *owners: str) -> set[str]:
    return {one.decode() for owner in owners for one in await redis.zrange(f"{JOBS}{owner}/echo:queued", 0, -1)}


async def test_more_jobs_of_one_millisecond_than_one_look_takes(
    redis: ArqRedis, enqueuer: Enqueuer, listing: Listing
) -> None:
    made = {await submit_at(redis, enqueuer, 7) for _ in range(230)}
    shown = list(chain(*await all_ids(listing, Selection(("dev/echo",)), 50)))
    assert Counter(shown) == dict.fromkeys(made, 1)


async def test_names_and_ids_are_found_by_their_beginnings(enqueuer: Enqueuer, listing: Listing) -> None:
    holiday = await submit(enqueuer, name="Holiday-1.jpg")
    other = await submit(enqueuer, name="holler.jpg")
    nameless = await submit(enqueuer)

    async def ids_of(prefix: str) -> set[str]:
        return set(chain(*await all_ids(listing, Selection(("dev/echo",), prefix=prefix))))

    assert await ids_of("holiday") == {holiday}
    assert await ids_of("HOL") >= {holiday, other}
    assert await ids_of("day") == set()
    assert await ids_of(nameless[:12]) == {nameless}
    assert await ids_of(nameless.upper()) == {nameless}
    assert await ids_of("%") == await ids_of(".*") == await ids_of("[") == set()


async def test_of_a_queue_only_its_jobs_are_found(enqueuer: Enqueuer, listing: Listing) -> None:
    media, reports = await submit(enqueuer, queue="media"), await submit(enqueuer, queue="reports")
    assert await all_ids(listing, Selection(("dev/echo",), queue="media")) == [[media]]
    assert await all_ids(listing, Selection(("dev/echo",), queue="reports", state=State.QUEUED)) == [[reports]]
    assert await all_ids(listing, Selection(("dev/echo",), queue="default")) == [[]]


async def test_a_page_looks_at_so_many_records_and_gives_a_cursor(
    enqueuer: Enqueuer, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_module, "LOOK_AT_MOST", 10)
    wanted = await submit(enqueuer, name="needle")
    for _ in range(25):
        await submit(enqueuer, name="hay")
    selection, cursor, pages = Selection(("dev/echo",), prefix="needle"), None, []
    while True:
        found = await listing.ids(selection, limit=5, cursor=cursor)
        pages.append((found.ids, found.examined))
        cursor = found.cursor
        if cursor is None:
            break
    assert sum(looked for _, looked in pages) == 26
    assert [looked for _, looked in pages] == [10, 10, 6]
    assert [ids for ids, _ in pages] in ([[], [], [wanted]], [[wanted], [], []], [[], [wanted], []])


async def test_a_whole_id_is_found_at_once_wherever_it_stands(
    redis: ArqRedis, enqueuer: Enqueuer, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_module, "LOOK_AT_MOST", 1)
    oldest = await submit_at(redis, enqueuer, 5)
    for n in range(3):
        await submit_at(redis, enqueuer, 10 + n)
    assert await all_ids(listing, Selection(("dev/echo",), prefix=oldest.upper())) == [[oldest]]
    for other in (
        Selection(("another/echo",), prefix=oldest),
        Selection(("dev/echo",), prefix=oldest, state=State.FAILED),
        Selection(("dev/echo",), prefix=oldest, queue="media"),
        Selection(("dev/echo",), prefix=oldest, since_ms=6),
        Selection(("dev/echo",), prefix=oldest, until_ms=4),
    ):
        assert set(chain(*await all_ids(listing, other))) == set()


async def test_what_has_expired_is_not_listed_and_shortens_no_page(
    redis: ArqRedis, enqueuer: Enqueuer, listing: Listing, worker: FakeWorker
) -> None:
    made = [await submit_at(redis, enqueuer, n) for n in range(6)]
    for job in (await worker.claim()).jobs:
        await worker.finish(job)
        if job.id in made[2:5]:
            await redis.hset(JOB + job.id, "expires_at", 1)
    page = await listing.page(Selection(("dev/echo",)), limit=2)
    assert [record.id for record in page.records] == [made[5], made[1]]
    assert await redis.zscore(JOBS + "dev/echo:succeeded", made[3]) is not None, "its tombstone is still known"


async def test_jobs_are_counted_by_state_and_time(
    redis: ArqRedis, enqueuer: Enqueuer, listing: Listing, worker: FakeWorker
) -> None:
    for n in range(3):
        await submit_at(redis, enqueuer, n)
    await submit(enqueuer, owner="a", delay_ms=60_000)
    both = Selection(("dev/echo", "a/echo"), state=State.RUNNING, prefix="x")
    assert await listing.counts(both) == {**dict.fromkeys(State, 0), State.QUEUED: 3, State.SCHEDULED: 1}
    assert (await listing.counts(Selection(("dev/echo",), since_ms=1, until_ms=1)))[State.QUEUED] == 1
    await worker.claim()
    assert (await listing.counts(Selection(("dev/echo",))))[State.RUNNING] == 3
