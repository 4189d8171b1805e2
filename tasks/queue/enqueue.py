"""The way in: a submission becomes a record, an ARQ job and a place in a lane, in one round trip."""

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgpack
from redis.asyncio import Redis

from tasks.queue.record import Priority, Record, State, new_id
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import SYSTEM, Settings


def lane_of(owner: str) -> str:
    """The lane of an owner's jobs: owners take turns."""
    return f"owner:{owner}"


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody wants done. params: canonical JSON text, which the kind's model has accepted. blobs: hashes of what
    the job reads.

    idempotency_key: two submissions of one owner with the same key and the same kind and params are one job.
    """

    kind: str
    queue: str
    owner: str
    params: str
    blobs: tuple[str, ...] = ()
    name: str | None = None
    priority: Priority = Priority.NORMAL
    delay_ms: int = 0
    idempotency_key: str | None = None
    request_id: str | None = None

    @property
    def content(self) -> str:
        """A hash of what is asked for: file hashes and canonical params, never the bytes of a form."""
        return hashlib.sha256(f"{self.kind}\n{self.params}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a submission. created: False where the Idempotency-Key named a job that was there already (`record`
    is None then)."""

    job_id: str
    created: bool
    record: Record | None


class Intake:
    """Accepts submissions into the queues."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        self._enqueue = Script(redis, "enqueue")
        self._settings = settings

    async def accept(self, submission: Submission) -> Accepted:
        """Write everything about a new job at once.

        Raises: Refusal `params_too_large`, `key_reused`, `queue_full`; redis.exceptions.RedisError if Redis does not
        answer.
        """
        size = len(submission.params.encode())
        if size > self._settings.max_params_bytes:
            raise Refusal(
                "params_too_large",
                f"The parameters are {size} bytes of JSON; the limit is {self._settings.max_params_bytes}.",
                limit=self._settings.max_params_bytes,
            )
        job_id = new_id()
        answer = await self._enqueue(self._payload(job_id, submission))
        match answer[0]:
            case "created":
                return Accepted(job_id, created=True, record=_record(job_id, submission, created_at=answer[2]))
            case "same":
                return Accepted(answer[1], created=False, record=None)
            case "reused":
                raise Refusal(
                    "key_reused",
                    f"This Idempotency-Key belongs to job {answer[1]}, whose content was another; use a new key.",
                    field="Idempotency-Key",
                )
            case "full":
                raise Refusal(
                    "queue_full",
                    f"{answer[1]} jobs wait in queue {submission.queue!r}, as many as it takes; try again later.",
                    limit=self._settings.max_waiting_jobs,
                )
        raise RuntimeError(f"enqueue.lua answered {answer!r}")

    async def adopt(self, job_id: str, queue: str, body: bytes) -> None:
        """Give a record to a job that was put into ARQ's keys by someone else. What is wrong with it shows when it
        runs."""
        kind, params = _read_stranger(body)
        submission = Submission(kind=kind, queue=queue, owner=SYSTEM, params=params, name="adopted")
        await self._enqueue({**self._payload(job_id, submission), "adopt": True})

    def _payload(self, job_id: str, submission: Submission) -> dict[str, Any]:
        fields = []
        if submission.name:
            fields += ["name", submission.name]
        if submission.request_id:
            fields += ["request_id", submission.request_id]
        payload: dict[str, Any] = {
            "id": job_id,
            "kind": submission.kind,
            "queue": submission.queue,
            "owner": submission.owner,
            "lane": lane_of(submission.owner),
            "priority": submission.priority.value,
            "params": submission.params,
            "delay_ms": submission.delay_ms,
            "arq_job": arq_body(submission.kind, job_id),
            "fields": fields,
            "blobs": submission.blobs,
            "max_waiting": self._settings.max_waiting_jobs,
        }
        if submission.idempotency_key is not None:
            key = hashlib.sha256(submission.idempotency_key.encode()).hexdigest()
            payload["idempotency"] = {
                "key": f"{submission.owner}:{key}",
                "content": submission.content,
                "ttl_ms": self._settings.idempotency_s * 1000,
            }
        return payload


def arq_body(kind: str, job_id: str) -> bytes:
    """ARQ's copy of a job, laid out as `arq.jobs.serialize_job` does. It carries the id alone: the record has the
    rest."""
    job: dict[str, Any] = {"t": None, "f": kind, "a": [job_id], "k": {}, "et": int(time.time() * 1000)}
    packed: bytes = msgpack.packb(job, unicode_errors="backslashreplace")
    return packed


def _read_stranger(body: bytes) -> tuple[str, str]:
    """Kind and params (JSON) of an ARQ body that we did not write: `enqueue_job(kind, **params)` or `enqueue_job(kind,
    {params})`."""
    try:
        job = msgpack.unpackb(body)
        args: Iterable[Any] = job["a"]
        params = dict(job["k"])
        for arg in args:
            params |= arg
        return str(job["f"]), json.dumps(params)
    except (ValueError, KeyError, TypeError, msgpack.UnpackException):
        # Pickled, most likely: it must not be opened. The record says so, and whoever waits for it gets an answer.
        return "unreadable", "{}"


def _record(job_id: str, submission: Submission, *, created_at: int) -> Record:
    """What `enqueue.lua` has just written, without reading it back."""
    return Record(
        id=job_id,
        kind=submission.kind,
        queue=submission.queue,
        owner=submission.owner,
        state=State.SCHEDULED if submission.delay_ms > 0 else State.QUEUED,
        priority=submission.priority,
        params=submission.params,
        created_at=created_at,
        due_at=created_at + submission.delay_ms,
        name=submission.name,
        request_id=submission.request_id,
    )
