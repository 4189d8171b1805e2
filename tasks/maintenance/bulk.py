"""The kind `bulk`: cancels, retries or deletes all jobs that match a filter, in batches.

Each batch is one script, which also counts the outcomes and stores where the next batch begins. So a bulk job whose
worker was killed continues where it was, and its counts are correct. It does not touch jobs that are newer than itself.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from tasks.kind import JobContext, Kind, Result
from tasks.queue.jobs.bulk_step import BulkStep
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records import indexes
from tasks.queue.records.list import Listing, Selection
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB
from tasks.refusal import Refusal

Verb = Literal["cancellation", "retry", "deletion"]

AT_ONCE = 50
"""Jobs in one script, which must not block Redis for more than a few milliseconds."""
COUNTED_AT_ONCE = 500
"""Jobs in one script that only looks."""
STATES: Mapping[Verb, tuple[State, ...]] = {
    "cancellation": (State.SCHEDULED, State.RETRYING, State.QUEUED, State.RUNNING),
    "retry": (State.FAILED, State.CANCELLED),
    "deletion": (State.SUCCEEDED, State.FAILED, State.CANCELLED),
}
"""The states whose jobs a verb applies to."""
DONE: Mapping[Verb, Mapping[str, str]] = {
    "cancellation": {"cancelled": "cancelled", "running": "stopping", "batch": "stopping"},
    "retry": {"reopened": "retried"},
    "deletion": {"deleted": "deleted"},
}
"""What the scripts answer for a changed job, and the name of its count in the result."""
COUNT = "count:"
"""Prefix of the record's fields in which the scripts count their answers."""


class BulkParams(BaseModel):
    """The params of a `bulk` job. Times are milliseconds since 1970, both ends included.

    job_indexes: no job is in two of them; none where another criterion has an index of its own. Stored as `shelves`,
    as earlier versions read it. tags, tag_owner, code, owner, worker, endpoint, batch, schedule: as in `Selection`.
    Earlier versions fail a job with them.
    dry_run: whether the jobs are only counted. expect: how many there may be; None: any number.
    """

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    verb: Verb
    job_indexes: tuple[str, ...] = Field(alias="shelves")
    states: tuple[State, ...]
    queue: str | None = None
    since_ms: int = 0
    until_ms: int | None = None
    prefix: str | None = None
    kind: str | None = None
    tags: tuple[str, ...] | None = None
    tag_owner: str | None = None
    code: str | None = None
    owner: str | None = None
    worker: str | None = None
    endpoint: str | None = None
    batch: str | None = None
    schedule: str | None = None
    dry_run: bool | None = None
    expect: int | None = None

    @property
    def passes(self) -> tuple[State, ...]:
        """The states in the order in which they are processed. When running jobs are cancelled, some may meanwhile wait
        for their next try, so that state is processed twice."""
        again = self.verb == "cancellation" and {State.RETRYING, State.RUNNING} <= set(self.states)
        return (*self.states, State.RETRYING) if again else self.states

    def selection(self, state: State, made_ms: int) -> Selection:
        until_ms = made_ms if self.until_ms is None else min(self.until_ms, made_ms)
        return Selection(
            self.job_indexes,
            state,
            self.queue,
            self.since_ms,
            until_ms,
            self.prefix,
            self.kind,
            tags=self.tags or (),
            tag_owner=self.tag_owner,
            code=self.code,
            owner=self.owner,
            worker=self.worker,
            endpoint=self.endpoint,
            batch=self.batch,
            schedule=self.schedule,
        )


class Place(BaseModel):
    """How far a bulk job is: states that are done (`passed`), the cursor in the next, and records read (`looked`)."""

    passed: int = 0
    cursor: str | None = None
    looked: int = 0

    @classmethod
    def of(cls, said: bytes | None) -> Self:
        return cls() if said is None else cls.model_validate_json(said)


