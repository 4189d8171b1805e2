"""The runs of a schedule: the outcome of each time at which it was due or was run by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from tasks.queue.records.list import read_index
from tasks.queue.records.record import Record
from tasks.queue.redis_keys import JOB, RUNS

SKIPPED: Final = "skipped:"
"""Prefix of a member of the index that is not a job's id. Reason, due time and time of the entry follow (ms)."""


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """One run of a schedule, or one that was skipped. Times are milliseconds since 1970.

    Args:
        due_at: When it was due, or was run by hand.
        record: The record of its job; None if it was skipped.
        reason: Why it was skipped: `missed` (no worker ran; it stands for all due times until `noted_at`), `overlap`
            (the previous run had not ended), `owner_suspended`, `queue_full`, `owner_queue_full`, `rate_limited` or
            `redis_full`.
        noted_at: When it was found to be skipped.
    """

    due_at: int
    record: Record | None = None
    reason: str | None = None
    noted_at: int | None = None


async def read_runs(
    redis: "Redis[bytes]", schedule_id: str, *, limit: int, cursor: str | None
) -> tuple[list[ScheduleRun], str | None]:
    """Read the runs of a schedule, newest first. Runs whose job is not kept any more are left out.

    Args:
        redis: Connection.
        schedule_id: The schedule.
        limit: Most runs to return.
        cursor: The cursor of an earlier page, or None.

    Returns:
        The runs, and the cursor of the next page or None.

    Raises:
        Refusal: `invalid_request` for an invalid cursor.
    """
    index = RUNS + schedule_id
    members, following = await read_index(redis, index, limit=limit, cursor=cursor)
    records = await _records(redis, [one for one in members if not one.startswith(SKIPPED)])
    gone = [one for one, record in records.items() if record is None]
    if gone:
        await redis.zrem(index, *gone)
    runs = (_skipped(one) if one.startswith(SKIPPED) else run_of(records[one]) for one in members)
    return [run for run in runs if run is not None], following


@dataclass(frozen=True, slots=True)
class RunState:
    """How a run of a schedule went, without its record. due_at: milliseconds since 1970. job: None if skipped."""

    due_at: int
    state: str
    job: str | None = None


async def recent_runs(redis: "Redis[bytes]", schedule_ids: Sequence[str], most: int) -> dict[str, list[RunState]]:
    """The states of the newest runs of several schedules, newest first, in two round trips.

    Args:
        redis: Connection.
        schedule_ids: The schedules.
        most: Runs of each. Those whose job is not kept any more are left out.
    """
    async with redis.pipeline(transaction=False) as pipe:
        for one in schedule_ids:
            pipe.zrange(RUNS + one, 0, most - 1, desc=True, withscores=True)
        found = await pipe.execute()
    members = [[(member.decode(), int(due)) for member, due in entries] for entries in found]
    jobs = [member for entries in members for member, _ in entries if not member.startswith(SKIPPED)]
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in jobs:
            pipe.hget(JOB + job_id, "state")
        states = dict(zip(jobs, await pipe.execute(), strict=True))
    return {
        schedule_id: [run for member, due in entries if (run := _state_of(member, due, states)) is not None]
        for schedule_id, entries in zip(schedule_ids, members, strict=True)
    }


def _state_of(member: str, due_at: int, states: Mapping[str, bytes | None]) -> RunState | None:
    if member.startswith(SKIPPED):
        return RunState(due_at, "skipped")
    state = states[member]
    return None if state is None else RunState(due_at, state.decode(), member)


async def last_runs(redis: "Redis[bytes]", job_ids: list[str]) -> dict[str, ScheduleRun]:
    """Read the runs of some jobs, by job id. Jobs that are not kept any more are left out."""
    records = await _records(redis, job_ids)
    return {job_id: run for job_id, record in records.items() if (run := run_of(record)) is not None}


def run_of(record: Record | None) -> ScheduleRun | None:
    """Build the run of a job."""
    return None if record is None else ScheduleRun(record.schedule_due_at or record.created_at, record)


async def _records(redis: "Redis[bytes]", ids: list[str]) -> dict[str, Record | None]:
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hgetall(JOB + job_id)
        hashes = await pipe.execute()
    return {
        job_id: Record.from_hash(job_id, fields) if fields else None for job_id, fields in zip(ids, hashes, strict=True)
    }


def _skipped(member: str) -> ScheduleRun:
    reason, due_at, noted_at = member.removeprefix(SKIPPED).split(":")
    return ScheduleRun(int(due_at), None, reason, int(noted_at))
