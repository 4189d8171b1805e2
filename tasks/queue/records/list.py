"""Reading records back: one by id, or those that somebody looks for, newest first."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from tasks.queue.records.cursor import read_cursor, write_cursor
from tasks.queue.records.indexes import of_batch, of_endpoint, of_tag
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import JOB, JOBS
from tasks.queue.script import Script

LOOK_AT_MOST = 1_000
"""Records that one page looks at: some milliseconds of Redis' time, if few of them match."""
UNPACKED_AT_ONCE = 50
"""Records of one page that are unpacked in one turn of the event loop."""
ROUNDS = 10
"""How often one page asks Redis, if packed records that it unpacked were of another worker or had another code."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which jobs: those in these indexes that fit all else. No job may be in two of the indexes
    (`tasks.queue.records.indexes`).

    since_ms, until_ms: when they were made, both included. prefix: how their id or name begins, in capitals or not.
    kind: for indexes that hold several. stateless: these indexes have no zset for each state. tags: all of which they
    have. tag_owner: whose jobs they are, if one owner's. code: of their error. worker: that has them, or had them last.
    endpoint, batch, schedule: whose deliveries, jobs or runs they are. owner: whose jobs they are, if one owner's and
    their indexes may be another's.
    """

    job_indexes: tuple[str, ...]
    state: State | None = None
    queue: str | None = None
    since_ms: int = 0
    until_ms: int | None = None
    prefix: str | None = None
    kind: str | None = None
    stateless: bool = False
    tags: tuple[str, ...] = ()
    tag_owner: str | None = None
    code: str | None = None
    owner: str | None = None
    worker: str | None = None
    endpoint: str | None = None
    batch: str | None = None
    schedule: str | None = None

    @property
    def choices(self) -> list[list[str]]:
        """Indexes that hold them all: job index and state have one of their own, the time is its order. Where there is
        a choice, the script takes those that hold the fewest."""
        if self.stateless:
            return [list(self.job_indexes)]
        states = State if self.state is None else (self.state,)
        choices = [self.job_indexes] if self.job_indexes else []
        if self.tag_owner is not None:
            choices += [(of_tag(self.tag_owner, tag),) for tag in self.tags]
        if self.endpoint is not None:
            choices.append((of_endpoint(self.endpoint),))
        found = [[of_state(job_index, state) for job_index in choice for state in states] for choice in choices]
        return found if self.batch is None else [*found, [of_batch(self.batch)]]

    @property
    def countable(self) -> bool:
        """Whether an index has these jobs and no others, but for their state and prefix."""
        if any((self.code, self.worker, self.endpoint, self.batch, self.schedule)):
            return False
        return not self.tags or (len(self.tags) == 1 and not (self.job_indexes or self.queue))


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Some records, newest first. cursor: give it back to go on from here; None at the end. counts: of `Listing.counts`
    where they were asked for."""

    records: tuple[Record, ...]
    cursor: str | None
    counts: Mapping[State, int] | None = None


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of a page. examined: records that were looked at for it."""

    ids: list[str]
    cursor: str | None
    examined: int


@dataclass(frozen=True, slots=True)
class JobCause:
    """What a job is, and the code of its error; an empty one if its record has none. created_ms: milliseconds since
    1970."""

    id: str
    kind: str
    code: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class JobCauses:
    """Some jobs with their errors, newest first. cursor, examined: as of `Ids`."""

    causes: list[JobCause]
    cursor: str | None
    examined: int


