"""The outcome of an attempt, in the form that `finish.lua` reads."""

import asyncio
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import msgpack

from tasks.kind import Notes, OutputFile, Result
from worker.attempts.running import ClaimedJob

Verb = Literal["succeeded", "failed", "cancelled", "retrying", "postponed", "handed_back"]

MAX_MESSAGE_CHARS = 500
"""Longest error message in a record; the rest is cut."""

MAX_RESULT_BYTES = 256 * 1024
"""Largest result in a record, in bytes of JSON; more belongs in a file."""


@dataclass(frozen=True, slots=True)
class SerializedResult:
    """A job's result, serialized for its record (JSON) and for ARQ's result (msgpack, with the files).

    Args:
        fields: Names and values of the record's fields, alternating.
        value: The result's value, with its files.
        packed: `value` as msgpack.
        blobs: SHA-256 of the files.
        bytes: Size of the files together.
        sizes: SHA-256 of each file → its bytes.
    """

    fields: tuple[str, ...]
    value: dict[str, Any]
    packed: bytes
    blobs: tuple[str, ...]
    bytes: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, result: Result, progress: Mapping[str, int | str] | None = None) -> Self:
        """Serialize what a kind's function returned.

        Args:
            result: What the function returned.
            progress: The last progress that it reported, so that the record shows the job as complete.

        Raises:
            TypeError, ValueError, OverflowError: JSON or msgpack cannot hold the result, or it is too large.
        """
        fields = ["progress", json.dumps(progress)] if progress else []
        value = dict(result.value)
        if value:
            fields += ["result", json.dumps(value, allow_nan=False)]
        if result.files:
            value["files"] = [_described(file) for file in result.files]
            fields += ["files", json.dumps(value["files"], allow_nan=False)]
        size = sum(len(field.encode()) for field in fields)
        if size > MAX_RESULT_BYTES:
            raise ValueError(
                f"The result is {size} bytes of JSON, more than the limit of {MAX_RESULT_BYTES}. Put it into a file."
            )
        blobs, size = tuple(file.blob for file in result.files), sum(file.bytes for file in result.files)
        sizes = {file.blob: file.bytes for file in result.files}
        return cls(tuple(fields), value, msgpack.packb(value), blobs, size, sizes)


def _described(file: OutputFile) -> dict[str, Any]:
    about = dict(file.about)
    return {"name": file.name, "blob": file.blob, "type": file.type, "bytes": file.bytes, "about": about}


@dataclass(frozen=True, slots=True)
class Postponement:
    """How a job waits for something outside of it that is unavailable, such as the storage.

    Args:
        first_pause_s: Seconds before the next attempt; each further pause is twice as long.
        max_pause_s: Longest pause in seconds.
        patience_s: Seconds after which the job fails, counted from the first attempt that was postponed.
        given_up: The error message of a job that fails so.
    """

    first_pause_s: float
    max_pause_s: float
    patience_s: float
    given_up: str

    def payload(self) -> dict[str, Any]:
        """Build what `finish.lua` takes. Each job has other pauses, so that they do not all return at once."""
        chance = random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret
        return {
            "first_ms": int(self.first_pause_s * 1000 * chance),
            "max_ms": int(self.max_pause_s * 1000 * chance),
            "patience_ms": int(self.patience_s * 1000),
            "given_up": self.given_up,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended.

    Args:
        job: The claimed job.
        verb: What happens to the job.
        seconds: How long the attempt took.
        result: What a successful attempt returned.
        error: Code and message of a failure.
        field: The field of the params that is at fault, if known.
        delay_s: Seconds until the next try, when `verb` is `retrying`.
        last: Whether the next try waits behind the first tries of its lane.
        postponement: How the job waits, when `verb` is `postponed`.
        notes: What the function noted about the attempt.
        arq_result: Of an ARQ application's job that ended, what its client reads; None if it keeps no result.
        written: Set once this outcome is in Redis.
    """

    job: ClaimedJob
    verb: Verb
    seconds: float
    result: SerializedResult | None = None
    error: tuple[str, str] | None = None
    field: str | None = None
    delay_s: float = 0.0
    last: bool = False
    postponement: Postponement | None = None
    notes: Notes | None = None
    arq_result: bytes | None = None
    written: asyncio.Event | None = None

    def payload(self, worker_id: str) -> dict[str, Any]:
        """Build what `finish.lua` takes of one outcome; what says nothing is left out.

        Args:
            worker_id: The worker that made the attempt.
        """
        attempt: dict[str, Any] = {
            "number": self.job.attempt,
            "worker": worker_id,
            "started_at": self.job.started_at,
            "ended_at": self.job.started_at + int(self.seconds * 1000),
            "outcome": self.verb,
        }
        fields: list[str] = []
        payload: dict[str, Any] = {"id": self.job.id, "attempt": self.job.attempt, "verb": self.verb, "fields": fields}
        if self.error is not None:
            code, message = self.error[0], self.error[1][:MAX_MESSAGE_CHARS]
            attempt["error"] = {"code": code, "message": message}
            if self.field is not None:
                attempt["error"]["field"] = self.field
            payload["value"] = [code, message]
            if self.verb in ("failed", "cancelled"):
                fields += ["error", json.dumps(attempt["error"])]
                if self.notes is not None and self.notes.progress:
                    # How far it came: the last report may not have been written yet.
                    fields += ["progress", json.dumps(self.notes.progress)]
        payload |= self._next_attempt(attempt)
        if self.notes is not None:
            if self.notes.about:
                attempt["about"] = self.notes.about
            payload |= _of_receiver(self.notes)
            if self.notes.cpu_ms:
                payload["cpu_ms"] = self.notes.cpu_ms
        payload |= self._of_result(fields)
        fields += [f"attempt:{self.job.attempt}", json.dumps(attempt)]
        return payload

    def _of_result(self, fields: list[str]) -> dict[str, Any]:
        """What `finish.lua` takes of the result; fields: of the record, to which it adds."""
        said: dict[str, Any] = {} if self.arq_result is None else {"arq_result": self.arq_result}
        if self.result is not None:
            fields += self.result.fields
            said["value"] = self.result.packed
            if self.result.blobs:
                result = self.result
                said |= {"blobs": result.blobs, "bytes": result.bytes, "sizes": dict(result.sizes)}
        return said

    def _next_attempt(self, attempt: dict[str, Any]) -> dict[str, Any]:
        if self.postponement is not None:
            # The script joins the attempts of one wait into one.
            return {"entry": attempt, "wait": self.postponement.payload()}
        return {"delay_ms": int(self.delay_s * 1000), "last": self.last} if self.verb == "retrying" else {}


def _of_receiver(notes: Notes) -> dict[str, bool | int]:
    """What `finish.lua` takes of the receiver that a lane belongs to."""
    if notes.receiver_ok is None:
        return {}
    told: dict[str, bool | int] = {"receiver_ok": notes.receiver_ok, "pause_ms": int(notes.pause_s * 1000)}
    return told | {"timed_out": True} if notes.timed_out else told
