"""The job's record: the states it goes through, and what is known of it. The record is the story; ARQ's keys are only
the door."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, Self

from tasks.queue.records.packing import unpack


class State(StrEnum):
    """Where a job stands. Each transition is one script in `tasks/queue/lua`; an attempt that is not the job's current
    one changes nothing."""

    SCHEDULED = "scheduled"
    """Not due yet. In by a submit with a time; out to `queued` when due, or to `cancelled`."""
    QUEUED = "queued"
    """Waits in its lane. In by a submit, a due time, a hand-back or a lapsed lease; out to `running` by a worker's
    claim, or to `cancelled`."""
    RUNNING = "running"
    """A worker holds a lease on it. In by a claim; out to any of the states below, or back to `queued` if the worker
    died or stopped."""
    RETRYING = "retrying"
    """Failed, and waits for its next try. In by a failed try, or by one that was postponed because the storage was
    away; out to `queued` when due, or to `cancelled`."""
    SUCCEEDED = "succeeded"
    """Done; its files can be had. Kept for `keep_succeeded_s`."""
    FAILED = "failed"
    """Gave up: refused, killed in the sandbox, poison, or out of tries. Kept for `keep_failed_s`: the dead letters."""
    CANCELLED = "cancelled"
    """Somebody stopped it. Kept for `keep_cancelled_s`."""

    @property
    def ended(self) -> bool:
        """Whether the job is over: it will not move again."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Priority(StrEnum):
    """Which of a lane's jobs go first. Lanes take turns whatever the priority of their jobs."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        return list(Priority).index(self)


class RunIf(StrEnum):
    """For which end of the jobs that a job comes after it waits."""

    SUCCESS = "success"
    FAILURE = "failure"
    ANY = "any"


APPLICATION_FIELDS: Final = b"arq_"
"""How the fields of a record begin that only clients of an ARQ application read: bytes in its own serialization."""
TALLY: Final = "tally:"
"""How the fields of a record begin that count an event's deliveries by state."""


def new_id() -> str:
    """128 random bits, as 32 hex digits: nobody guesses another's job."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Record:
    """What Redis holds of a job. Times are milliseconds since 1970.

    Attributes:
        due_at: When the job may start.
        expires_at: When its files may be removed; None until it has ended.
        attempt: Number of the current or last attempt.
        tries: Attempts that count towards the kind's `max_tries`.
        worker: The worker that has the job, or had it last.
        attempts: One dict for each attempt, oldest first: number, worker, started_at, ended_at, outcome (`succeeded`,
            `failed`, `retrying`, `postponed`, `cancelled`, `handed_back` or `lapsed`), `error` {code, message} where it
            failed, `times` where it stands for several that were postponed, and `about` with facts that the kind noted.
        event: Of a delivery, the id of its event.
        batch: Id of the batch that the job is part of.
        schedule: Id of the schedule whose run the job is.
        schedule_due_at: When that run was due.
        jobs: Of a batch that was sent as one request, the ids of its jobs in order.
        after: Ids of jobs that had to end first.
        run_if: For which end of them it waited.
        blobs: SHA-256 hashes of the files that it reads.
        tags: By which its sender finds it.
        metadata: What its sender noted on it.
        urls: Which URLs answers and events give of its files, if its sender said: `private` or `public`.
        tally: Of an event or a batch, state → number of its deliveries or jobs.
        deadline: When the last attempt may begin, if its sender said.
        timeout_s: Seconds that one attempt may take, if its sender said.
        max_tries: Attempts that count, if its sender said.
        viewer: SHA-256 of the token that may see this job and nothing else, where there is one.
        unique_as: Its option `unique`, `debounce` or `throttle` as it was sent, by that name, if it has one.
        minter: The key behind that token, with which it ends; None for jobs of versions that did not note it.
    """

    id: str
    kind: str
    queue: str
    owner: str
    state: State
    priority: Priority
    params: str
    created_at: int
    due_at: int
    name: str | None = None
    request_id: str | None = None
    started_at: int | None = None
    finished_at: int | None = None
    expires_at: int | None = None
    attempt: int = 0
    tries: int = 0
    worker: str | None = None
    attempts: tuple[dict[str, Any], ...] = ()
    progress: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    files: tuple[dict[str, Any], ...] = ()
    error: dict[str, Any] | None = None
    event: str | None = None
    batch: str | None = None
    schedule: str | None = None
    schedule_due_at: int | None = None
    jobs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    run_if: RunIf = RunIf.SUCCESS
    blobs: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    urls: Literal["private", "public"] | None = None
    tally: Mapping[str, int] = field(default_factory=dict)
    deadline: int | None = None
    timeout_s: float | None = None
    max_tries: int | None = None
    viewer: str | None = None
    minter: str | None = None
    unique_as: Mapping[str, Any] = field(default_factory=dict)

    def expired(self, now_ms: int) -> bool:
        """Whether only the tombstone is left: the job ended so long ago that its files may be gone."""
        return self.expires_at is not None and now_ms >= self.expires_at

    @property
    def last_error(self) -> dict[str, Any] | None:
        """Why it failed, or was cancelled; of one that waits for its next try, why the last one failed."""
        if self.state is State.RETRYING:
            return next((one["error"] for one in reversed(self.attempts) if one.get("error")), None)
        return self.error

    @classmethod
    def from_hash(cls, job_id: str, fields: Mapping[bytes, bytes]) -> Self:
        """The record of a non-empty Redis hash, packed or not."""
        whole = unpack(fields).items()
        text = {name.decode(): value.decode() for name, value in whole if not name.startswith(APPLICATION_FIELDS)}

        def number(name: str) -> int | None:
            return int(text[name]) if text.get(name) else None

        def loaded(name: str) -> Any:
            return json.loads(text[name]) if text.get(name) else None

        attempt = number("attempt") or 0
        past = (loaded(f"attempt:{n}") for n in range(1, attempt + 1))
        return cls(
            id=job_id,
            kind=text["kind"],
            queue=text["queue"],
            owner=text["owner"],
            state=State(text["state"]),
            priority=Priority(text["priority"]),
            params=text["params"],
            created_at=int(text["created_at"]),
            due_at=int(text["due_at"]),
            name=text.get("name"),
            request_id=text.get("request_id"),
            started_at=number("started_at"),
            finished_at=number("finished_at"),
            expires_at=number("expires_at"),
            attempt=attempt,
            tries=number("tries") or 0,
            worker=text.get("worker"),
            attempts=tuple(one for one in past if one is not None),
            progress=loaded("progress"),
            result=loaded("result"),
            files=tuple(loaded("files") or ()),
            error=loaded("error"),
            event=text.get("event"),
            batch=text.get("batch"),
            schedule=text.get("schedule"),
            schedule_due_at=number("schedule_due_at"),
            jobs=tuple(loaded("jobs") or ()),
            after=tuple(loaded("after") or ()),
            run_if=RunIf(text.get("run_if", RunIf.SUCCESS)),
            blobs=tuple(text.get("blobs", "").split()),
            tags=tuple(loaded("tags") or ()),
            metadata=loaded("metadata") or {},
            urls="public" if text.get("urls") == "public" else "private" if "urls" in text else None,
            tally={
                name[len(TALLY) :]: int(count)
                for name, count in text.items()
                if name.startswith(TALLY) and count != "0"
            },
            deadline=number("deadline"),
            timeout_s=float(text["timeout_s"]) if "timeout_s" in text else None,
            max_tries=number("max_tries"),
            viewer=text.get("viewer"),
            minter=text.get("minter"),
            unique_as=loaded("unique_as") or {},
        )
