"""The rings that keep the past of the counts: what is in which step, what is a gap, and how large they can grow."""

import asyncio
from collections import Counter

import msgpack
import pytest
from arq.connections import ArqRedis

from tasks.queue.redis_keys import BUCKETS_MS, COUNTS, QUEUES, SERIES
from tasks.queue.series.depth import DepthStep, QueueDepth
from tasks.queue.series.period import CODES_KEPT, KINDS_KEPT, OTHER, CountName, flatten
from tasks.queue.series.rings import KEPT_MS, MINUTE_MS, RINGS, SAMPLE, RangeName, RingSteps, read_series, sample

HOUR_MS, QUARTER_MS = 60 * MINUTE_MS, 15 * MINUTE_MS
START_MS = 1_800_000_000_000 // HOUR_MS * HOUR_MS
"""The beginning of an hour."""
LATE_MS = 300
"""By so much a sample comes after its minute has begun."""
STEP_BYTES = 24_000
"""What no step takes more than (docs/decisions/0134-series-in-rings.md)."""


class SampleClock:
    """Counts jobs and samples them, at times that the test says."""

    def __init__(self, redis: ArqRedis) -> None:
        self.redis = redis
        self.now_ms = START_MS + LATE_MS

    async def count(self, by: int = 1, name: str = "ended echo succeeded") -> None:
        await self.redis.hincrby(COUNTS, name, by)

    async def sample(self) -> bool:
        return await sample(self.redis, self.now_ms)

    async def minute(self, by: int = 0, *, minutes: int = 1) -> bool:
        """Let minutes pass in which so many jobs end, and sample once."""
        self.now_ms += minutes * MINUTE_MS
        if by:
            await self.count(by)
        return await self.sample()

    async def series(self, name: RangeName = "hour") -> RingSteps:
        return await read_series(self.redis, RINGS[name], self.now_ms)

    async def ended(self, name: RangeName = "hour") -> list[int | None]:
        """Jobs that ended, by steps; without the gaps before the first."""
        periods = (await self.series(name)).periods
        found = [None if period is None else sum(flatten(period.kinds).values()) for period in periods]
        while found and found[0] is None:
            found.pop(0)
        return found


@pytest.fixture
def ticks(redis: ArqRedis) -> SampleClock:
    return SampleClock(redis)


async def test_each_minute_has_what_was_counted_in_it(ticks: SampleClock) -> None:
    await ticks.count(1_000)
    await ticks.sample()
    assert await ticks.ended() == [], "what was counted before the first sample is of no minute"
    for by in (3, 0, 5):
        await ticks.minute(by)
    assert await ticks.ended() == [3, 0, 5]
    series = await ticks.series()
    assert (series.step_s, len(series.periods)) == (60, 60)
    assert series.start_ms == START_MS - 57 * MINUTE_MS
    assert [period and period.covered_ms for period in series.periods[-3:]] == [MINUTE_MS] * 3


