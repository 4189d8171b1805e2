"""Reading records back: one by id, or an owner's, newest first."""

import base64
import binascii
from dataclasses import dataclass

from redis.asyncio import Redis

from tasks.queue.record import Record, State
from tasks.queue.redis_keys import JOB, JOBS


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, newest first. cursor: give it back to go on from here; None at the end."""

    records: tuple[Record, ...]
    cursor: str | None


async def read(redis: "Redis[bytes]", job_id: str) -> Record | None:
    """The record, or None if there is none (any more)."""
    fields = await redis.hgetall(JOB + job_id)
    return Record.from_hash(job_id, fields) if fields else None


async def read_page(
    redis: "Redis[bytes]",
    owner: str,
    *,
    state: State | None = None,
    kind: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """An owner's records, newest first.

    It examines `limit` records at most, so a page filtered by kind may be short though more follow: go by the cursor.
    Raises: ValueError for a cursor that is none of ours.
    """
    index = f"{JOBS}{owner}" if state is None else f"{JOBS}{owner}:{state}"
    entries = await _entries(redis, index, cursor, limit + 1)
    shown = [(job_id.decode(), int(score)) for job_id, score in entries[:limit]]
    async with redis.pipeline(transaction=False) as pipe:
        for job_id, _ in shown:
            pipe.hgetall(JOB + job_id)
        hashes = await pipe.execute()
    gone = [job_id for (job_id, _), fields in zip(shown, hashes, strict=True) if not fields]
    following = _write_cursor(*shown[-1]) if len(entries) > limit else None
    if gone:
        await redis.zrem(index, *gone)
    records = (Record.from_hash(job_id, fields) for (job_id, _), fields in zip(shown, hashes, strict=True) if fields)
    return Page(tuple(record for record in records if kind is None or record.kind == kind), following)


async def _entries(redis: "Redis[bytes]", index: str, cursor: str | None, count: int) -> list[tuple[bytes, float]]:
    """Ids and times of the jobs that follow the cursor's. The cursor is a place, not a rank: its own job may have left
    the index, and others may come while we read."""
    if cursor is None:
        return await redis.zrange(index, 0, count - 1, desc=True, withscores=True)
    job_id, created = _read_cursor(cursor)
    async with redis.pipeline() as pipe:
        pipe.zrevrangebyscore(index, created, created, withscores=True)
        pipe.zrevrangebyscore(index, f"({created}", "-inf", start=0, num=count, withscores=True)
        same_time, older = await pipe.execute()
    following = [entry for entry in same_time if entry[0] < job_id.encode()]
    return [*following, *older][:count]


def _write_cursor(job_id: str, created: int) -> str:
    return base64.urlsafe_b64encode(f"{created}:{job_id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, int]:
    try:
        created, _, job_id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        return job_id, int(created)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise ValueError("not a cursor of ours") from error
