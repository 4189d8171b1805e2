"""Reading records back: pages that neither repeat nor leave out, whatever happens between two of them."""

import asyncio
import base64
from itertools import chain

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records import indexes
from tasks.queue.records.list import RecordPage, read, read_page
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BACKLOG, JOB, JOBS, QUEUE, arq_queue
from tasks.refusal import Refusal
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submit


async def submit_at_once(redis: ArqRedis, enqueuer: Enqueuer, count: int, owner: str = "dev") -> list[str]:
    """Jobs of one and the same millisecond, in the order in which pages show them."""
    ids = [await submit(enqueuer, owner=owner) for _ in range(count)]
    await redis.zadd(f"{JOBS}{owner}/echo:queued", dict.fromkeys(ids, 1_700_000_000_000))
    return sorted(ids, reverse=True)


def ids(page: RecordPage) -> list[str]:
    return [record.id for record in page.records]


async def all_pages(redis: ArqRedis, job_index: str = "dev/echo", limit: int = 3, **filters: object) -> list[list[str]]:
    pages = [await read_page(redis, job_index, limit=limit, **filters)]  # type: ignore[arg-type]
    while pages[-1].cursor is not None:
        pages.append(await read_page(redis, job_index, limit=limit, cursor=pages[-1].cursor, **filters))  # type: ignore[arg-type]
        assert len(pages) < 100, "a cursor goes round in circles"
    return [ids(page) for page in pages]


async def test_an_unknown_id_has_no_record(redis: ArqRedis) -> None:
    assert await read(redis, "nobody") is None
    assert await read_page(redis, "nobody") == RecordPage((), None)