async def test_two_workers_that_sample_at_once_count_once(ticks: SampleClock, redis: ArqRedis) -> None:
    await ticks.sample()
    for _ in range(5):
        ticks.now_ms += MINUTE_MS
        await ticks.count(7)
        written = await asyncio.gather(*(sample(redis, ticks.now_ms + n) for n in range(8)))
        assert written.count(True) == 1
        assert await sample(redis, ticks.now_ms + MINUTE_MS // 2) is False, "once a minute"
    assert await ticks.ended() == [7] * 5
    assert await ticks.ended("day") == [35]


async def test_minutes_are_folded_into_quarter_hours_and_hours(ticks: SampleClock) -> None:
    await ticks.sample()
    for _ in range(80):
        await ticks.minute(2)
    assert await ticks.ended() == [2] * 60
    assert await ticks.ended("day") == [30, 30, 30, 30, 30, 10]
    assert await ticks.ended("month") == [120, 40]
    day = await ticks.series("day")
    assert [period and period.covered_ms for period in day.periods[-2:]] == [QUARTER_MS, 5 * MINUTE_MS]
    assert day.start_ms == START_MS + 5 * QUARTER_MS - 95 * QUARTER_MS
    assert (await ticks.series("month")).start_ms == START_MS + HOUR_MS - 743 * HOUR_MS


async def test_the_sample_that_is_still_to_come_is_no_gap(ticks: SampleClock) -> None:
    await ticks.sample()
    await ticks.minute(4)
    ticks.now_ms += MINUTE_MS - LATE_MS
    assert await ticks.ended() == [4], "the next sample is due at this moment"
    ticks.now_ms += MINUTE_MS
    assert await ticks.ended() == [4, None, None], "it was missed, and the next will say nothing of that time"


async def test_what_was_counted_since_the_last_sample_is_known_at_once(ticks: SampleClock, redis: ArqRedis) -> None:
    assert (await ticks.series()).latest is None, "nothing was sampled yet"
    await ticks.sample()
    await ticks.minute(3)
    known = []
    for by in (5, 2):  # the second time when the next sample is due
        await ticks.count(by)
        ticks.now_ms += MINUTE_MS // 2
        latest = (await ticks.series()).latest
        known.append(latest and (sum(flatten(latest.kinds).values()), latest.covered_ms))
    assert known == [(5, MINUTE_MS // 2), (7, MINUTE_MS)]
    assert await ticks.ended() == [3], "it is in no step yet"
    ticks.now_ms += MINUTE_MS
    assert (await ticks.series()).latest is None, "that sample was missed"
    await ticks.sample()
    await redis.delete(COUNTS)
    assert (await ticks.series()).latest is None, "Redis has lost the counts"


async def test_a_missed_minute_is_a_gap(ticks: SampleClock) -> None:
    await ticks.sample()
    await ticks.minute(1)
    await ticks.minute(100, minutes=3)
    await ticks.minute(2)
    assert await ticks.ended() == [1, None, None, None, 2]
    assert await ticks.ended("day") == [3]
    assert [period.covered_ms for period in (await ticks.series("day")).periods if period] == [2 * MINUTE_MS]


async def test_a_late_sample_says_what_it_covers(ticks: SampleClock) -> None:
    await ticks.sample()
    ticks.now_ms += 30_000
    await ticks.minute(9)
    ticks.now_ms -= 30_000
    await ticks.minute(3)
    assert await ticks.ended() == [9, 3]
    covered = [period.covered_ms for period in (await ticks.series()).periods if period]
    assert covered == [MINUTE_MS + 30_000, MINUTE_MS - 30_000]


@pytest.mark.parametrize("lost", ["all", "one", "restarted"])
async def test_counts_that_redis_has_lost_are_a_gap(ticks: SampleClock, redis: ArqRedis, lost: str) -> None:
    await ticks.count(50)
    await ticks.count(50, "ended batched failed")
    await ticks.sample()
    await ticks.minute(1)
    await redis.delete(COUNTS) if lost != "one" else await redis.hdel(COUNTS, "ended batched failed")
    await ticks.minute(0 if lost == "all" else 10)
    await ticks.minute(2)
    assert await ticks.ended() == [1, None, 2]
    assert await ticks.ended("month") == [3]


async def test_a_flushed_redis_begins_again(ticks: SampleClock, redis: ArqRedis) -> None:
    await ticks.sample()
    await ticks.minute(5)
    await redis.flushdb()
    await ticks.minute(5)
    assert await ticks.ended() == []
    await ticks.minute(6)
    assert await ticks.ended() == [6]


async def test_a_clock_that_is_set_back_doubles_nothing(ticks: SampleClock) -> None:
    await ticks.sample()
    for by in (1, 2, 3, 4):
        await ticks.minute(by)
    await ticks.minute(10, minutes=-3)
    assert await ticks.ended() == [1], "the others are in the future now"
    for by in (20, 30, 40):
        await ticks.minute(by)
    assert await ticks.ended() == [1, 2, 3, 4], "those minutes have been already"
    assert await ticks.ended("day") == [10]
    await ticks.minute(5)
    assert await ticks.ended("day") == [15]


async def test_a_clock_that_jumps_ahead_leaves_a_gap_and_old_steps_do_not_come_back(ticks: SampleClock) -> None:
    await ticks.sample()
    await ticks.minute(1)
    await ticks.minute(100, minutes=60 * 24 * 40)
    for name in RINGS:
        assert await ticks.ended(name) == []
    await ticks.minute(2)
    for name in RINGS:
        assert await ticks.ended(name) == [2]


async def test_rings_survive_and_expire_in_the_end(ticks: SampleClock, redis: ArqRedis) -> None:
    await ticks.sample()
    await ticks.minute(1)
    for key in (SAMPLE, *(ring.key for ring in RINGS.values())):
        assert KEPT_MS - 60_000 < await redis.pttl(key) <= KEPT_MS


async def test_what_is_no_work_is_not_sampled(ticks: SampleClock) -> None:
    await ticks.sample()
    for name in (
        "ended batch succeeded",
        "http GET /v1/jobs 2xx 3",
        "bytes echo",
        "run_ms echo",
        "attempts echo failed",
    ):
        await ticks.count(1, name)
    await ticks.minute()
    assert await ticks.ended() == [0]


async def test_more_kinds_and_codes_than_the_limits_are_counted_as_other(ticks: SampleClock) -> None:
    names = [f"ended kind-{n} failed" for n in range(KINDS_KEPT)]
    names += [f"errors kind-0 code-{n}" for n in range(CODES_KEPT)]
    for name in names:
        await ticks.count(1, name)
    await ticks.sample()
    for name in (*names, "ended late failed", "ended later failed", "errors kind-0 late", "errors late code-1"):
        await ticks.count(10, name)
    await ticks.minute()
    (period,) = [period for period in (await ticks.series()).periods if period]
    counts = flatten(period.kinds)
    shown = Counter({" ".join(name): number for name, number in counts.items()})
    assert {name: shown[name] for name in names} == dict.fromkeys(names, 10), "those that were first keep their names"
    others = {name: number for name, number in counts.items() if " ".join(name) not in names}
    assert others == {
        CountName("ended", OTHER, "failed"): 20,
        CountName("errors", "kind-0", OTHER): 10,
        CountName("errors", OTHER, OTHER): 10,
    }


async def test_no_number_of_kinds_and_codes_makes_the_rings_larger(ticks: SampleClock, redis: ArqRedis) -> None:
    buckets = range(1, len(BUCKETS_MS) + 2)
    kinds = [f"{n:040}" for n in range(3 * KINDS_KEPT)]

    async def fill(code: str) -> None:
        names = [f"ended {kind} {state}" for kind in kinds for state in ("succeeded", "failed", "cancelled")]
        names += [f"{what} {kind} {bucket}" for what in ("pickup", "run") for kind in kinds for bucket in buckets]
        names += [f"errors {kind} {code}{n:030}" for kind in kinds for n in range(12)]
        async with redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hincrby(COUNTS, name, 2**31)
            await pipe.execute()

    await ticks.sample()
    for n in range(4):
        await fill(f"first{n}")
        await ticks.minute()
    await redis.delete(COUNTS)
    await ticks.minute()
    kinds = [kind.replace("0", "x") for kind in kinds]
    await fill("second")
    await ticks.minute()
    sizes = [len(value) for ring in RINGS.values() for value in await redis.hvals(ring.key)]
    assert max(sizes) > STEP_BYTES // 2, "else it says nothing of the limit"
    assert max(sizes) <= STEP_BYTES
    assert len(await redis.hget(SAMPLE, "counts") or b"") <= STEP_BYTES


async def test_a_ring_has_as_many_fields_as_steps(ticks: SampleClock, redis: ArqRedis) -> None:
    await ticks.sample()
    for _ in range(70):
        await ticks.minute(1)
    for _ in range(100):
        ticks.now_ms += QUARTER_MS - MINUTE_MS
        await ticks.sample()
        await ticks.minute(1)
    for _ in range(750):
        ticks.now_ms += HOUR_MS - MINUTE_MS
        await ticks.sample()
        await ticks.minute(1)
    fields = {ring.key: await redis.hlen(ring.key) for ring in RINGS.values()}
    assert fields == {f"{SERIES}60": 60, f"{SERIES}900": 96, f"{SERIES}3600": 744}
    assert len(await redis.keys(f"{SERIES}*")) == 4


@pytest.mark.parametrize("odd", [b"\xc1", msgpack.packb((1, 2)), msgpack.packb((1, 2, 3, {}, "more")), b""])
async def test_what_another_version_has_written_is_a_gap(ticks: SampleClock, redis: ArqRedis, odd: bytes) -> None:
    await ticks.sample()
    await ticks.minute(3)
    await redis.hincrby(COUNTS, "pickup echo sum", 7)  # no bucket
    ring = RINGS["hour"]
    await redis.hset(ring.key, str(ring.step_of(ticks.now_ms // MINUTE_MS - 1) % ring.steps), odd)
    await ticks.minute(4)
    assert await ticks.ended() == [4]
    await redis.hset(SAMPLE, "counts", odd)
    await ticks.minute(5)
    await ticks.minute(6)
    assert await ticks.ended() == [4, None, 6]


async def test_the_largest_depth_of_each_step_is_kept(ticks: SampleClock, redis: ArqRedis) -> None:
    for minute in range(16):
        ticks.now_ms = START_MS + LATE_MS + minute * MINUTE_MS
        await sample(redis, ticks.now_ms, {"media": QueueDepth(minute, 100 * (15 - minute))})
    assert await sample(redis, ticks.now_ms + 1, {"media": QueueDepth(99, 99)}) is False, "once a minute"
    hour, day = await ticks.series(), await ticks.series("day")
    assert [depths and depths["media"] for depths in hour.depths[-3:]] == [(13, 200), (14, 100), (15, 0)]
    assert [depths["media"] for depths in day.depths if depths] == [(0, 1500), (15, 1400)]
    ticks.now_ms += 2 * MINUTE_MS
    assert (await ticks.series()).depths[-1] is None, "not 0: nobody has looked"


async def test_depths_are_small(redis: ArqRedis) -> None:
    for ring in RINGS.values():
        step = DepthStep(START_MS).plus(1, dict.fromkeys(QUEUES, QueueDepth(10**9, 10**12)))
        await redis.hset(ring.depth_key, mapping={str(n).encode(): step.pack() for n in range(ring.steps)})
        assert await redis.memory_usage(ring.depth_key, samples=0) < 250 * ring.steps
        await redis.expire(ring.depth_key, 60)
