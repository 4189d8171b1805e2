"""Read the report spec of a request, find the files that it refers to, and build the job's submission."""

from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Unpack

import msgspec
from fastapi import Request
from pydantic import Field

from api.http.body import check_length, chunks_of
from api.http.caller import Caller, RequestedOptions
from api.http.checks import Checks
from api.http.context import Context
from api.http.json_body import JSON_TYPE, content_type_of, parse
from api.jobs.submit_options import SubmitFields
from api.reports.tables import TABLE_TYPES, TableOptions, format_of, spec_of, upload_of
from api.uploads.receive import receive_any
from tasks.blob_ref import BlobRef
from tasks.kind import Kind
from tasks.queue.jobs.enqueue import Submission
from tasks.refusal import Refusal
from tasks.report.kind import ReportParams
from tasks.report.request import stored_request
from tasks.report.spec.document import Spec
from tasks.report.spec.prepared import PreparedSpec, prepared
from tasks.settings import MiB
from tasks.uploads.sources import RequestedSource, find_sources

MAX_REFERENCES = 2_000
"""The number of uploads and files that one spec may name."""
MAX_REQUEST_BYTES = 500 * MiB
"""More than any report request has: defaults that are filled in make it longer than the spec."""


class SpecFields(SubmitFields):
    """What stands beside the fields of a spec in the body of a submit."""

    name: str | None = Field(None, min_length=1, max_length=255, description="A name to show, instead of the title.")


class ReportBody(SpecFields, Spec):
    """A report spec, and what its submit says besides."""


@dataclass(frozen=True, slots=True)
class PreparedReport:
    """A report to make, as `tasks.report.request.ReportRequest`, and what the body says besides its spec."""

    spec: PreparedSpec
    files: dict[str, BlobRef]
    fields: SpecFields = field(default_factory=SpecFields)


async def receive_report(
    request: Request, caller: Caller, options: TableOptions | None, checks: Checks, after: Collection[str] = ()
) -> PreparedReport:
    """The report request that a JSON spec is, or a table as it is where `options` say how to show it.

    checks: those of the request so far. after: ids of jobs whose files need not be there yet.

    Raises: Refusal `unsupported_media_type`, `too_large`, `too_many_objects`, `no_file`, `invalid_request`,
    `not_found`, `not_ready`, `expired`.
    """
    content_type = content_type_of(request)
    async with aclosing(chunks_of(request)) as body:
        if content_type.partition(";")[0].strip().lower() == JSON_TYPE:
            if options is not None and (given := options.model_fields_set & TableOptions.model_fields.keys()):
                for field in sorted(given):
                    message = f"The parameter {field!r} is only for tables. With a JSON spec, set it in the spec."
                    checks.add(Refusal("invalid_request", message, field=field))
            return await _receive_spec(request, caller, body, checks, after)
        if options is None or format_of(content_type) is None:
            known = ", ".join([JSON_TYPE, *(TABLE_TYPES if options is not None else ())])
            message = f"Send {known}. The Content-Type was {content_type!r}."
            checks.add(Refusal("unsupported_media_type", message, field="Content-Type"))
        else:
            # What is wrong with the options shows before the table is read.
            checks.run(lambda: spec_of(options, content_type, BlobRef("0" * 64, 0)))
        checks.done()
        assert options is not None  # noqa: S101 - else the checks have failed
        return await _receive_table(request, caller.context, body, options)


async def _receive_spec(
    request: Request, caller: Caller, body: AsyncIterator[bytes], checks: Checks, after: Collection[str]
) -> PreparedReport:
    limit, spec, fields = caller.context.settings.max_spec_bytes, None, None
    async with caller.context.large_bodies.receive(request.headers, body, limit) as text:
        with checks.collect():
            spec_text, beside = split_spec(text)
            fields = checks.model(beside, SpecFields)
            spec = await prepared_spec_of(caller, spec_text)
        checks.done()
        assert spec is not None and fields is not None  # noqa: S101, PT018 - else the checks have failed
        return replace(await with_files(caller, spec, after), fields=fields)


def split_spec(text: bytes) -> tuple[bytes, dict[str, Any]]:
    """Take what stands beside the spec out of a body, without parsing the spec, which may be large.

    Returns:
        The spec as JSON, and the other fields.

    Raises:
        Refusal: `invalid_request`: another field is no JSON.
    """
    if not any(b'"%b"' % name.encode() in text for name in SpecFields.model_fields):
        return text, {}
    try:
        parts = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return text, {}  # the reader of specs says what is wrong
    beside = {name: parse(bytes(parts.pop(name)), name) for name in SpecFields.model_fields if name in parts}
    if not beside:
        return text, {}
    return b"{%b}" % b",".join(b"%b:%b" % (msgspec.json.encode(name), part) for name, part in parts.items()), beside


async def prepared_spec_of(caller: Caller, text: bytes) -> PreparedSpec:
    """A caller's spec, of which only the text is examined. Raises: as `receive_report`."""
    spec = await caller.context.spec_process.prepare(text)
    if len(spec.references) > MAX_REFERENCES:
        raise Refusal(
            "too_many_objects",
            f"The spec names {len(spec.references)} uploads and files. At most {MAX_REFERENCES} are allowed.",
            limit=MAX_REFERENCES,
        )
    return spec


async def with_files(caller: Caller, spec: PreparedSpec, after: Collection[str] = ()) -> PreparedReport:
    """A spec with the bytes that it refers to. Raises: Refusal `not_found`, `not_ready`, `expired`."""
    named = spec.references
    # The files of jobs that it comes after are looked up when they are there.
    here = [one for one in named if one.is_dataset or one.job not in after]
    wanted = [RequestedSource(one.field, upload=one.upload, job=one.job, file=one.file) for one in here]
    found = await find_sources(caller.context.redis, caller.owner, wanted)
    return PreparedReport(spec, {one.key: blob for one, blob in zip(here, found, strict=True)})


async def _receive_table(
    request: Request, context: Context, body: AsyncIterator[bytes], options: TableOptions
) -> PreparedReport:
    content_type, limit = request.headers["content-type"], context.settings.max_dataset_bytes
    check_length(request.headers.get("content-length"), limit)
    blob = await receive_any(body, context.storage, limit)
    return PreparedReport(prepared(spec_of(options, content_type, blob)), {upload_of(blob): blob})


async def submission_of(
    caller: Caller, report: PreparedReport, kind: Kind[ReportParams], **submit_options: Unpack[RequestedOptions]
) -> Submission:
    """A job of `kind` for a report request, which is put into storage."""
    blob = await caller.context.storage.put(_stored(report), max_bytes=MAX_REQUEST_BYTES, type=JSON_TYPE)
    title = report.spec.title
    return caller.submission(
        kind,
        ReportParams(order=blob, title=title, formats=report.spec.formats),
        blobs=(blob.sha256, *dict.fromkeys(file.sha256 for file in report.files.values())),
        name=report.fields.name or title,
        **submit_options,
    )


async def _stored(report: PreparedReport) -> AsyncIterator[bytes]:
    yield stored_request(report.spec.text, report.files)