class Listing:
    """Lists jobs. What one page costs is bounded, whatever is selected from however many."""

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._redis = redis
        self._list = Script(redis, "read/list")

    async def page(
        self, selection: Selection, *, limit: int = 50, cursor: str | None = None, with_counts: bool = False
    ) -> RecordPage:
        """At most `limit` records. It may be short, even empty, though more follow: go by the cursor.

        Raises: Refusal `invalid_request` for a cursor that this service did not make.
        """
        found = await self.ids(selection, limit=limit, cursor=cursor)
        async with self._redis.pipeline(transaction=False) as pipe:
            _request_records(pipe, found.ids)
            if with_counts:
                _request_counts(pipe, selection)
            answers = await pipe.execute()
        counts = _counts_of(answers[len(found.ids) :]) if with_counts else None
        return RecordPage(tuple(_records_of(found.ids, answers[: len(found.ids)])), found.cursor, counts)

    async def ids(
        self, selection: Selection, *, limit: int, cursor: str | None = None, max_examined: int | None = None
    ) -> Ids:
        """As `page`, without the records. max_examined: records that it looks at; LOOK_AT_MOST if None."""
        most = LOOK_AT_MOST if max_examined is None else max_examined
        payload, after = _payload(selection), _after(cursor)
        ids: list[str] = []
        examined = 0
        for _ in range(ROUNDS):
            bounds = {"after": after, "limit": limit - len(ids), "max_examined": most - examined}
            answer = await self._list(payload | bounds)
            after, examined = answer.get("after"), examined + answer["examined"]
            unfit = await self._unfit(answer["ids"], answer["unsure"], selection)
            ids += [one for one in answer["ids"] if one not in unfit]
            if not (unfit and after and examined < most):
                break
        return Ids(ids, _cursor(after), examined)

    async def causes(self, selection: Selection, *, limit: int, cursor: str | None = None) -> JobCauses:
        """As `page`, with what their errors are instead of the records. selection: without code and worker."""
        bounds = {"after": _after(cursor), "limit": limit, "max_examined": LOOK_AT_MOST, "with_causes": True}
        answer = await self._list(_payload(selection) | bounds)
        unsure = [one for one in answer["ids"] if one in answer["unsure"]]
        codes: dict[str, Any] = {}
        for start in range(0, len(unsure), UNPACKED_AT_ONCE):  # others get a turn in between
            packed = await self.records(unsure[start : start + UNPACKED_AT_ONCE])
            codes |= {record.id: (record.last_error or {}).get("code") for record in packed}
        causes = [
            JobCause(job_id, kind, code or codes.get(job_id) or "", int(created_ms))
            for job_id, (kind, code, created_ms) in zip(answer["ids"], answer["causes"], strict=True)
        ]
        return JobCauses(causes, _cursor(answer.get("after")), answer["examined"])

    async def records(self, ids: Sequence[str]) -> list[Record]:
        """The records of these, without those that are gone."""
        async with self._redis.pipeline(transaction=False) as pipe:
            _request_records(pipe, ids)
            return _records_of(ids, await pipe.execute())

    async def _unfit(self, ids: Sequence[str], unsure: Container[str], selection: Selection) -> set[str]:
        """Those of packed records that another worker had, or whose error is another (versions before 28 November 2026
        packed it)."""
        packed, unfit = [one for one in ids if one in unsure], set()
        for start in range(0, len(packed), UNPACKED_AT_ONCE):  # others get a turn in between
            unfit |= {
                record.id
                for record in await self.records(packed[start : start + UNPACKED_AT_ONCE])
                if selection.code not in (None, (record.last_error or {}).get("code"))
                or selection.worker not in (None, record.worker)
            }
        return unfit

    async def counts(self, selection: Selection) -> dict[State, int]:
        """How many there are in each state, without regard to the selection's own state, queue, kind, prefix, code and
        worker, and to all tags but one. Those that expired lately are among them. None are counted of an endpoint, a
        batch or a schedule, which may be another owner's."""
        async with self._redis.pipeline(transaction=False) as pipe:
            _request_counts(pipe, selection)
            return _counts_of(await pipe.execute())


def _request_records(pipe: "Pipeline[bytes]", ids: Iterable[str]) -> None:
    for job_id in ids:
        pipe.hgetall(JOB + job_id)


def _records_of(ids: Sequence[str], hashes: Sequence[Mapping[bytes, bytes]]) -> list[Record]:
    return [Record.from_hash(job_id, fields) for job_id, fields in zip(ids, hashes, strict=True) if fields]