async def run_bulk(job: JobContext[BulkParams]) -> Result:
    """Process the states, each from the newest job to the oldest.

    Returns:
        How many jobs `matched`, how many were changed, and how many were `skipped`.

    Raises:
        Refusal: `more_than_expected`; no job was changed.
    """
    listing, params = Listing(job.redis), job.params.model_copy(update={"job_indexes": _indexes(job)})
    made, said = await job.redis.hmget(JOB + job.job_id, "created_at", "place")
    place, made_ms = Place.of(said), int(made or 0)
    counts = await listing.counts(params.selection(params.states[0], made_ms))
    total = sum(counts[state] for state in params.states)
    if params.dry_run:
        return Result(value={"matched": await _matching(job, listing, params, made_ms, total)})
    if params.expect is not None and said is None:  # else some are done already, after they were counted
        matched = await _matching(job, listing, params, made_ms, total)
        if matched > params.expect:
            raise Refusal(
                "more_than_expected",
                f"{matched} jobs match, and at most {params.expect} were expected. None was changed.",
                field="expect",
                limit=params.expect,
            )
    while place.passed < len(params.passes):
        selection = params.selection(params.passes[place.passed], made_ms)
        found = await listing.ids(selection, limit=AT_ONCE, cursor=place.cursor)
        over = found.cursor is None
        place = Place(passed=place.passed + over, cursor=found.cursor, looked=place.looked + found.examined)
        ids = [one for one in found.ids if one != job.job_id]
        await _do(job, ids, BulkStep(job.job_id, job.attempt, place.model_dump_json()))
        job.progress(place.looked, max(total, place.looked), "jobs")
    return Result(value=await _counted(job))


async def _matching(job: JobContext[BulkParams], listing: Listing, params: BulkParams, made_ms: int, total: int) -> int:
    """How many jobs match now, but for this one."""
    matched, looked = 0, 0
    for state in params.states:
        cursor, over = None, False
        while not over:
            found = await listing.ids(params.selection(state, made_ms), limit=COUNTED_AT_ONCE, cursor=cursor)
            cursor, over = found.cursor, found.cursor is None
            matched += len([one for one in found.ids if one != job.job_id])
            looked += found.examined
            job.progress(looked, max(total, looked), "jobs counted")
    return matched


def _indexes(job: JobContext[BulkParams]) -> tuple[str, ...]:
    """The indexes that are asked for. One of all jobs of an owner, as versions before November 2026 had it, has become
    several."""
    named = [[one] if "/" in one else indexes.of_owner(one, job.kinds) for one in job.params.job_indexes]
    return tuple(chain.from_iterable(named))


async def _do(job: JobContext[BulkParams], ids: Sequence[str], step: BulkStep) -> None:
    job_store = JobStore(job.redis, job.settings)
    match job.params.verb:
        case "cancellation":
            # Before the step that stores these jobs as done.
            for batch_id in await _batches(job, ids):
                await job_store.cancel(batch_id)
            await job_store.cancel_all(ids, step)
        case "retry":
            await job_store.retry(ids, step)
        case "deletion":
            await job_store.delete(ids, step)


async def _batches(job: JobContext[BulkParams], ids: Sequence[str]) -> list[str]:
    """Those of the ids that are batches, whose jobs are cancelled too."""
    async with job.redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hget(JOB + job_id, "kind")
        kinds = await pipe.execute()
    return [job_id for job_id, kind in zip(ids, kinds, strict=True) if kind == b"batch"]


async def _counted(job: JobContext[BulkParams]) -> dict[str, int]:
    """Count the jobs that matched, by outcome; jobs that had changed meanwhile are `skipped`."""
    fields = await job.redis.hgetall(JOB + job.job_id)
    answers = {
        name.decode().removeprefix(COUNT): int(count)
        for name, count in fields.items()
        if name.startswith(COUNT.encode())
    }
    result = dict.fromkeys(DONE[job.params.verb].values(), 0)
    for answer, word in DONE[job.params.verb].items():
        result[word] += answers.pop(answer, 0)
    skipped = sum(answers.values())
    return {"matched": sum(result.values()) + skipped, **result, "skipped": skipped}


BULK = Kind(
    name="bulk",
    queue="default",
    params=BulkParams,
    run=run_bulk,
    timeout_s=1_800,
    io_bound=True,
    in_activity_report=False,
    upkeep=True,
)
