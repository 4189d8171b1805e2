"""The kind `bulk`: cancels, retries or deletes all jobs that match a filter, in batches; or only counts them.

Each batch is one script, which also counts the outcomes and stores where the next batch begins. So a bulk job whose
worker was killed continues where it was, and its counts are correct. It does not touch jobs that are newer than itself,
nor more jobs than were expected.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from time import monotonic
from typing import Literal, Self

from arq.constants import abort_jobs_ss
from pydantic import BaseModel, ConfigDict, Field

from tasks.kind import JobContext, Kind, Result
from tasks.queue.jobs.bulk_step import BulkStep
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records import indexes
from tasks.queue.records.list import Ids, Listing, Selection
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOB
from tasks.refusal import Refusal

Verb = Literal["cancellation", "retry", "deletion"]

AT_ONCE = 50
"""Jobs in one script, which must not block Redis for more than a few milliseconds."""
EXAMINED_AT_ONCE = 200
"""Jobs that one step of a count looks at: a millisecond or two of Redis' time. A pause as long as the step follows."""
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
    """How far a bulk job is: states that are done (`passed`), the cursor in the next, and records read (`looked`).

    matched: of a count, how many match. left: of the changes, how many matched after as many as were expected, and were
    left alone.
    """

    passed: int = 0
    cursor: str | None = None
    looked: int = 0
    matched: int = 0
    left: int = 0

    @classmethod
    def of(cls, said: bytes | None) -> Self:
        return cls() if said is None else cls.model_validate_json(said)


async def run_bulk(job: JobContext[BulkParams]) -> Result:
    """Process the states, each from the newest job to the oldest.

    Returns:
        How many jobs were `examined`, `matched` and were `changed`, whether `matched` is `complete`, how many jobs had
        each outcome, and how many were `skipped`.

    Raises:
        Refusal: `more_than_expected` or `count_incomplete`; no job was changed.
    """
    return Result(value=await BulkRun(job).run())


