"""The rings that keep the past of the counts, and of the depths of queues: one hash each, with as many fields as steps.

Once a minute a worker reads the counts, which only grow, and adds what has come since the last sample to the step of
each ring in which that minute is. A step's field is its number modulo the ring's length, so a new one takes the place
of the oldest. A ring can grow no further: each step names KINDS_KEPT kinds and CODES_KEPT codes at most.

A minute that no sample covers as a whole is a gap: no worker ran, Redis has lost the counts, or its clock jumped. Then
nothing is added, and the next sample begins again. What another version has written in another form is a gap, too.

Depths are of the moment of a sample: the largest in each step is kept, and a step without a sample is a gap.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import msgpack
from redis.asyncio import Redis

from tasks import clock
from tasks.queue.redis_keys import COUNTS, DAY_MS, SECOND_MS, SERIES
from tasks.queue.script import Script
from tasks.queue.series.depth import Depths, DepthStep
from tasks.queue.series.period import Period, bound_names, difference, flatten, nest, parse_counts, unpacked

MINUTE_S: Final = 60
MINUTE_MS: Final = MINUTE_S * SECOND_MS
KEPT_MS: Final = 32 * DAY_MS
"""The rings are kept this long after the last sample: longer than the longest of them."""
SAMPLE: Final = f"{SERIES}sample"

RangeName = Literal["hour", "day", "month"]
Step = TypeVar("Step", Period, DepthStep)


@dataclass(frozen=True, slots=True)
class Ring:
    """How long a step of a ring is, and how many steps it has."""

    step_s: int
    steps: int

    @property
    def key(self) -> str:
        return f"{SERIES}{self.step_s}"

    @property
    def depth_key(self) -> str:
        return f"{SERIES}queues:{self.step_s}"

    def step_of(self, minute: int) -> int:
        """The number since 1970 of the step in which a minute is."""
        return minute * MINUTE_S // self.step_s


RINGS: Final[dict[RangeName, Ring]] = {
    "hour": Ring(MINUTE_S, 60),
    "day": Ring(15 * MINUTE_S, 96),
    "month": Ring(60 * MINUTE_S, 31 * 24),
}


@dataclass(frozen=True, slots=True)
class RingSteps:
    """Those of a ring up to now, the oldest first; None for a gap. depths: by queue, of the same steps. latest: what
    was counted since the last sample, which is in no step yet; None if that is not known."""

    start_ms: int
    step_s: int
    periods: tuple[Period | None, ...]
    depths: tuple[Depths | None, ...]
    latest: Period | None = None


async def sample(redis: "Redis[bytes]", now_ms: int, depths: Depths | None = None) -> bool:
    """Add what was counted since the last sample to the rings. Several workers may do so at once: one writes.

    Args:
        redis: Connection.
        now_ms: Redis' time in milliseconds since 1970.
        depths: Of the queues at this time.

    Returns:
        Whether this one has written; if not, another has in the same minute.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    minute = now_ms // MINUTE_MS
    ended = minute - 1
    async with redis.pipeline(transaction=False) as pipe:
        # First: if another samples while this reads, the script finds another `at` than this.
        pipe.hmget(SAMPLE, "at", "counts")
        for ring in RINGS.values():
            field = str(ring.step_of(ended) % ring.steps)
            pipe.hget(ring.key, field)
            pipe.hget(ring.depth_key, field)
        pipe.hgetall(COUNTS)
        (at, packed), *steps, fields = await pipe.execute()
    last_minute = int(at) // MINUTE_MS if at else None
    if last_minute == minute:
        return False
    last = {} if packed is None else unpacked(packed)
    before = flatten(last) if isinstance(last, dict) else {}
    counts = bound_names(parse_counts(fields), before)
    more = difference(before, counts) if last_minute == ended and isinstance(last, dict) else None
    written = []
    for ring, kept, kept_depths in zip(RINGS.values(), steps[::2], steps[1::2], strict=True):
        number = ring.step_of(ended)
        field = str(number % ring.steps)
        period = _of_number(Period.unpack(kept), number) if kept else None
        step = _of_number(DepthStep.unpack(kept_depths), number) if kept_depths else None
        period, step = period or Period(number, -1, 0, {}), step or DepthStep(number)
        # Of a minute that has been already, Redis' clock was set back.
        if more is not None and period.upto < ended:
            value = period.plus(ended, now_ms - int(at), more).pack()
            written.append({"key": ring.key, "field": field, "value": value})
        if depths and step.upto < ended:
            written.append({"key": ring.depth_key, "field": field, "value": step.plus(ended, depths).pack()})
    taken = {"before": at or "", "at": str(now_ms), "counts": msgpack.packb(nest(counts))}
    payload = {"sample": SAMPLE, **taken, "rings": written, "kept_ms": KEPT_MS}
    done: bool = await Script(redis, "upkeep/sample")(payload)
    return done


async def read_series(redis: "Redis[bytes]", ring: Ring, now_ms: int | None = None) -> RingSteps:
    """Read a ring up to the last whole minute, and what was counted since.

    Args:
        redis: Connection.
        ring: One of RINGS.
        now_ms: Up to when, in milliseconds since 1970; None for Redis' time.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    async with redis.pipeline(transaction=False) as pipe:
        # First: a sample that is written while this reads has counted more, and then there are no latest counts.
        pipe.hgetall(COUNTS)
        pipe.time()
        pipe.hmget(SAMPLE, "at", "counts")
        pipe.hvals(ring.key)
        pipe.hvals(ring.depth_key)
        counted, time, (at, before), packed, packed_depths = await pipe.execute()
    now_ms = clock.of_redis(time) if now_ms is None else now_ms
    ended = now_ms // MINUTE_MS - 1
    since_ms = now_ms - int(at) if at and int(at) // MINUTE_MS >= ended else None
    if at and int(at) // MINUTE_MS == ended:
        ended -= 1  # the sample of this minute is still to come

    def series() -> RingSteps:
        latest = None if since_ms is None else _since(before, counted, ended + 1, since_ms)
        return _series(ring, ring.step_of(ended), packed, packed_depths, latest)

    return await asyncio.to_thread(series)


def _since(before: bytes, fields: Mapping[bytes, bytes], minute: int, since_ms: int) -> Period | None:
    """What was counted since a sample; None if Redis has lost counts, or another version has sampled."""
    last = unpacked(before)
    if not isinstance(last, dict):
        return None
    known = flatten(last)
    more = difference(known, bound_names(parse_counts(fields), known))
    return None if more is None else Period(minute, minute, max(since_ms, 0), nest(more))


def _series(
    ring: Ring, newest: int, packed: Iterable[bytes], packed_depths: Iterable[bytes], latest: Period | None
) -> RingSteps:
    periods = {period.number: period for period in map(Period.unpack, packed) if period}
    depths = {step.number: step.depths for step in map(DepthStep.unpack, packed_depths) if step}
    numbers = range(newest - ring.steps + 1, newest + 1)
    return RingSteps(
        numbers[0] * ring.step_s * SECOND_MS,
        ring.step_s,
        tuple(periods.get(number) for number in numbers),
        tuple(depths.get(number) for number in numbers),
        latest,
    )


def _of_number(found: Step | None, number: int) -> Step | None:
    """What has this place in a ring, if it is of this step and no older one."""
    return found if found and found.number == number else None
