"""What is done with jobs after they are enqueued: cancel, retry, delete; and batches, which jobs join one by one."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from tasks.queue.jobs.bulk_step import BulkStep, answers_of, payload_of
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.records.indexes import BATCH, of_batch, of_job
from tasks.queue.records.packer import restore
from tasks.queue.records.record import State, new_id
from tasks.queue.redis_keys import JOB, JOBS
from tasks.queue.script import Script
from tasks.settings import Settings

CANCEL_AT_ONCE = 50
"""Jobs of a batch in one script, so that it does not hold up Redis."""
RESTORES = 3
"""How often records are restored for one verb. Packing takes a record once, so this is for those of a later version,
which this one cannot restore."""
PACKED = "packed"
"""What a script answers for each record, while one of them must be restored first."""
RETRYABLE = (State.FAILED, State.CANCELLED, State.RETRYING)
"""States from which a job can be retried: one that has succeeded, or is not due yet, needs no retry."""


class JobStore:
    """Changes jobs by id. Each call is one script, for some dozens of jobs at once.

    Methods that take a step raise Superseded if its bulk job is no longer this attempt's.
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        self._redis = redis
        self._keep = keep_ms(settings)
        self._cancel = Script(redis, "verbs/cancel")
        self._reopen = Script(redis, "verbs/reopen")
        self._delete = Script(redis, "verbs/delete")
        self._change = Script(redis, "verbs/change")
        self._batch = Script(redis, "submit/batch")

    async def cancel(self, job_id: str) -> str:
        """Stop one job. Of a batch its jobs are cancelled; it ends with the last that still runs.

        Returns:
            `cancelled` (it waited, and will never start), `running` (its worker has been told), `unknown`, or the state
            in which it had ended.
        """
        (answer,) = await self.cancel_all([job_id])
        if answer != "batch":
            return answer
        ids = [one.decode() for one in await self._redis.zrange(JOBS + of_batch(job_id), 0, -1)]
        for start in range(0, len(ids), CANCEL_AT_ONCE):
            await self.cancel_all(ids[start : start + CANCEL_AT_ONCE])
        state = await self._redis.hget(JOB + job_id, "state")
        return state.decode() if state else "unknown"

    async def cancel_all(self, ids: Sequence[str], step: BulkStep | None = None) -> list[str]:
        """As `cancel`, for several jobs; a batch among them is answered with `batch`, and its jobs are left to the
        caller."""
        return answers_of(await self._cancel({"ids": ids, "keep": self._keep, "by": payload_of(step)}))

    async def note_place(self, step: BulkStep) -> None:
        """Store how far a bulk job is that changed nothing in this step."""
        await self.cancel_all([], step)

    async def change(self, job_id: str, change: Mapping[str, Any]) -> dict[str, Any]:
        """Change the time, the priority or the deadline of a job that waits.

        Args:
            job_id: The job.
            change: What `change.lua` takes: delay_ms or run_at, priority, deadline or start_within_ms or no_deadline,
                and the limits of a submit.

        Returns:
            answer: `changed`, `unknown`, `too_early`, `kind` (with the kind, of which none is changed), the state of a
                job that does not wait, or what is over the limits.
        """
        answer: dict[str, Any] = await self._change({**change, "id": job_id})
        return answer

    async def retry(self, ids: Sequence[str], step: BulkStep | None = None) -> list[str]:
        """As `reopen`, for RETRYABLE jobs; others stay in their state, which is the answer."""
        return await self._run_again(ids, dict.fromkeys(RETRYABLE, True), step)

    async def reopen(self, ids: Sequence[str]) -> list[str]:
        """Run ended jobs again with all their tries; one that waits for its time has it now.

        Returns:
            For each `reopened`, `blocked` (a job that it comes after did not succeed), `unknown`, `expired`, or the
            state in which it stays: `queued` or `running`.
        """
        return await self._run_again(ids, None, None)

    async def _run_again(self, ids: Sequence[str], only: dict[State, bool] | None, step: BulkStep | None) -> list[str]:
        payload = {"only": only, "keep_event_ms": self._keep["event"], "by": payload_of(step)}
        return await self._on_whole(self._reopen, ids, payload)

    async def delete(self, ids: Sequence[str], step: BulkStep | None = None) -> list[str]:
        """Delete ended jobs: record, listings, ARQ's keys, and their need of blobs. The bytes go some minutes later
        (`tasks.maintenance.deleted_bytes`).

        Returns:
            For each `deleted`, `unknown`, `needed` (an event that is still being delivered, or a job for which others
            still wait), or the state of one that has not ended.
        """
        return await self._on_whole(self._delete, ids, {"by": payload_of(step)})

    async def free_id(self, job_id: str) -> str:
        """Delete an ended job whose id an ARQ client has given to a new one.

        Returns:
            `deleted`, or as `delete`; the state of an ended job whose id nobody has given to another.
        """
        (answer,) = await self._on_whole(self._delete, [job_id], {"reused": True})
        return answer

    async def _on_whole(self, script: Script, ids: Sequence[str], payload: dict[str, Any]) -> list[str]:
        """Run a script that needs whole records. One may be packed between restore and script: then it does nothing,
        and both are repeated for all."""
        answers: list[str] = []
        for left in reversed(range(RESTORES)):
            await restore(self._redis, ids)
            answers = answers_of(await script({**payload, "ids": ids, "last": left == 0}))
            if PACKED not in answers:
                break
        return answers

    async def open_batch(self, owner: str, tags: Sequence[str] = (), **fields: str | None) -> str:
        """Open a batch without jobs. It ends when it is sealed and its last job has ended.

        Args:
            owner: Whose batch it is.
            tags: By which its owner finds it.
            fields: Of its record, such as `name`, `address`, `notify` and `metadata`.

        Returns:
            Its id.
        """
        batch_id = new_id()
        fields["tags"] = json.dumps(tags) if tags else None
        given = [text for name, value in fields.items() if value for text in (name, value)]
        job_indexes = of_job(owner, BATCH, tags)
        await self._batch({"verb": "open", "id": batch_id, "owner": owner, "fields": given, "job_indexes": job_indexes})
        return batch_id

    async def seal_batch(self, owner: str, batch_id: str) -> bool:
        """Let no more jobs join a batch; without any that still runs it ends at once.

        Returns:
            Whether the owner has such a batch.
        """
        answer = await self._batch({"verb": "seal", "id": batch_id, "owner": owner, "keep": self._keep})
        return bool(answer == "sealed")
