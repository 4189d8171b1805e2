"""The way in: a submission becomes a record, an ARQ job and a place in a lane, in one round trip."""

import hashlib
import json
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from redis.asyncio import Redis

from tasks.queue.jobs.enqueue_with_blobs import enqueue_with_blobs, token_over
from tasks.queue.jobs.foreign_job import read_foreign_job
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.same_params import canonical
from tasks.queue.jobs.submission import Submission, Submitted
from tasks.queue.jobs.submit_limits import REASONS, SubmitLimits
from tasks.queue.jobs.submit_refusals import refusal_of
from tasks.queue.jobs.uniqueness import add_key, check_alone, conflict
from tasks.queue.lanes.lane_id import lane_of
from tasks.queue.records import indexes
from tasks.queue.records.list import read
from tasks.queue.records.record import Record, RunIf, State, new_id
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import SYSTEM, Settings
from tasks.storage.protocol import Storage
from tasks.telemetry import tracing

log = structlog.get_logger()


class Enqueuer:
    """Writes submissions into the queues.

    Args:
        redis: The client.
        settings: The limits.
        storage: Where the blobs of submissions are; see `tasks.queue.jobs.enqueue_with_blobs`.
        kinds: Those that count together against an owner's limits (`tasks.kind.counted`); a job's own always does.
    """

    def __init__(
        self, redis: "Redis[bytes]", settings: Settings, storage: Storage | None = None, kinds: Iterable[str] = ()
    ) -> None:
        self._redis = redis
        self._enqueue = Script(redis, "submit/enqueue")
        self._settings = settings
        self._limits = SubmitLimits(settings, kinds)
        self._storage = storage

    async def enqueue(self, submission: Submission) -> Submitted:
        """Write everything about a new job in one script.

        Args:
            submission: The job.

        Returns:
            The job's id and record.

        Raises:
            Refusal: `params_too_large`, `key_reused`, `not_unique`, `queue_full`, `owner_queue_full`; for `after` and
                `batch` also `not_found`, `prerequisite_failed` and `batch_sealed`.
            redis.exceptions.RedisError: Redis does not answer.
        """
        with _step(submission, submission.kind):
            job_id = submission.job_id or new_id()
            job = self.job(job_id, submission)
            rules = self._limits.rules(job, submission.quotas)
            payload = {"jobs": [job], **rules, **self._idempotency(submission, submission.content)}
            if submission.unique:
                payload["unique"] = submission.unique.payload(submission.kind)
            if submission.upload_token:
                payload |= {"upload_token": submission.upload_token, "token_upload": submission.token_upload}

            def record(now: int) -> tuple[Record, ...]:
                # Whether it waits for other jobs, or these have succeeded already, the script alone knows.
                return () if submission.after else (_record(job_id, submission, created_at=now),)

            return await self._settle(payload, submission, record)

    async def enqueue_batch(self, submissions: Sequence[Submission], name: str | None = None) -> Submitted:
        """Write several jobs of one owner and queue as a batch: all or none.

        Args:
            submissions: The jobs. The first gives the owner, the Idempotency-Key, `notify`, tags and metadata of the
                batch.
            name: Of the batch.

        Returns:
            The batch's id, and the records of its jobs in order.

        Raises:
            Refusal: As `enqueue`.
            redis.exceptions.RedisError: Redis does not answer.
        """
        check_alone(submissions[0].unique)
        first, ids = submissions[0], [new_id() for _ in submissions]
        content = hashlib.sha256("\n".join(one.content for one in submissions).encode()).hexdigest()
        pairs = list(zip(ids, submissions, strict=True))
        with _step(first, "batch"):
            # The batch is told of; its jobs are only for those who subscribed.
            jobs = [self.job(job_id, replace(one, notify=None)) for job_id, one in pairs]
            batch = self._batch(replace(first, name=name), ids)
            payload = {"jobs": jobs, "batch": batch, **self._rules(jobs, first, content)}

            def records(now: int) -> tuple[Record, ...]:
                return tuple(_record(job_id, one, created_at=now, batch=batch["id"]) for job_id, one in pairs)

            return await self._settle(payload, first, records)

    async def enqueue_workflow(self, workflow: Submission, steps: Sequence[Submission]) -> Submitted:
        """Write several jobs of one owner, which wait for each other, as a batch: all or none.

        Args:
            workflow: The batch: owner, name, params, Idempotency-Key, `notify`, tags and metadata.
            steps: The jobs, each with its id. One comes after those that it waits for.

        Returns:
            The batch's id.

        Raises:
            Refusal: As `enqueue`.
            redis.exceptions.RedisError: Redis does not answer.
        """
        with _step(workflow, "batch"):
            jobs = [self.job(one.job_id or new_id(), one) for one in steps]
            batch = self._batch(workflow, [job["id"] for job in jobs])
            batch["fields"] += ["params", workflow.params]
            payload = {"jobs": jobs, "batch": batch, **self._rules(jobs, workflow, workflow.content)}
            return await self._settle(payload, workflow, lambda _: ())

    def _batch(self, first: Submission, ids: Sequence[str]) -> dict[str, Any]:
        fields = [*_fields(first, "name", "request_id", "address", "notify", "metadata"), *_tags(first)]
        fields += [*_trace(first), "jobs", json.dumps(ids)]
        job_indexes = indexes.of_job(first.owner, indexes.BATCH, first.tags)
        return {"id": new_id(), "fields": fields, "job_indexes": job_indexes}

    def _rules(self, jobs: Sequence[dict[str, Any]], first: Submission, content: str) -> dict[str, Any]:
        return {**self._limits.rules(jobs[0], first.quotas), **self._idempotency(first, content)}

    async def _settle(
        self, payload: dict[str, Any], submission: Submission, records: Callable[[int], tuple[Record, ...]]
    ) -> Submitted:
        match await enqueue_with_blobs(self._enqueue, payload, self._storage):
            case {"answer": "created", "id": job_id, "now": now}:
                return Submitted(job_id, created=True, records=records(now))
            case {"answer": "held" | "replaced" as answer, "id": job_id}:
                return Submitted(job_id, created=False, met="returned" if answer == "held" else answer)
            case {"answer": "conflict"} as met if submission.unique:
                raise conflict(met, submission.unique)
            case {"answer": "same", "id": job_id}:
                return Submitted(job_id, created=False)
            case {"answer": "reused", "id": job_id} if await self._is_repeat(job_id, submission):
                return Submitted(job_id, created=False)
            case {"answer": answer} as excess if answer in REASONS:
                several = "steps" if submission.kind == indexes.BATCH else None
                raise self._limits.refusal(excess, payload["jobs"][0], several)
            case {"answer": "token_gone" | "token_used"} as over:
                raise token_over(over)
            case answer:
                raise refusal_of(answer, submission)

    async def _is_repeat(self, job_id: str, submission: Submission) -> bool:
        """Whether a job is of the same kind and params, which another order of fields has made another text.

        The digest of the key stays that of the text: processes of earlier versions compare it too.
        """
        record = await read(self._redis, job_id)
        return (
            record is not None
            and record.kind == submission.kind
            and canonical(record.params) == canonical(submission.params)
        )

    async def adopt(self, job_id: str, queue: str, body: bytes | None, kinds: Container[str] = ()) -> None:
        """Give a record to a job that was put into ARQ's keys by someone else. What is wrong with it shows when it
        runs. The record of an ended job of the same id makes way for it; a job that has not ended keeps its id.

        Args:
            job_id: Its id.
            queue: The queue in whose keys it is.
            body: ARQ's body; None if it is gone.
            kinds: The kinds that there are; jobs of any other are in one index.
        """
        foreign = read_foreign_job(body)
        name, limit = foreign.name or "adopted", len(foreign.params.encode())
        submission = Submission(kind=foreign.kind, queue=queue, owner=SYSTEM, params=foreign.params, name=name)
        job = {**self.job(job_id, replace(submission, max_params_bytes=limit)), "adopt": True}
        if foreign.kind not in kinds:
            job["job_indexes"] = indexes.of_job(SYSTEM, indexes.FOREIGN)
        await self.adopt_job(job)

    async def adopt_job(self, job: dict[str, Any]) -> None:
        """As `adopt`. job: what `create` in `creation.lua` takes."""
        payload, job_id = {"jobs": [job]}, job["id"]
        if (await self._enqueue(payload))["answer"] != "known":
            return
        match await JobStore(self._redis, self._settings).free_id(job_id):
            case "deleted" | "unknown":
                await self._enqueue(payload)
            case State.SUCCEEDED | State.FAILED | State.CANCELLED:
                pass  # another worker has adopted it, and ended it
            case state:
                log.warning("job.id_in_use", job=job_id, state=state, hint="an ARQ client's job of this id is not run")

    def job(self, job_id: str, submission: Submission) -> dict[str, Any]:
        """What `create` in `creation.lua` takes. Raises: Refusal `params_too_large`."""
        size = len(submission.params.encode())
        limit = submission.max_params_bytes or self._settings.max_params_bytes
        if size > limit:
            message = f"The parameters are {size} bytes of JSON, more than the limit of {limit} bytes."
            raise Refusal("params_too_large", message, limit=limit)
        job: dict[str, Any] = {
            "id": job_id,
            "kind": submission.kind,
            "queue": submission.queue,
            "owner": submission.owner,
            "lane": str(lane_of(submission.kind, submission.owner)),
            "job_indexes": indexes.of_job(submission.owner, submission.kind, submission.tags),
            "priority": submission.priority.value,
            "params": submission.params,
            "delay_ms": submission.delay_ms,
            "fields": [
                *_fields(submission, "name", "request_id", "address", "notify", "metadata"),
                *_fields(submission, "urls", "destination", "viewer", "minter"),
                *_tags(submission),
                *_trace(submission),
                *_keep(submission),
            ],
            "blobs": submission.blobs,
        }
        if submission.run_at_ms is not None:
            job["run_at"] = submission.run_at_ms
        if submission.after:
            _add_prerequisites(job, submission)
        if submission.batch:
            job["batch"] = submission.batch
        if submission.event_type:
            job |= {"event_type": submission.event_type, "channel": submission.channel}
        if submission.destination:
            job["destination"] = submission.destination
        if submission.upkeep:
            job["upkeep"] = True
        if submission.received:
            job["received"] = dict(submission.received)
        add_key(job, submission.unique)
        submission.limits.add_to(job)
        return job

    def _idempotency(self, submission: Submission, content: str) -> dict[str, Any]:
        if submission.idempotency_key is None:
            return {}
        # A page chooses the key that it sends with an upload token: it means no job of another token, or of a key.
        space = f"{submission.upload_token}\n" if submission.upload_token else ""
        key = hashlib.sha256(f"{space}{submission.idempotency_key}".encode()).hexdigest()
        ttl_ms = self._settings.idempotency_s * 1000
        return {"idempotency": {"key": f"{submission.owner}:{key}", "content": content, "ttl_ms": ttl_ms}}