class BulkRun:
    """One attempt at a bulk job. It goes on where the attempt before it was, and with its numbers.

    Args:
        job: The bulk job.
    """

    def __init__(self, job: JobContext[BulkParams]) -> None:
        self._job = job
        self._params = job.params.model_copy(update={"job_indexes": _indexes(job)})
        self._listing = Listing(job.redis)
        self._job_store = JobStore(job.redis, job.settings)
        self._made_ms = self._total = 0
        self._count = self._place = Place()
        self._answers: Counter[str] = Counter()

    async def run(self) -> dict[str, int]:
        """As `run_bulk`."""
        fields = await self._job.redis.hgetall(JOB + self._job.job_id)
        self._made_ms = int(fields.get(b"created_at", 0))
        self._count, self._place = Place.of(fields.get(b"counting")), Place.of(fields.get(b"place"))
        for name, number in fields.items():
            if name.startswith(COUNT.encode()):
                self._answers[name.decode().removeprefix(COUNT)] = int(number)
        by_state = await self._listing.counts(self._params.selection(self._params.states[0], self._made_ms))
        self._total = sum(by_state[state] for state in self._params.states)
        if self._params.dry_run:
            await self._count_all()
            return self._counted
        if self._params.expect is not None and b"place" not in fields:  # else some have been changed
            await self._count_all()
            self._check(self._params.expect)
        await self._change_all()
        return {**self._changed, **self._outcomes}

    async def _count_all(self) -> None:
        """Count the jobs that match now, but for this one, until as many were examined as may be."""
        while not self._is_counted and self._count.looked < self._job.settings.bulk_max_examined:
            began = monotonic()
            found, over = await self._next(
                self._params.states[self._count.passed], self._count, EXAMINED_AT_ONCE, EXAMINED_AT_ONCE
            )
            self._count = Place(
                passed=self._count.passed + over,
                cursor=found.cursor,
                looked=self._count.looked + found.examined,
                matched=self._count.matched + len(found.ids),
            )
            await self._job_store.note_place(self._step(self._count, "counting"))
            self._report(self._counted, "jobs counted")
            await asyncio.sleep(monotonic() - began)  # several counts at once slow each other down, and no one else

    def _check(self, expect: int) -> None:
        at_least = "" if self._is_counted else "At least "
        if self._count.matched > expect:
            raise Refusal(
                "more_than_expected",
                f"{at_least}{self._count.matched} jobs match, and at most {expect} were expected. None was changed.",
                field="expect",
                limit=expect,
            )
        if at_least:
            raise Refusal(
                "count_incomplete",
                f"At least {self._count.matched} jobs match: {self._count.looked} were examined, which is the limit "
                "(BULK_MAX_EXAMINED). None was changed. Narrow the filter, such as by 'kind', 'state' or 'since', or "
                "leave out 'expect'.",
                field="expect",
            )

    async def _change_all(self) -> None:
        passes = self._params.passes
        while self._place.passed < len(passes):
            may = AT_ONCE
            if self._params.expect is not None:
                # Those that match by now, and did not when they were counted, are not changed beyond their number.
                may = max(min(self._params.expect - self._answers.total(), AT_ONCE), 0)
            found, over = await self._next(passes[self._place.passed], self._place, may or AT_ONCE)
            ids = found.ids if may else await self._stopping(found.ids)
            self._place = Place(
                passed=self._place.passed + over,
                cursor=found.cursor,
                looked=self._place.looked + found.examined,
                left=self._place.left + len(found.ids) - len(ids),
            )
            await self._change(ids, self._step(self._place, "place"))
            self._report(self._changed, "jobs")

    async def _next(self, state: State, place: Place, limit: int, most: int | None = None) -> tuple[Ids, bool]:
        """The jobs that match after a place, without this one, and whether they are the last of their state."""
        selection = self._params.selection(state, self._made_ms)
        found = await self._listing.ids(selection, limit=limit, cursor=place.cursor, max_examined=most)
        return replace(found, ids=[one for one in found.ids if one != self._job.job_id]), found.cursor is None

    async def _stopping(self, ids: Sequence[str]) -> list[str]:
        """Those that were asked to stop while they ran. They may wait for their next try by now, and are no others."""
        async with self._job.redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.zscore(abort_jobs_ss, job_id)
            scores = await pipe.execute()
        return [job_id for job_id, score in zip(ids, scores, strict=True) if score is not None]

    async def _change(self, ids: Sequence[str], step: BulkStep) -> None:
        match self._params.verb:
            case "cancellation":
                # Before the step that stores these jobs as done.
                for batch_id in await _batches(self._job, ids):
                    await self._job_store.cancel(batch_id)
                answers = await self._job_store.cancel_all(ids, step)
            case "retry":
                answers = await self._job_store.retry(ids, step)
            case "deletion":
                answers = await self._job_store.delete(ids, step)
        self._answers.update(answers)

    def _step(self, place: Place, field: Literal["place", "counting"]) -> BulkStep:
        return BulkStep(self._job.job_id, self._job.attempt, place.model_dump_json(), field)

    def _report(self, counts: Mapping[str, int], note: str) -> None:
        total = self._count.looked if self._is_counted else self._total
        self._job.progress(counts["examined"], max(total, counts["examined"]), note, counts)

    @property
    def _is_counted(self) -> bool:
        return self._count.passed == len(self._params.states)

    @property
    def _counted(self) -> dict[str, int]:
        """The numbers of a count so far."""
        return {
            "examined": self._count.looked,
            "matched": self._count.matched,
            "changed": 0,
            "complete": self._is_counted,
        }

    @property
    def _changed(self) -> dict[str, int]:
        """The numbers of the changes so far. Until the last, those that were counted match."""
        over = self._place.passed == len(self._params.passes)
        matched = self._answers.total() + self._place.left
        return {
            "examined": self._place.looked,
            "matched": matched if over else max(matched, self._count.matched),
            "changed": sum(self._answers[answer] for answer in DONE[self._params.verb]),
            "complete": over or self._is_counted,
        }

    @property
    def _outcomes(self) -> dict[str, int]:
        """How many jobs had each outcome. Those that had changed meanwhile, or were left alone, are `skipped`."""
        words = DONE[self._params.verb]
        outcomes = dict.fromkeys(words.values(), 0)
        for answer, word in words.items():
            outcomes[word] += self._answers[answer]
        skipped = self._answers.total() + self._place.left - sum(outcomes.values())
        return {**outcomes, "skipped": skipped}


def _indexes(job: JobContext[BulkParams]) -> tuple[str, ...]:
    """The indexes that are asked for. One of all jobs of an owner, as versions before November 2026 had it, has become
    several."""
    named = [[one] if "/" in one else indexes.of_owner(one, job.kinds) for one in job.params.job_indexes]
    return tuple(chain.from_iterable(named))


async def _batches(job: JobContext[BulkParams], ids: Sequence[str]) -> list[str]:
    """Those of the ids that are batches, whose jobs are cancelled too."""
    async with job.redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hget(JOB + job_id, "kind")
        kinds = await pipe.execute()
    return [job_id for job_id, kind in zip(ids, kinds, strict=True) if kind == b"batch"]


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
