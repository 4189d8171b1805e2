"""What is submitted, and what became of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tasks.accounts.quotas import Quotas
from tasks.queue.jobs.attempt_limits import NO_LIMITS, AttemptLimits
from tasks.queue.jobs.uniqueness import Uniqueness
from tasks.queue.records.record import Priority, Record, RunIf


@dataclass(frozen=True, slots=True)
class Submission:
    """A request for one job, before it is written to Redis.

    Attributes:
        kind: The kind's name.
        queue: The queue that the job waits in.
        owner: The account that the job belongs to.
        params: Canonical JSON text that the kind's model has accepted.
        max_params_bytes: Bytes that `params` may have; None is the setting.
        blobs: SHA-256 hashes of the files that the job reads.
        name: For people, to recognise the job by.
        priority: Which of the owner's jobs go first.
        delay_ms: Milliseconds until the job is due.
        run_at_ms: When the job is due, instead of `delay_ms`, by Redis' clock, in milliseconds since 1970.
        idempotency_key: Submissions of one owner with the same key, kind and params are one job.
        request_id: Id of the HTTP request.
        traceparent, tracestate: W3C trace that the job is part of; None is the trace of the submitter.
        address: Base URL under which the sender reaches this service, for links.
        notify: JSON of the URL that is told of the job's end: {"url": …, "secret": encrypted or absent}.
        after: Ids of jobs that must end first.
        run_if: For which end of them it waits.
        results: Whether its params may refer to what they made (`tasks.workflow.references`).
        batch: Id of an open batch that this job joins.
        event_type: Of an event: its type, by which its deliveries are counted before they are made.
        channel: Of an event: its channel, for the same.
        upkeep: Whether it is the service's own work, as `Kind.upkeep`.
        tags: By which its sender finds it.
        metadata: JSON of what its sender notes on it.
        destination: Name of the owner's destination into which its files are copied.
        keep_s: For how many seconds the job is kept after its end, if its sender says.
        urls: Which URLs answers and events give of its files, if its sender says: `private` or `public`.
        same_as: What an Idempotency-Key is compared by, where that is not the params: the same for the same request.
        job_id: The id of the job, if it is known before (`new_id`).
        viewer, minter: SHA-256 of the token that may see this job alone, and its key as in `UploadToken.minter`.
        upload_token: Id of the upload token that it comes with, of which it takes one use.
        token_upload: Id of the upload that was stored with that use, which is taken then.
        received: Bytes of those of its blobs that came with the request, by SHA-256.
        quotas: Those of the owner; None is what the settings say.
        unique: The key that it holds, and how long.
        limits: Those of its attempts; those of the kind hold besides.
    """

    kind: str
    queue: str
    owner: str
    params: str
    max_params_bytes: int | None = None
    blobs: tuple[str, ...] = ()
    name: str | None = None
    priority: Priority = Priority.NORMAL
    delay_ms: int = 0
    run_at_ms: int | None = None
    idempotency_key: str | None = None
    request_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    address: str | None = None
    notify: str | None = None
    after: tuple[str, ...] = ()
    run_if: RunIf = RunIf.SUCCESS
    results: bool = False
    batch: str | None = None
    event_type: str | None = None
    channel: str | None = None
    upkeep: bool = False
    tags: tuple[str, ...] = ()
    metadata: str | None = None
    urls: Literal["private", "public"] | None = None
    keep_s: int | None = None
    destination: str | None = None
    same_as: str | None = None
    job_id: str | None = None
    viewer: str | None = None
    minter: str | None = None
    upload_token: str | None = None
    token_upload: str | None = None
    received: Mapping[str, int] = field(default_factory=dict)
    quotas: Quotas | None = None
    unique: Uniqueness | None = None
    limits: AttemptLimits = NO_LIMITS

    @property
    def content(self) -> str:
        """A hash of kind and params, by which an Idempotency-Key is compared. Params that differ in their text only are
        found out by `Enqueuer`.

        Params hold the hashes of files, never the bytes of a form. Timing, `notify`, tags and metadata are no part of
        it: a repeat finds the job as it was first submitted.
        """
        return hashlib.sha256(f"{self.kind}\n{self.same_as or self.params}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission.

    Attributes:
        job_id: Id of the job, or of the batch.
        created: False where the Idempotency-Key or a unique key named a job that existed already.
        met: Of a unique key: whether that job was `returned`, or `replaced` by what was submitted.
        records: The new jobs. Empty where the job existed already, and where it waits for others, since only the script
            knows then in which state it is.
    """

    job_id: str
    created: bool
    met: Literal["returned", "replaced"] | None = None
    records: tuple[Record, ...] = ()

    @property
    def record(self) -> Record | None:
        """The record of the one job that was created."""
        return self.records[0] if self.records else None
