"""Counts of queues and lanes: what waits, since when, and for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from arq.constants import health_check_key_suffix
from redis.asyncio import Redis

from tasks.queue.lanes.caps import lane_caps
from tasks.queue.records.cursor import read_cursor, write_cursor
from tasks.queue.records.record import State
from tasks.queue.redis_keys import ENDS_SLOT_MS, QUEUES
from tasks.queue.script import Script
from tasks.settings import Settings

LANES_ASKED: Final = 200
"""Lanes of each queue, those whose turn comes next, that are asked for their oldest job."""
RATE_S: Final = 60
"""Seconds over which the rate of a queue is measured."""
WAITING_AT_ONCE: Final = 50
"""Jobs that one script is asked for; each may come after a hundred others."""
LIVE: Final = (State.SCHEDULED, State.QUEUED, State.RETRYING, State.RUNNING)

LaneState = Literal["ready", "full", "limited", "parked"]
"""`ready`: its turn comes. `full`: as many of its jobs, or of its owner's, run as may. `limited`: as many have started
as its rate allows. `parked`: its receiver keeps failing, or asked to be left alone."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Counts of one queue.

    jobs: how many are in each state that has not ended.
    due: how many of those that wait could have started already.
    since_ms: when the oldest job that a worker could start now fell due; jobs in lanes that may not be served wait for
        something else.
    paused_ms: since when the queue is paused; None if it is not. paused_by, paused_reason: by whom and why, if known.
    ended: state → jobs that ended within the window.
    made_ms, made_by: when and by whom it was made; None for one that is always there.
    concurrency, max_running, rank: what is set of it (`tasks.queue.queues.queue_keys`); None is not set.
    """

    name: str
    jobs: Mapping[State, int]
    due: int
    since_ms: int | None
    paused_ms: int | None
    paused_by: str | None
    paused_reason: str | None
    ended: Mapping[State, int]
    made_ms: int | None = None
    made_by: str | None = None
    concurrency: int | None = None
    max_running: int | None = None
    rank: str | None = None

    @property
    def waiting(self) -> int:
        """Jobs that neither run nor have ended."""
        return sum(count for state, count in self.jobs.items() if state is not State.RUNNING)


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """All queues at one moment. window_s: the seconds over which ends were counted."""

    now_ms: int
    window_s: float
    queues: tuple[QueueCounts, ...]

    def find(self, name: str) -> QueueCounts | None:
        """The queue of this name; None if there is none."""
        return next((queue for queue in self.queues if queue.name == name), None)

    def age_s(self, queue: QueueCounts) -> float:
        """For how long the oldest job that could start now has waited for a worker; 0 if there is none."""
        return 0 if queue.since_ms is None else max(self.now_ms - queue.since_ms, 0) / 1000

    def rate(self, queue: QueueCounts) -> float:
        """Jobs that ended per second."""
        return sum(queue.ended.values()) / self.window_s


@dataclass(frozen=True, slots=True)
class LaneStats:
    """A lane in which jobs wait, or that is parked. Times are milliseconds since 1970; 0 is none.

    cap: jobs that may run at once; rate: starts per second; 0 is no limit.
    until_ms: until when it is parked or limited. since_ms: when its oldest waiting job fell due.
    failures: of its receiver, in a row, since failing_since_ms.
    owner, url: of its endpoint; None if it has none, or that was deleted.
    """

    name: str
    state: LaneState
    waiting: int
    running: int
    cap: int
    rate: float
    until_ms: int
    since_ms: int
    failures: int
    failing_since_ms: int
    owner: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class WaitReason:
    """Why a job waits; `lua/read/waiting.lua` says what each reason means, and what stands beside it. Times are
    milliseconds since 1970."""

    reason: str
    until_ms: int | None = None
    since_ms: int | None = None
    jobs: tuple[str, ...] = ()
    cap: int | None = None
    running: int | None = None
    ahead: int | None = None


class QueueStats:
    """Reads the counts. What it costs is bounded, however many lanes and jobs there are."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        self._script = Script(redis, "read/queue_stats")
        self._waiting = Script(redis, "read/waiting")
        self._caps = lane_caps(settings)

    async def queues(self, window_s: int = RATE_S) -> QueueSnapshot:
        """window_s: over how many seconds ends are counted, at most ENDS_MS."""
        return (await self.queues_over(window_s))[window_s]

    async def queues_over(self, *windows_s: int) -> dict[int, QueueSnapshot]:
        """The same moment with the ends of several windows, by their seconds."""
        slots = {window_s: window_s * 1000 // ENDS_SLOT_MS for window_s in sorted(set(windows_s))}
        counted = [count + 1 for count in slots.values()]
        payload = {"verb": "queues", "queues": QUEUES, "slots": counted, "max_lanes": LANES_ASKED}
        answer = await self._script(payload)
        now_ms, snapshots = answer["now"], {}
        for (window_s, count), ended in zip(slots.items(), answer["ended"], strict=True):
            # Lua cannot tell an empty map from an empty list.
            queues = tuple(_queue(row, ended or {}) for row in answer["queues"])
            snapshots[window_s] = QueueSnapshot(now_ms, (count * ENDS_SLOT_MS + now_ms % ENDS_SLOT_MS) / 1000, queues)
        return snapshots

    async def lanes(self, queue: str, *, limit: int, cursor: str | None) -> tuple[list[LaneStats], str | None, int]:
        """Lanes, at most `limit`, those that may not be served first, the cursor of what follows, and Redis' time in
        milliseconds since 1970. Lanes that move between two pages may be missed or come twice.

        Raises: Refusal `invalid_request` for a cursor that this service did not make.
        """
        place, rank = read_cursor(cursor) if cursor else (1, "0")
        start = {"list": place, "rank": max(int(rank), 0)}
        payload = {"verb": "lanes", "queue": queue, "from": start, "limit": limit, **self._caps}
        answer = await self._script(payload)
        following = answer.get("from")
        lanes = [LaneStats(**row) for row in answer["lanes"]]
        cursor = write_cursor(following["list"], str(following["rank"])) if following else None
        return lanes, cursor, answer["now"]

    async def waiting_for(self, ids: Sequence[str]) -> dict[str, list[WaitReason]]:
        """Why jobs wait, by id; nothing for those that run or have ended."""
        found: dict[str, list[WaitReason]] = {}
        for start in range(0, len(ids), WAITING_AT_ONCE):
            some = ids[start : start + WAITING_AT_ONCE]
            answer = await self._waiting({"ids": some, "health_check": health_check_key_suffix, **self._caps})
            found |= {job_id: [WaitReason(**one) for one in said] for job_id, said in zip(some, answer, strict=True)}
        return found


def _queue(row: Mapping[str, Any], ended: Mapping[str, int]) -> QueueCounts:
    name, since_ms, paused_ms = row["name"], row.get("since_ms"), row.get("paused_ms")
    jobs = {state: max(int(row[state]), 0) for state in LIVE}
    waiting = sum(count for state, count in jobs.items() if state is not State.RUNNING)
    return QueueCounts(
        name=name,
        jobs=jobs,
        # A timer that nobody has looked at may be a running job's, whose worker died.
        due=min(jobs[State.QUEUED] + row["overdue"], waiting),
        since_ms=int(since_ms) if since_ms else None,
        paused_ms=int(paused_ms) if paused_ms else None,
        paused_by=row.get("paused_by"),
        paused_reason=row.get("paused_reason"),
        ended={state: count for state in State if (count := ended.get(f"{name} {state}", 0))},
        **{name: row.get(name) for name in ("made_ms", "made_by", "concurrency", "max_running", "rank")},
    )
