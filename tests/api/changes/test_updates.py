"""What waits to be sent: of each event one, whatever happens meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest
from arq.connections import ArqRedis

from api.changes.events import MAX_EVENT_BYTES, JobChanges, JobsUpdate, LatestUpdate, Ready
from api.changes.sources import MOST_LOOK_S, Follower, JobSource
from tasks.clock import from_ms
from tasks.queue.feed_keys import FEED_MS
from tasks.queue.records.record import State
from tasks.queue.redis_keys import SECOND_MS
from tasks.queue.watch.feeds import JOBS_AT_ONCE, ChangedJob, Feed, FeedChanges
from tasks.queue.watch.watch import Watch

NOW_MS = 1_795_000_000_000


def job(number: int, state: State = State.RUNNING, **more: Any) -> ChangedJob:
    return ChangedJob(f"{number:032x}", "thumbnail", state, 1, NOW_MS, **more)


def update(*jobs: ChangedJob, made: int = 0, more: int = 0, at_ms: int = NOW_MS) -> JobsUpdate:
    return JobsUpdate.of("jobs", FeedChanges(at_ms, jobs, made, more))


def data_of(event: bytes) -> Any:
    name, data = event.decode().strip().split("\n")
    assert name.startswith("event: ")
    return json.loads(data.removeprefix("data: "))


async def test_a_slow_reader_is_told_all_in_one_event() -> None:
    follower = Follower(asyncio.Event(), {})
    follower.put(update(job(1), job(2), made=2))
    follower.put(update(job(2, State.SUCCEEDED), made=3, more=4, at_ms=NOW_MS + 5))
    (one,) = await follower.take(1)
    told = data_of(one.event)
    JobChanges.model_validate(told)
    assert [(int(job["id"], 16), job["state"]) for job in told["jobs"]] == [(2, "succeeded"), (1, "running")]
    assert (told["made"], told["more"], told["at"][-5:]) == (5, 4, ".005Z")


async def test_what_waits_is_bounded() -> None:
    follower = Follower(asyncio.Event(), {})
    for second in range(20):
        follower.put(update(*(job(second * JOBS_AT_ONCE + n) for n in range(JOBS_AT_ONCE)), made=JOBS_AT_ONCE))
    (one,) = await follower.take(1)
    told = data_of(one.event)
    assert len(one.event) < MAX_EVENT_BYTES + 2 * JOBS_AT_ONCE
    assert len(told["jobs"]) + told["more"] == told["made"] == 20 * JOBS_AT_ONCE
    assert int(told["jobs"][0]["id"], 16) >= 19 * JOBS_AT_ONCE


async def test_long_ids_and_kinds_do_not_make_an_event_longer() -> None:
    long = [ChangedJob("\u00e9" * 500 + str(n), "x" * 500, State.QUEUED, 0, NOW_MS) for n in range(JOBS_AT_ONCE)]
    told = update(*long)
    assert len(told.event) < MAX_EVENT_BYTES + 2 * JOBS_AT_ONCE
    assert 0 < len(data_of(told.event)["jobs"]) < JOBS_AT_ONCE


async def test_no_text_can_begin_another_event() -> None:
    told = update(ChangedJob("1\n\nevent: ready\ndata: {}", "a\rb", State.QUEUED, 0, NOW_MS))
    assert data_of(told.event)["jobs"][0]["kind"] == "a\rb"


async def test_what_could_not_be_sent_is_sent_before_what_came_later() -> None:
    follower = Follower(asyncio.Event(), {})
    follower.put(update(job(1), made=1))
    follower.put(LatestUpdate("ready", Ready(at=from_ms(NOW_MS))))
    taken = await follower.take(1)
    follower.put(update(job(1, State.FAILED), more=1))
    follower.hold(taken)
    told = {one.name: data_of(one.event) for one in await follower.take(1)}
    assert told.keys() == {"jobs", "ready"}
    assert [(one["state"], told["jobs"]["made"], told["jobs"]["more"]) for one in told["jobs"]["jobs"]] == [
        ("failed", 1, 1)
    ]


@pytest.fixture
async def watch(redis: ArqRedis) -> AsyncIterator[Watch]:
    watch = Watch(redis)
    watch.start()
    yield watch
    await watch.stop()


@pytest.mark.parametrize(("feeds", "period_s"), [(150, 1.5), (300, MOST_LOOK_S)])
async def test_many_feeds_are_looked_at_less_often_but_before_a_change_is_forgotten(
    redis: ArqRedis, watch: Watch, feeds: int, period_s: float
) -> None:
    followed = [Feed.of(f"owner-{number}", "jobs", ["thumbnail"]) for number in range(feeds)]
    source = JobSource(redis, watch)
    async with watch.feeds(*(feed.name for feed in followed)):
        with ExitStack() as stack:
            for feed in followed:
                stack.enter_context(source.joined(Follower(asyncio.Event(), {"jobs": feed})))
            await source.refresh()
            assert source.period_s == pytest.approx(period_s)
        await source.close()
    # A reading later than half of what feeds keep has every list read again.
    assert period_s < FEED_MS / SECOND_MS / 2
