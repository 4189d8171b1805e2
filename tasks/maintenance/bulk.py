"""The kind `bulk`: cancels, retries or deletes all jobs that fit a filter, a batch at a time.

Each batch is one script, which also counts what became of its jobs and notes where the next one begins. So a bulk job
whose worker was killed goes on where it was, and its count is true. It sees no job that is younger than itself.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from tasks.kind import Kind, Result, Run
from tasks.queue.jobs.bulk_step import BulkStep
from tasks.queue.jobs.cancel import Canceller
from tasks.queue.jobs.delete import Deleter
from tasks.queue.jobs.reopen import Reopener
from tasks.queue.records.list import Listing, Selection
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB

Verb = Literal["cancellation", "retry", "deletion"]

AT_ONCE = 50
"""Jobs of one script, which must not hold up Redis for more than a few milliseconds."""
STATES: Mapping[Verb, tuple[State, ...]] = {
    "cancellation": (State.SCHEDULED, State.RETRYING, State.QUEUED, State.RUNNING),
    "retry": (State.FAILED, State.CANCELLED),
    "deletion": (State.SUCCEEDED, State.FAILED, State.CANCELLED),
}
"""The states in which a verb finds its jobs."""
DONE: Mapping[Verb, Mapping[str, str]] = {
    "cancellation": {"cancelled": "cancelled", "running": "stopping", "batch": "stopping"},
    "retry": {"reopened": "retried"},
    "deletion": {"deleted": "deleted"},
}
"""What the scripts answer for a job with which the verb was done, and what the result calls it."""
COUNT = "count:"
"""How the fields of the record begin in which the scripts count their answers."""


class BulkParams(BaseModel):
    """What a `bulk` job is asked for. Times are milliseconds since 1970, both ends included.

    job_indexes: of one owner; no job is in two of them. Stored as `shelves`, as earlier versions read it.
    """

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    verb: Verb
    job_indexes: tuple[str, ...] = Field(alias="shelves")
    states: tuple[State, ...]
    queue: str | None = None
    since_ms: int = 0
    until_ms: int | None = None
    prefix: str | None = None

    @property
    def passes(self) -> tuple[State, ...]:
        """The states in the order in which they are gone through. What ran may be waiting for its next try by the
        time its state has had its turn."""
        again = self.verb == "cancellation" and {State.RETRYING, State.RUNNING} <= set(self.states)
        return (*self.states, State.RETRYING) if again else self.states

    def selection(self, state: State, made_ms: int) -> Selection:
        until_ms = made_ms if self.until_ms is None else min(self.until_ms, made_ms)
        return Selection(self.job_indexes, state, self.queue, self.since_ms, until_ms, self.prefix)


class Place(BaseModel):
    """How far a bulk job is. passed: states that are done with. looked: records that were looked at."""

    passed: int = 0
    cursor: str | None = None
    looked: int = 0

    @classmethod
    def of(cls, said: bytes | None) -> Self:
        return cls() if said is None else cls.model_validate_json(said)


async def run_bulk(run: Run[BulkParams]) -> Result:
    """Go through the states, each from the newest job to the oldest."""
    listing, params = Listing(run.redis), run.params
    made, said = await run.redis.hmget(JOB + run.job_id, "created_at", "place")
    place, made_ms = Place.of(said), int(made or 0)
    counts = await listing.counts(params.selection(params.states[0], made_ms))
    total = sum(counts[state] for state in params.states)
    while place.passed < len(params.passes):
        selection = params.selection(params.passes[place.passed], made_ms)
        found = await listing.ids(selection, limit=AT_ONCE, cursor=place.cursor)
        over = found.cursor is None
        place = Place(passed=place.passed + over, cursor=found.cursor, looked=place.looked + found.looked)
        ids = [one for one in found.ids if one != run.job_id]
        await _do(run, ids, BulkStep(run.job_id, run.attempt, place.model_dump_json()))
        run.progress(place.looked, max(total, place.looked), "jobs")
    return Result(value=await _counted(run))


async def _do(run: Run[BulkParams], ids: Sequence[str], step: BulkStep) -> None:
    match run.params.verb:
        case "cancellation":
            canceller = Canceller(run.redis, run.settings)
            # Before the step, which notes that they are done with.
            for batch_id in await _batches(run, ids):
                await canceller.cancel(batch_id)
            await canceller.cancel_all(ids, step)
        case "retry":
            await Reopener(run.redis, run.settings).retry(ids, step)
        case "deletion":
            await Deleter(run.redis).delete(ids, step)


async def _batches(run: Run[BulkParams], ids: Sequence[str]) -> list[str]:
    """Those of the ids that are batches, whose jobs are to be cancelled too."""
    async with run.redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hget(JOB + job_id, "kind")
        kinds = await pipe.execute()
    return [job_id for job_id, kind in zip(ids, kinds, strict=True) if kind == b"batch"]


async def _counted(run: Run[BulkParams]) -> dict[str, int]:
    """matched: all that were found. Then by what became of them; those that had changed meanwhile are `skipped`."""
    fields = await run.redis.hgetall(JOB + run.job_id)
    answers = {
        name.decode().removeprefix(COUNT): int(count)
        for name, count in fields.items()
        if name.startswith(COUNT.encode())
    }
    result = dict.fromkeys(DONE[run.params.verb].values(), 0)
    for answer, word in DONE[run.params.verb].items():
        result[word] += answers.pop(answer, 0)
    skipped = sum(answers.values())
    return {"matched": sum(result.values()) + skipped, **result, "skipped": skipped}


BULK = Kind(name="bulk", queue="default", params=BulkParams, run=run_bulk, timeout_s=1_800)