async def test_pages_go_from_the_newest_to_the_oldest_and_end(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    submitted = [await submit(enqueuer) for _ in range(7)]
    await submit(enqueuer, owner="someone else")
    pages = await all_pages(redis)
    assert [len(page) for page in pages] == [3, 3, 1]
    shown = list(chain(*pages))
    assert sorted(shown) == sorted(submitted)
    times = [(await redis.zscore(JOBS + "dev/echo:queued", one), one) for one in shown]
    assert times == sorted(times, reverse=True)


async def test_the_last_page_has_no_cursor_though_it_is_full(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    await submit_at_once(redis, enqueuer, 6)
    assert [len(page) for page in await all_pages(redis)] == [3, 3]


async def test_jobs_of_one_millisecond_are_each_shown_once(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    shown = await submit_at_once(redis, enqueuer, 10)
    assert list(chain(*await all_pages(redis))) == shown


async def test_a_job_submitted_between_two_pages_moves_nothing(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    shown = await submit_at_once(redis, enqueuer, 6)
    first = await read_page(redis, "dev/echo", limit=3)
    await submit(enqueuer)
    second = await read_page(redis, "dev/echo", limit=3, cursor=first.cursor)
    assert ids(first) + ids(second) == shown


async def test_jobs_that_arrive_while_a_page_is_read_move_nothing(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    shown = await submit_at_once(redis, enqueuer, 6)
    first = await read_page(redis, "dev/echo", limit=3)
    for _ in range(200):
        second, _ = await asyncio.gather(read_page(redis, "dev/echo", limit=3, cursor=first.cursor), submit(enqueuer))
        assert ids(second) == shown[3:]


async def test_a_cursor_whose_job_has_left_the_index_goes_on_after_its_place(
    redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    shown = await submit_at_once(redis, enqueuer, 10)
    first = await read_page(redis, "dev/echo", state=State.QUEUED, limit=4)
    await worker.claim(10)
    await redis.zadd(JOBS + "dev/echo:queued", {one: 1_700_000_000_000 for one in shown if one != shown[3]})
    second = await read_page(redis, "dev/echo", state=State.QUEUED, limit=4, cursor=first.cursor)
    assert ids(second) == shown[4:8], "those of the same millisecond that come after it are not skipped"


async def test_a_cursor_whose_job_is_gone_for_good_goes_on_too(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    shown = await submit_at_once(redis, enqueuer, 5)
    older = [await submit(enqueuer) for _ in range(2)]
    await redis.zadd(JOBS + "dev/echo:queued", dict.fromkeys(older, 1_600_000_000_000))
    first = await read_page(redis, "dev/echo", limit=2)
    await redis.zrem(JOBS + "dev/echo:queued", *shown[:2])
    second = await read_page(redis, "dev/echo", limit=50, cursor=first.cursor)
    assert ids(second) == shown[2:] + sorted(older, reverse=True)


async def test_records_that_have_vanished_are_left_out_and_leave_the_index(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    shown = await submit_at_once(redis, enqueuer, 7)
    for one in shown[1], shown[2], shown[4]:
        await redis.delete(JOB + one)
    assert await all_pages(redis) == [[shown[0], shown[3], shown[5]], [shown[6]]]
    assert await redis.zcard(JOBS + "dev/echo:queued") == 4
    for one in shown[1], shown[2], shown[4]:
        await redis.zrem(arq_queue("default"), one)
        await redis.zrem(BACKLOG + "default:owner:dev", one)
        await redis.hincrby(QUEUE + "default", "in:queued", -1)


async def test_a_state_is_its_own_list(redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker) -> None:
    running, done = await submit(enqueuer, owner="a"), await submit(enqueuer)
    taken = {job.id: job for job in (await worker.claim()).jobs}
    await worker.finish(taken[done])
    later = await submit(enqueuer, delay_ms=60_000)
    for state, owner, expected in (
        (State.RUNNING, "a", [running]),
        (State.RUNNING, "dev", []),
        (State.SUCCEEDED, "dev", [done]),
        (State.SCHEDULED, "dev", [later]),
        (State.QUEUED, "dev", []),
    ):
        assert ids(await read_page(redis, indexes.of_kind(owner, "echo"), state=state)) == expected


async def test_a_kind_is_a_list_of_its_own(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    rare = await submit(enqueuer, kind="rare")
    others = {await submit(enqueuer) for _ in range(4)}
    assert await all_pages(redis, indexes.of_kind("dev", "rare")) == [[rare]]
    assert {one for page in await all_pages(redis, indexes.of_kind("dev", "echo")) for one in page} == others
    assert len(ids(await read_page(redis, "dev/echo"))) == 4
    everyones = await submit(enqueuer, kind="rare", owner="a")
    assert ids(await read_page(redis, indexes.of_kind("*", "rare"))) == [everyones, rare]
    assert ids(await read_page(redis, indexes.of_kind("dev", "rare"), state=State.QUEUED)) == [rare]


async def test_a_page_may_be_bounded_in_time(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    shown = await submit_at_once(redis, enqueuer, 3)
    await redis.zadd(JOBS + "dev/echo:queued", {one: 1_000 * (3 - n) for n, one in enumerate(shown)})
    assert await all_pages(redis, since_ms=2_000) == [shown[:2]]
    assert await all_pages(redis, until_ms=2_000) == [shown[1:]]
    assert await all_pages(redis, limit=1, since_ms=2_000, until_ms=3_000) == [[shown[0]], [shown[1]]]
    assert await all_pages(redis, since_ms=1_001, until_ms=1_999) == [[]]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "é",
        "abc",
        "\x00",
        "A" * 5000,
        base64.urlsafe_b64encode(b"x:y").decode(),
        base64.urlsafe_b64encode(b"\xff\xff").decode(),
    ],
)
async def test_a_cursor_that_is_none_of_ours_is_refused(redis: ArqRedis, cursor: str) -> None:
    with pytest.raises(Refusal, match="invalid_request: cursor"):
        await read_page(redis, "dev/echo", cursor=cursor)


async def test_a_forged_cursor_does_no_harm(redis: ArqRedis, enqueuer: Enqueuer) -> None:
    await submit(enqueuer)
    for forged in (b"0:", b"-5:x", b"9" * 400 + b":x", b"1:a:b:c", "1:größe".encode()):
        page = await read_page(redis, "dev/echo", cursor=base64.urlsafe_b64encode(forged).decode())
        assert len(page.records) <= 1
