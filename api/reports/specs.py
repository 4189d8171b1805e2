"""Read the report spec of a request, find the files that it refers to, and build the job's submission."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from typing import Unpack

from fastapi import Request

from api.http.body import check_length, whole
from api.http.caller import Caller, RequestedOptions
from api.http.context import Context
from api.http.json_body import JSON_TYPE
from api.reports.tables import TABLE_TYPES, TableOptions, format_of, spec_of, upload_of
from api.uploads.receive import receive_any
from tasks.blob_ref import BlobRef
from tasks.kind import Kind
from tasks.queue.jobs.enqueue import Submission
from tasks.refusal import Refusal
from tasks.report.kind import ReportParams
from tasks.report.request import ReportRequest
from tasks.report.spec.document import Dataset, Spec
from tasks.report.spec.parts import FileRef
from tasks.report.spec.reading import read_spec
from tasks.report.spec.references import references
from tasks.settings import MiB
from tasks.uploads.sources import RequestedSource, find_sources

MAX_REFERENCES = 2_000
"""The number of uploads and files that one spec may name."""
SMALL_BYTES = 64 * 1024
"""A spec up to this size is parsed on the event loop, a larger one in a thread, so that other requests go on."""
MAX_REQUEST_BYTES = 500 * MiB
"""More than any report request has: defaults that are filled in make it longer than the spec."""


async def receive_report_request(
    request: Request, caller: Caller, options: TableOptions | None, after: Collection[str] = ()
) -> ReportRequest:
    """The report request that a JSON spec is, or a table as it is where `options` say how to show it.

    after: ids of jobs whose files need not be there yet.

    Raises: Refusal `unsupported_media_type`, `too_large`, `too_many_objects`, `no_file`, `invalid_request`,
    `not_found`, `not_ready`, `expired`.
    """
    content_type = request.headers.get("content-type", JSON_TYPE)
    async with aclosing(request.stream()) as body:
        if content_type.partition(";")[0].strip().lower() == JSON_TYPE:
            if options is not None and (given := options.model_fields_set & TableOptions.model_fields.keys()):
                field = min(given)
                raise Refusal(
                    "invalid_request",
                    f"The parameter {field!r} is only for tables. With a JSON spec, set it in the spec.",
                    field=field,
                )
            return await _receive_spec(request, caller, body, after)
        if options is None or format_of(content_type) is None:
            known = ", ".join([JSON_TYPE, *(TABLE_TYPES if options is not None else ())])
            raise Refusal(
                "unsupported_media_type", f"Send {known}. The Content-Type was {content_type!r}.", field="Content-Type"
            )
        return await _receive_table(request, caller.context, body, options)


async def _receive_spec(
    request: Request, caller: Caller, body: AsyncIterator[bytes], after: Collection[str]
) -> ReportRequest:
    text = await whole(request.headers, body, caller.context.settings.max_spec_bytes)
    spec = read_spec(text) if len(text) <= SMALL_BYTES else await asyncio.to_thread(read_spec, text)
    return await report_request_of(caller, spec, after)


async def report_request_of(caller: Caller, spec: Spec, after: Collection[str] = ()) -> ReportRequest:
    """A caller's spec, with the bytes that it refers to. Raises: as `receive_report_request`."""
    named = list(references(spec))
    if len(named) > MAX_REFERENCES:
        raise Refusal(
            "too_many_objects",
            f"The spec names {len(named)} uploads and files. At most {MAX_REFERENCES} are allowed.",
            limit=MAX_REFERENCES,
        )
    # The files of jobs that it comes after are looked up when they are there.
    here = [(field, one) for field, one in named if isinstance(one, Dataset) or one.job not in after]
    found = await find_sources(caller.context.redis, caller.owner, [_wanted(*one) for one in here])
    return ReportRequest(spec=spec, files={_key_of(one): blob for (_, one), blob in zip(here, found, strict=True)})


def _wanted(field: str, one: FileRef | Dataset) -> RequestedSource:
    if isinstance(one, Dataset):
        return RequestedSource(field, upload=one.upload)
    return RequestedSource(field, upload=one.upload, job=one.job, file=one.file)


def _key_of(one: FileRef | Dataset) -> str:
    """The key under which a request has the file of a reference."""
    return one.upload if isinstance(one, Dataset) else one.key


async def _receive_table(
    request: Request, context: Context, body: AsyncIterator[bytes], options: TableOptions
) -> ReportRequest:
    content_type, limit = request.headers["content-type"], context.settings.max_dataset_bytes
    # What is wrong with the options shows before the table is read.
    spec_of(options, content_type, BlobRef("0" * 64, 0))
    check_length(request.headers.get("content-length"), limit)
    blob = await receive_any(body, context.storage, limit)
    return ReportRequest(spec=spec_of(options, content_type, blob), files={upload_of(blob): blob})


async def submission_of(
    caller: Caller, report_request: ReportRequest, kind: Kind[ReportParams], **submit_options: Unpack[RequestedOptions]
) -> Submission:
    """A job of `kind` for a report request, which is put into storage."""
    blob = await caller.context.storage.put(_canonical(report_request), max_bytes=MAX_REQUEST_BYTES, type=JSON_TYPE)
    document = report_request.spec.document
    return caller.submission(
        kind,
        ReportParams(order=blob, title=document.title, formats=report_request.spec.formats),
        blobs=(blob.sha256, *dict.fromkeys(file.sha256 for file in report_request.files.values())),
        name=document.title,
        **submit_options,
    )


async def _canonical(report_request: ReportRequest) -> AsyncIterator[bytes]:
    yield await asyncio.to_thread(report_request.canonical)