def _request_counts(pipe: "Pipeline[bytes]", selection: Selection) -> None:
    job_indexes = selection.job_indexes
    if not job_indexes and selection.tag_owner is not None:
        job_indexes = (of_tag(selection.tag_owner, selection.tags[0]),)
    newest = "+inf" if selection.until_ms is None else selection.until_ms
    for state in State:
        for job_index in job_indexes:
            pipe.zcount(JOBS + of_state(job_index, state), selection.since_ms, newest)


def _counts_of(answers: Sequence[int]) -> dict[State, int]:
    width = len(answers) // len(State)
    return {state: sum(answers[n * width : (n + 1) * width]) for n, state in enumerate(State)}


def _payload(selection: Selection) -> dict[str, Any]:
    """What of a selection the script is asked for."""
    return {
        "choices": selection.choices,
        "schedule": selection.schedule,
        "newest": selection.until_ms,
        "oldest": selection.since_ms,
        "owner": selection.owner,
        # Other indexes have jobs of one state each.
        "state": selection.state if selection.batch or selection.schedule else None,
        "prefix": selection.prefix or None,
        "queue": selection.queue or None,
        "kind": selection.kind or None,
        "tags": selection.tags or None,
        "code": selection.code or None,
        "worker": selection.worker,
        "endpoint": selection.endpoint,
        "batch": selection.batch,
    }


def _after(cursor: str | None) -> dict[str, Any] | None:
    return None if cursor is None else dict(zip(("created_at", "id"), read_cursor(cursor), strict=True))


def _cursor(after: dict[str, Any] | None) -> str | None:
    return write_cursor(int(after["created_at"]), after["id"]) if after else None


async def read(redis: "Redis[bytes]", job_id: str) -> Record | None:
    """The record, or None if there is none (any more)."""
    fields = await redis.hgetall(JOB + job_id)
    return Record.from_hash(job_id, fields) if fields else None


async def read_page(
    redis: "Redis[bytes]",
    job_index: str,
    *,
    state: State | None = None,
    since_ms: int = 0,
    until_ms: int | None = None,
    limit: int = 50,
    cursor: str | None = None,
    stateless: bool = False,
    code: str | None = None,
) -> RecordPage:
    """A page of one index. Raises: as `Listing.page`."""
    selection = Selection(
        (job_index,), state=state, since_ms=since_ms, until_ms=until_ms, stateless=stateless, code=code
    )
    return await Listing(redis).page(selection, limit=limit, cursor=cursor)


async def read_index(
    redis: "Redis[bytes]", index: str, *, limit: int, cursor: str | None
) -> tuple[list[str], str | None]:
    """Ids of an index (zset id → ms) of other things than jobs, newest first, at most `limit`, and the cursor of what
    follows.

    Raises: Refusal `invalid_request` for a cursor that this service did not make.
    """
    entries = await _entries(redis, index, cursor, limit + 1)
    shown = [(int(score), one.decode()) for one, score in entries[:limit]]
    return [one for _, one in shown], write_cursor(*shown[-1]) if len(entries) > limit else None


async def _entries(redis: "Redis[bytes]", index: str, cursor: str | None, count: int) -> list[tuple[bytes, float]]:
    if cursor is None:
        return await redis.zrange(index, 0, count - 1, desc=True, withscores=True)
    created, last = read_cursor(cursor)
    # Not a transaction: a full Redis refuses every command in one.
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zrevrangebyscore(index, created, created, withscores=True)
        pipe.zrevrangebyscore(index, f"({created}", "-inf", start=0, num=count, withscores=True)
        same_time, older = await pipe.execute()
    following = [entry for entry in same_time if entry[0] < last.encode()]
    return [*following, *older][:count]


def of_state(job_index: str, state: State) -> str:
    """The name of a job index's zset of one state."""
    return f"{job_index}:{state}"
