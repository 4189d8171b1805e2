"""Where in what was sent the error of a report is: `GET /v1/jobs/{job_id}/error-context`."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, ValidationError

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import caller_for_owner
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query
from api.jobs.get import JobId, find_unexpired
from api.reports.json_places import MAX_CHARS, line_of
from tasks.queue.records.record import Record
from tasks.report.kind import REPORT, VALIDATION, ReportParams
from tasks.storage.protocol import BlobMissing, Storage

router = APIRouter(prefix="/v1/jobs", tags=["reports"])

AROUND: Final = 3
"""Lines before and after the one at fault."""
LINE_CHARS: Final = 240
"""Of a line; the rest is cut."""
MAX_SPEC_BYTES: Final = 200_000
"""Of the stored request that is read: the spec of a larger one is not shown."""
MAX_DATA_BYTES: Final = 4_000_000
"""From the beginning of a dataset that are looked through for a line."""
SECRET: Final = re.compile(r"password|secret|token|authorization|api[_-]?key", re.IGNORECASE)
MASK: Final = "***"
LINE: Final = re.compile(r"\bLine (\d[\d,]{0,15})\b")
"""How the messages of datasets name a line."""
BLOCK: Final = re.compile(r"blocks\.\d+(?:\.blocks\.\d+)*")
DATASET: Final = re.compile(r"datasets\.([^.]+)")
TEXT_FORMATS: Final = ("csv", "tsv", "ndjson", "auto")
WIDE: Final = ("utf-16", "utf-32")
"""How the names of encodings begin whose line ends are no single bytes: their lines are not shown."""
MAX_KEPT_BYTES: Final = 100_000
"""Of the lines around one."""


class ErrorExcerpt(BaseModel):
    """Some lines around an error."""

    source: Literal["spec", "dataset"] = Field(
        description="`spec`: the report's spec, as JSON with an indent of two. `dataset`: a text file that it shows."
    )
    dataset: str | None = Field(None, description="The name of the dataset in the spec.", examples=["data"])
    line: int = Field(description="The line at fault, from 1.", examples=[17])
    first_line: int = Field(description="The number of the first of the `lines`.", examples=[14])
    lines: list[str] = Field(description="The lines, each cut after 240 characters. Passwords are `***`.")


class ErrorContext(BaseModel):
    """Where in what was sent an error is."""

    excerpts: list[ErrorExcerpt] = Field(
        description="Of the spec, and of the dataset where the message names a line. Empty if the job has no error, is "
        "no report, or its input is too large or gone."
    )


@router.get(
    "/{job_id}/error-context",
    operation_id="get_error_context",
    summary="Get an error's context",
    response_model=ErrorContext,
    responses=documented(*OF_OWNER, "expired"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:read")
async def get_error_context(request: Request, job_id: JobId) -> Response:
    """For a failed report or validation: the part of its spec to which the error's `field` points, and of a CSV, TSV or
    NDJSON file the line that the message names, with three lines before and after.
    """
    caller = caller_for_owner(request)
    record = await find_unexpired(caller, job_id)
    try:
        excerpts = await _excerpts(record, caller.context.storage)
    except BlobMissing:
        excerpts = []
    return uncached(ErrorContext(excerpts=excerpts))


async def _excerpts(record: Record, storage: Storage) -> list[ErrorExcerpt]:
    error = record.last_error
    if not error or record.kind not in (REPORT.name, VALIDATION.name):
        return []
    try:
        order = ReportParams.model_validate_json(record.params).order
    except ValidationError:  # those of a job that an ARQ client has enqueued may be anything
        return []
    if order.bytes > MAX_SPEC_BYTES:
        return []
    async with aclosing(storage.read(order.sha256)) as chunks:  # type: ignore[type-var]
        stored = json.loads(b"".join([chunk async for chunk in chunks]))
    spec, field = stored["spec"], error.get("field") or ""
    found = [await asyncio.to_thread(_of_spec, spec, field)] if field else []
    name, line = _dataset_of(spec, field), LINE.search(error["message"])
    if name is not None and line is not None:
        found.append(await _of_dataset(storage, stored, name, int(line[1].replace(",", ""))))
    return [one for one in found if one is not None]


def _of_spec(spec: Any, field: str) -> ErrorExcerpt | None:
    """The part of a spec around a field. Lines are counted in the text that is shown, with its secrets masked."""
    text = json.dumps(_masked(spec), indent=2, ensure_ascii=False)
    if len(text) > MAX_CHARS:
        return None
    return _excerpt("spec", text.split("\n"), line_of(text, field), 1)


def _masked(value: Any) -> Any:
    """A value without its secrets, and without the nulls that the stored spec has for what was not sent."""
    if isinstance(value, dict):
        given = {name: inner for name, inner in value.items() if inner is not None}
        return {name: MASK if SECRET.search(name) else _masked(inner) for name, inner in given.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value


def _dataset_of(spec: Mapping[str, Any], field: str) -> str | None:
    """The name of the dataset in which an error of this field is."""
    if named := DATASET.match(field):
        return named[1]
    at: Any = spec
    if (block := BLOCK.match(field)) is None:
        return None
    for step in block[0].split("."):
        try:
            at = at[int(step)] if isinstance(at, list) else at[step]
        except (LookupError, TypeError, ValueError):
            return None
    name = at.get("dataset") if isinstance(at, dict) else None
    return name if isinstance(name, str) else None


async def _of_dataset(storage: Storage, stored: Mapping[str, Any], name: str, line: int) -> ErrorExcerpt | None:
    """The lines around one of a text file; None if there are none to show."""
    dataset = (stored["spec"].get("datasets") or {}).get(name) or {}
    encoding = dataset.get("encoding") or "utf-8"
    blob = (stored["files"].get(dataset.get("upload")) or {}).get("blob")
    if blob is None or dataset.get("format") not in TEXT_FORMATS or encoding.startswith(WIDE):
        return None
    first = max(line - AROUND, 1)
    async with aclosing(storage.read(blob, 0, MAX_DATA_BYTES)) as chunks:  # type: ignore[type-var]
        lines = await _lines(chunks, first, line + AROUND)
    texts = [one.decode(encoding, errors="replace").removeprefix("\ufeff").rstrip("\r") for one in lines]
    return _excerpt("dataset", texts, line, first, name) if len(texts) > line - first else None


async def _lines(chunks: AsyncIterator[bytes], first: int, last: int) -> list[bytes]:
    """The lines of a file with these numbers, counted from 1. Binary data has no lines. The last line may be cut."""
    number, kept = 1, b""
    async for chunk in chunks:
        if b"\0" in chunk:
            return []
        if number < first:
            skipped = min(chunk.count(b"\n"), first - number)
            number += skipped
            kept = chunk.split(b"\n", skipped)[-1] if number == first else b""
        else:
            kept += chunk
        if kept.count(b"\n") > last - first or len(kept) > MAX_KEPT_BYTES:
            break
    lines = kept.split(b"\n")[: last - first + 1] if number == first else []
    return lines[:-1] if lines and not lines[-1] else lines


def _excerpt(
    source: Literal["spec", "dataset"], lines: list[str], line: int, first: int, dataset: str | None = None
) -> ErrorExcerpt:
    """lines: from number `first` on; of them those around `line` are shown."""
    start = max(line - AROUND, first)
    shown = [_cut(one) for one in lines[start - first : line + AROUND + 1 - first]]
    return ErrorExcerpt(source=source, dataset=dataset, line=line, first_line=start, lines=shown)


def _cut(line: str) -> str:
    return line if len(line) <= LINE_CHARS else line[:LINE_CHARS] + "…"
