"""Unique keys as submits say them, and what must be true of them at any time."""

from collections.abc import Iterable

from arq.connections import ArqRedis

from tasks.queue.jobs.uniqueness import UNIQUE, OnConflict, Option, Span, Uniqueness
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB

HOUR_MS = 3_600_000


def unique(
    key: str = "k", span: Span = "running", on_conflict: OnConflict = "return", *, span_ms: int | None = None
) -> Uniqueness:
    if span_ms is None:
        span_ms = HOUR_MS if span in ("ended", "throttle") else 0
    option: Option = "throttle" if span == "throttle" else "unique"
    return Uniqueness(option, key, span, span_ms, on_conflict, sent=f'{{"key":"{key}"}}')


def debounce(key: str = "k", wait_ms: int = 60_000, max_wait_ms: int = 600_000) -> Uniqueness:
    return Uniqueness("debounce", key, "waiting", 0, "replace", wait_ms, max_wait_ms, f'{{"key":"{key}"}}')


async def holders(redis: ArqRedis) -> dict[str, str]:
    """The keys that are held, without their common beginning, and by whom."""
    keys = [key.decode() async for key in redis.scan_iter(match=f"{UNIQUE}*", count=1000)]
    values = await redis.mget(keys) if keys else []
    return {key.removeprefix(UNIQUE): value.decode() for key, value in zip(keys, values, strict=True) if value}


async def wrong_unique_keys(redis: ArqRedis, ids: Iterable[str]) -> list[str]:
    """A sentence for each key that is left behind, and for each job that should hold its key and does not."""
    held, wrong = await holders(redis), []
    of_holder = {job_id: key for key, job_id in held.items()}
    every = list({*ids, *held.values()})
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in every:
            pipe.hmget(JOB + job_id, "owner", "unique", "state", "attempt")
        records = await pipe.execute()
    for job_id, (owner, stored, state, attempt) in zip(every, records, strict=True):
        key = of_holder.get(job_id)
        if owner is None or stored is None or state is None:
            wrong += [f"{key} is held by {job_id}, which has no such key"] if key else []
            continue
        span, _, digest = stored.decode().split()
        own, now = f"{owner.decode()}:{digest}", State(state.decode())
        about = f"{job_id} is {now} ({span})"
        if key not in (None, own):
            wrong.append(f"{about} and holds {key}, which is not its own")
        if key is not None and not may_hold(span, now):
            wrong.append(f"{about} and holds {key}")
        if key is None and span in ("running", "ended") and not now.ended:
            wrong.append(f"{about} and does not hold {own}")
        # One that has begun may wait again while another has its key, which that one may then release.
        if span == "waiting" and may_hold(span, now) and own not in held and not attempt:
            wrong.append(f"{about}, and nothing holds {own}")
    return wrong


def may_hold(span: str, state: State) -> bool:
    match span:
        case "running":
            return not state.ended
        case "waiting":
            return not state.ended and state is not State.RUNNING
        case "ended":
            return state is not State.CANCELLED
    return True