def _add_prerequisites(job: dict[str, Any], submission: Submission) -> None:
    job["after"] = list(dict.fromkeys(submission.after))
    if submission.results:
        job["fields"] += ["results", json.dumps(job["after"])]
    if submission.run_if is not RunIf.SUCCESS:
        job["run_if"] = submission.run_if.value
        job["fields"] += ["run_if", submission.run_if.value]


def _fields(submission: Submission, *names: str) -> list[str]:
    """Name, value, … of those that are said."""
    return [text for name in names if (value := getattr(submission, name)) for text in (name, value)]


def _tags(submission: Submission) -> list[str]:
    return ["tags", json.dumps(submission.tags)] if submission.tags else []


def _keep(submission: Submission) -> list[str]:
    """`keep_ms` alone is the least time (so it is for the runs of a schedule), with `keep` it is the time."""
    return [] if submission.keep_s is None else ["keep_ms", str(1000 * submission.keep_s), "keep", "1"]


def _trace(submission: Submission) -> list[str]:
    if submission.traceparent is not None:
        return _fields(submission, "traceparent", "tracestate")
    return [text for pair in tracing.headers().items() for text in pair]


def _step(submission: Submission, name: str) -> tracing.Step:
    about = {"messaging.system": "pressroom", "messaging.operation.type": "send"}
    return tracing.step(f"submit {name}", "producer", about | {"messaging.destination.name": submission.queue})


def _record(job_id: str, submission: Submission, *, created_at: int, batch: str | None = None) -> Record:
    """What `enqueue.lua` has just written, without reading it back."""
    run_at_ms = submission.run_at_ms
    delay_ms = submission.delay_ms if run_at_ms is None else max(run_at_ms - created_at, 0)
    return Record(
        id=job_id,
        kind=submission.kind,
        queue=submission.queue,
        owner=submission.owner,
        state=State.SCHEDULED if delay_ms > 0 else State.QUEUED,
        priority=submission.priority,
        params=submission.params,
        created_at=created_at,
        due_at=created_at + delay_ms,
        name=submission.name,
        request_id=submission.request_id,
        blobs=submission.blobs,
        batch=batch or submission.batch,
        tags=submission.tags,
        urls=submission.urls,
        metadata=json.loads(submission.metadata) if submission.metadata else {},
        unique_as=json.loads(submission.unique.shown()) if submission.unique else {},
        **submission.limits.known(created_at),
    )
