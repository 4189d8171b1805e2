"""What changed in the lists of jobs that somebody looks at.

Transitions note the id of each job that they change in the feeds that some process follows (`Watch.feeds`), and in no
others; how many look, and how often a job changes, adds nothing. Each process reads what was noted, and which jobs were
made, about once a second; what it reads is bounded.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Literal, Self

from redis.asyncio import Redis

from tasks.queue.records.indexes import of_deliveries, of_owner
from tasks.queue.records.record import TALLY, State
from tasks.queue.redis_keys import JOB
from tasks.queue.script import Script

JOBS_AT_ONCE: Final = 100
"""Changed jobs of one feed that are read and told at once, the last ones; of others is only told how many they are."""
JOBS_READ: Final = 1_000
"""Changed jobs that a process reads at once. With more than ten feeds each has its share of them, but at least a tenth
of JOBS_AT_ONCE."""
FEEDS_AT_ONCE: Final = 5
"""Feeds that one script is asked for: it counts the new jobs of each kind and state, which takes Redis 0.1 to 0.2 ms
for each feed, however many jobs there are."""

Sort = Literal["jobs", "deliveries"]
FIELDS: Final = ("kind", "state", "attempt", "created_at", "progress", *(TALLY + state for state in State))
"""What is read of a record: neither its params, which are long, nor texts."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The jobs, or the deliveries, of one owner or of everyone.

    Args:
        name: In its key (`tasks.queue.feed_keys`).
        indexes: The job indexes that hold them.
    """

    name: str
    indexes: tuple[str, ...]

    @classmethod
    def of(cls, owner: str, sort: Sort, kinds: Iterable[str]) -> Self:
        """The feed of an owner.

        Args:
            owner: The owner, or EVERYONE.
            sort: Jobs (deliveries excepted, as in lists), or deliveries.
            kinds: The kinds of this process.
        """
        indexes = of_owner(owner, kinds) if sort == "jobs" else [of_deliveries(owner)]
        return cls(f"{owner}/{sort}", tuple(indexes))


@dataclass(frozen=True, slots=True)
class ChangedJob:
    """A job that was made or has changed.

    kind: None if it was deleted; the rest says nothing then. created_ms: milliseconds since 1970. progress: its
    numbers. tally: of a batch or an event, how many of its jobs or deliveries are in each state.
    """

    id: str
    kind: str | None
    state: State | None = None
    attempt: int = 0
    created_ms: int = 0
    progress: Mapping[str, int | float] | None = None
    tally: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class FeedChanges:
    """What happened in a feed between two readings.

    until_ms: up to when (milliseconds since 1970, by Redis' clock). jobs: those that changed last, then others that
    were made. made: how many jobs were made in all. more: how many changed that are not in `jobs`.
    """

    until_ms: int
    jobs: tuple[ChangedJob, ...]
    made: int
    more: int


class FeedReader:
    """Reads what changed in feeds.

    Args:
        redis: Connection.
    """

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._redis = redis
        self._changes = Script(redis, "read/changes")

    async def read(self, since: Mapping[Feed, int | None]) -> dict[Feed, FeedChanges]:
        """Read what happened since the last reading.

        Args:
            since: For each feed the `until_ms` of the last reading; None if this is the first, which finds nothing.

        Returns:
            What happened in each feed.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        limit = min(JOBS_AT_ONCE, max(JOBS_READ // max(len(since), 1), JOBS_AT_ONCE // 10))
        feeds = list(since)
        found: dict[Feed, dict[str, Any]] = {}
        for start in range(0, len(feeds), FEEDS_AT_ONCE):
            some = feeds[start : start + FEEDS_AT_ONCE]
            answer = await self._changes(
                {
                    "feeds": [{"name": feed.name, "since": since[feed], "indexes": feed.indexes} for feed in some],
                    "states": list(State),
                    "limit": limit,
                }
            )
            found |= {feed: {"now": answer["now"], **one} for feed, one in zip(some, answer["feeds"], strict=True)}
        ids = {feed: _ids(one, limit) for feed, one in found.items()}
        jobs = await self._jobs(list(dict.fromkeys(job_id for some in ids.values() for job_id in some)))
        return {
            feed: FeedChanges(
                until_ms=int(one["now"]),
                jobs=tuple(jobs[job_id] for job_id in ids[feed]),
                made=one["made"],
                more=max(one["changed"] - len(one["changed_ids"]), 0),
            )
            for feed, one in found.items()
        }

    async def _jobs(self, ids: Sequence[str]) -> dict[str, ChangedJob]:
        if not ids:
            return {}
        async with self._redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hmget(JOB + job_id, FIELDS)
            rows = await pipe.execute()
        return {job_id: _job(job_id, row) for job_id, row in zip(ids, rows, strict=True)}


def _ids(found: Mapping[str, Any], limit: int) -> list[str]:
    """The ids of a feed that are told, each once."""
    return list(dict.fromkeys([*found["changed_ids"], *found["made_ids"]]))[:limit]


def _job(job_id: str, row: Sequence[bytes | None]) -> ChangedJob:
    kind, state, attempt, created_at, progress, *tally = row
    if kind is None or state is None:
        return ChangedJob(job_id, None)
    counts = {one.value: int(count) for one, count in zip(State, tally, strict=True) if count not in (None, b"0")}
    return ChangedJob(
        id=job_id,
        kind=kind.decode(errors="replace"),
        state=State(state.decode()),
        attempt=int(attempt or 0),
        created_ms=int(created_at or 0),
        progress=_numbers(progress),
        tally=counts or None,
    )


def _numbers(progress: bytes | None) -> dict[str, int | float] | None:
    """What of a progress is a number: its note may be any text."""
    if not progress:
        return None
    told = json.loads(progress)
    numbers = {name: told.get(name) for name in ("done", "total")}
    return {name: one for name, one in numbers.items() if isinstance(one, int | float) and isfinite(one)} or None
