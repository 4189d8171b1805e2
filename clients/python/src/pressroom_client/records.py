"""What the service answers, as far as this client reads it; `raw` has all of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class File:
    """An output file of a job. variant: the output it is. bytes: its size. about: facts such as width and height."""

    name: str
    variant: str
    type: str
    bytes: int
    sha256: str
    url: str
    about: Mapping[str, Any]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        return cls(**{name: raw[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed or was cancelled. code: for programs. message: for people. field: of the input at fault."""

    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job's record.

    state: `scheduled`, `queued`, `running`, `retrying`, `succeeded`, `failed` or `cancelled`.
    files: its output; empty until it has succeeded.
    raw: the whole record as the service answered it.
    """

    id: str
    kind: str
    state: str
    name: str | None
    files: tuple[File, ...]
    error: JobError | None
    result: Mapping[str, Any] | None
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def ended(self) -> bool:
        return self.state in {"succeeded", "failed", "cancelled"}

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        error = raw.get("error")
        return cls(
            id=raw["id"],
            kind=raw["kind"],
            state=raw["state"],
            name=raw.get("name"),
            files=tuple(File.of(one) for one in raw["files"]),
            error=error and JobError(error["code"], error["message"], error.get("field")),
            result=raw.get("result"),
            raw=raw,
        )
