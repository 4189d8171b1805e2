"""How an attempt went, as `finish.lua` takes it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import msgpack

from tasks.kind import Notes, Result
from worker.attempts.running import Claimed

Verb = Literal["succeeded", "failed", "cancelled", "retrying", "handed_back"]

MESSAGE_AT_MOST = 500
"""Characters of an error's message that a record keeps."""


NOTHING = Notes()
RESULT_AT_MOST = 256 * 1024
"""Bytes of JSON that a record keeps of a result; more belongs into a file."""


@dataclass(frozen=True, slots=True)
class SerializedResult:
    """A result as it goes into the record (JSON), and as ARQ's result carries it (msgpack, with the files)."""

    fields: tuple[str, ...]
    value: dict[str, Any]
    packed: bytes
    blobs: tuple[str, ...]
    bytes: int = 0

    @classmethod
    def of(cls, result: Result, progress: Mapping[str, int | str] | None = None) -> Self:
        """progress: the last word of the function, so that what is done is shown as done.

        Raises: TypeError, ValueError or OverflowError for what JSON and msgpack cannot hold, or too much of it."""
        fields = ["progress", json.dumps(progress)] if progress else []
        value = dict(result.value)
        if value:
            fields += ["result", json.dumps(value, allow_nan=False)]
        if result.files:
            value["files"] = [asdict(file) for file in result.files]
            fields += ["files", json.dumps(value["files"], allow_nan=False)]
        size = sum(len(field.encode()) for field in fields)
        if size > RESULT_AT_MOST:
            raise ValueError(
                f"The result is {size} bytes of JSON, more than the limit of {RESULT_AT_MOST}. Put it into a file."
            )
        blobs, size = tuple(file.blob for file in result.files), sum(file.bytes for file in result.files)
        return cls(tuple(fields), value, msgpack.packb(value), blobs, size)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt's end. error: code and message where something went wrong, field: what was at fault, if that is
    known. delay_s: until the next try, when `retrying`; last: it goes behind the first tries of its lane. notes: what
    the function said of the attempt."""

    job: Claimed
    verb: Verb
    seconds: float
    result: SerializedResult | None = None
    error: tuple[str, str] | None = None
    field: str | None = None
    delay_s: float = 0.0
    last: bool = False
    notes: Notes | None = None

    def payload(self, worker_id: str) -> list[Any]:
        """The list that `finish.lua` reads for one outcome."""
        attempt: dict[str, Any] = {
            "number": self.job.attempt,
            "worker": worker_id,
            "started_at": self.job.started_at,
            "ended_at": self.job.started_at + int(self.seconds * 1000),
            "outcome": self.verb,
        }
        fields: list[str] = []
        value: Any = None
        if self.error is not None:
            code, message = self.error[0], self.error[1][:MESSAGE_AT_MOST]
            error = {"code": code, "message": message}
            if self.field is not None:
                error["field"] = self.field
            attempt["error"] = error
            value = [code, message]
            if self.verb in ("failed", "cancelled"):
                fields += ["error", json.dumps(attempt["error"])]
        if self.notes is not None and self.notes.about:
            attempt["about"] = self.notes.about
        blobs: tuple[str, ...] = ()
        if self.result is not None:
            fields += self.result.fields
            value, blobs = self.result.packed, self.result.blobs
        fields += [f"attempt:{self.job.attempt}", json.dumps(attempt)]
        notes = self.notes or NOTHING
        return [
            self.job.id,
            self.job.attempt,
            self.verb,
            int(self.delay_s * 1000),
            value,
            fields,
            blobs,
            self.last,
            notes.receiver_ok,
            int(notes.pause_s * 1000),
            self.result.bytes if self.result is not None else 0,
        ]
