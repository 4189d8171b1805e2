"""Thousands of jobs that failed, as their scripts leave them, made in a moment."""

import time
from collections.abc import Sequence

from arq.connections import ArqRedis

from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import JOB, JOBS

DAY_MS = 24 * 3_600_000


async def make_failed(
    redis: ArqRedis,
    count: int,
    *,
    owner: str = "dev",
    kind: str = "echo",
    codes: Sequence[str] = ("failed",),
    age_ms: int = 1,
) -> list[str]:
    """Make jobs that failed. The test must remove them: the look for leaks would take longer than the test.

    Args:
        redis: Connection.
        count: How many.
        owner: Whose they are.
        kind: Of which kind of the queue `default`.
        codes: The codes of their errors: each has the next, and after the last it is the turn of the first.
        age_ms: How long ago the newest was made.

    Returns:
        Their ids, newest first. Each was made a millisecond after the next.
    """
    now_ms = time.time_ns() // 1_000_000
    ids = [new_id() for _ in range(count)]
    async with redis.pipeline(transaction=False) as pipe:
        for number, job_id in enumerate(ids):
            code, created_ms = codes[number % len(codes)], now_ms - age_ms - number
            fields: dict[str | bytes, str | int | float | bytes] = {
                "kind": kind,
                "queue": "default",
                "owner": owner,
                "lane": f"owner:{owner}",
                "shelves": f"{owner}/{kind} */{kind}",
                "state": "failed",
                "priority": "normal",
                "params": "{}",
                "created_at": created_ms,
                "due_at": created_ms,
                "score": created_ms,
                "attempt": 1,
                "finished_at": created_ms,
                "expires_at": now_ms + DAY_MS,
                "code": code,
                "error": f'{{"code": "{code}", "message": "It failed."}}',
            }
            pipe.hset(JOB + job_id, mapping=fields)
            for index in (owner, "*"):
                pipe.zadd(f"{JOBS}{index}/{kind}:failed", {job_id: created_ms})
        await pipe.execute()
    return ids
