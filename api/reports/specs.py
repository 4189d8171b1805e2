"""Read the report spec of a request, find the files that it refers to, and build the job's submission."""

import codecs
import re
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Unpack

import msgspec
from fastapi import Request
from pydantic import Field

from api.http.body import FORM_OVERHEAD_BYTES, SMALL_BODY_BYTES, check_length, chunks_of, counted
from api.http.caller import Caller, RequestedOptions
from api.http.checks import Checks
from api.http.json_body import JSON_TYPE, content_type_of, parse
from api.http.multipart import Multipart
from api.outputs.options import OutputFields, OutputOptions, output_parsers
from api.reports.table_form import TableForm
from api.reports.tables import TABLE_TYPES, TableOptions, charset_of, format_of, spec_of, upload_of
from api.uploads.receive import read_name, receive_any, whole_body
from tasks.blob_ref import BlobRef
from tasks.kind import Kind
from tasks.queue.jobs.submission import Submission
from tasks.refusal import Refusal
from tasks.report.kind import ReportParams
from tasks.report.request import stored_request
from tasks.report.spec.document import Spec
from tasks.report.spec.prepared import PreparedSpec, prepared
from tasks.settings import MiB
from tasks.uploads.sources import RequestedSource, find_sources

FORM_TYPE = "multipart/form-data"
MAX_NAME_CHARS = 255
NO_BLOB = BlobRef("0" * 64, 0)
"""Stands for a table that was not read yet."""
MAX_REFERENCES = 2_000
"""The number of uploads and files that one spec may name."""
UPLOAD_IN_SPEC = re.compile(rb'"upload":"([^"\\]+)"')
"""In a spec's canonical text."""
MAX_REQUEST_BYTES = 500 * MiB
"""More than any report request has: defaults that are filled in make it longer than the spec."""


class SpecFields(OutputFields):
    """What stands beside the fields of a spec in the body of a submit."""

    name: str | None = Field(
        None, min_length=1, max_length=MAX_NAME_CHARS, description="A name to show, instead of the title."
    )

    def read_name(self, text: str) -> None:
        """Take the name from a field of a form. Raises: Refusal `invalid_request`."""
        self.name = read_name(MAX_NAME_CHARS, text)


class ReportBody(SpecFields, Spec):
    """A report spec, and what its submit says besides."""


@dataclass(frozen=True, slots=True)
class PreparedReport:
    """A report to make, as `tasks.report.request.ReportRequest`.

    Attributes:
        spec: The spec.
        files: What it refers to, by key.
        fields: What the body says besides its spec.
        warnings: What of the request was not used.
    """

    spec: PreparedSpec
    files: dict[str, BlobRef]
    fields: SpecFields = field(default_factory=SpecFields)
    warnings: tuple[str, ...] = ()


async def receive_report(
    request: Request,
    caller: Caller,
    options: TableOptions | None,
    checks: Checks,
    submit_options: RequestedOptions | None = None,
    accepted: str | None = None,
) -> PreparedReport:
    """The report request that a JSON spec is, or a table as it is where `options` say how to show it.

    Args:
        request: The request.
        caller: The sender.
        options: The parameters of the query; None where only a spec may come.
        checks: Those of the request so far.
        submit_options: Those of the query and the headers, to which those of a form are added. Files of the jobs in
            `after` need not be there yet.
        accepted: The output format of a table whose options name none.

    Raises:
        Refusal: `unsupported_media_type`, `too_large`, `too_many_objects`, `no_file`, `too_many_files`,
            `params_too_large`, `invalid_request`, `not_found`, `not_ready`, `expired`.
    """
    content_type, submit_options = content_type_of(request), submit_options if submit_options is not None else {}
    media_type = content_type.partition(";")[0].strip().lower()
    table_format = format_of(content_type)
    async with aclosing(chunks_of(request)) as chunks:
        body: AsyncIterator[bytes] = chunks
        if media_type == JSON_TYPE:
            is_table, body = await _is_array(chunks)
            table_format = "json" if is_table else None
            if options is None or table_format is None:
                _refuse_options(options, checks)
                return await _receive_spec(request, caller, body, checks, submit_options.get("after", ()))
        settings = caller.context.settings
        if options is not None and media_type == FORM_TYPE:
            limit = settings.max_dataset_bytes + FORM_OVERHEAD_BYTES
            check_length(request.headers.get("content-length"), limit)
            fields = SpecFields()
            table = TableForm(
                Multipart(counted(body, limit), content_type),
                caller.context.storage,
                settings,
                parsers=(parsers := {**output_parsers(caller, submit_options), "name": fields.read_name}),
                elsewhere=OutputOptions.model_fields.keys() - parsers.keys(),
                given=options.model_dump(include=_given(options)),
                check=lambda said: spec_of(said, "auto", NO_BLOB, accepted=accepted),
                checks=checks,
            )
            blob, options = await table.receive()
            spec = prepared(spec_of(options, "auto", blob, accepted=accepted))
            return PreparedReport(spec, {upload_of(blob): blob}, fields, tuple(table.warnings))
        if options is None or table_format is None:
            known = ", ".join([JSON_TYPE, *((FORM_TYPE, *TABLE_TYPES) if options is not None else ())])
            message = f"Send {known}. The Content-Type was {content_type!r}."
            checks.add(Refusal("unsupported_media_type", message, field="Content-Type"))
            checks.done()
        assert options is not None and table_format is not None  # noqa: S101, PT018 - else the checks have failed
        made = partial(spec_of, options, table_format, charset=charset_of(content_type), accepted=accepted)
        # What is wrong with the options shows before the table is read.
        checks.run(lambda: made(NO_BLOB))
        checks.done()
        check_length(request.headers.get("content-length"), settings.max_dataset_bytes)
        blob = await receive_any(body, caller.context.storage, settings.max_dataset_bytes)
        return PreparedReport(prepared(made(blob)), {upload_of(blob): blob})


def _given(options: TableOptions) -> set[str]:
    return options.model_fields_set & TableOptions.model_fields.keys()


def _refuse_options(options: TableOptions | None, checks: Checks) -> None:
    for name in sorted(_given(options)) if options is not None else ():
        if getattr(options, name) == TableOptions.model_fields[name].get_default(call_default_factory=True):
            continue  # generated clients send the default values of all parameters
        message = f"The parameter {name!r} is only for tables. With a JSON spec, set it in the spec."
        checks.add(Refusal("invalid_request", message, field=name))


async def _is_array(chunks: AsyncIterator[bytes]) -> tuple[bool, AsyncIterator[bytes]]:
    """Whether a body of JSON is an array of objects, and the whole body. It is read until that is plain."""
    head = start = b""
    async for chunk in chunks:
        head += chunk
        start = b"".join(head[:SMALL_BODY_BYTES].removeprefix(codecs.BOM_UTF8).split())[:2]
        if start not in (b"", b"[") or len(head) >= SMALL_BODY_BYTES:
            break
    return start == b"[{", whole_body([head], chunks)


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
    found = await find_sources(caller.context.redis, caller.owner, wanted, caller.context.history.find_fields)
    return PreparedReport(spec, {one.key: blob for one, blob in zip(here, found, strict=True)})


async def submission_of(
    caller: Caller, report: PreparedReport, kind: Kind[ReportParams], **submit_options: Unpack[RequestedOptions]
) -> Submission:
    """A job of `kind` for a report request, which is put into storage."""
    blob = await caller.context.storage.put(_stored(report), max_bytes=MAX_REQUEST_BYTES, type=JSON_TYPE)
    title = report.spec.title
    referenced = {one.key for one in report.spec.references}
    sent = (blob, *(file for key, file in report.files.items() if key not in referenced))
    return caller.submission(
        kind,
        ReportParams(order=blob, title=title, formats=report.spec.formats),
        blobs=(blob.sha256, *dict.fromkeys(file.sha256 for file in report.files.values())),
        received={one.sha256: one.bytes for one in sent},
        name=report.fields.name or title,
        same_as=_by_bytes(report) if submit_options.get("idempotency_key") else None,
        **submit_options,
    )


def _by_bytes(report: PreparedReport) -> str | None:
    """The request with the bytes of its uploads in place of their ids, by which an Idempotency-Key is compared: its
    files may have been uploaded again. None for a spec without uploads."""
    uploads = {one.upload: report.files[one.key].sha256 for one in report.spec.references if one.upload is not None}
    if not uploads:
        return None

    def with_bytes(found: "re.Match[bytes]") -> bytes:
        return uploads.get(found[1].decode(), found[0].decode()).encode()

    text = UPLOAD_IN_SPEC.sub(with_bytes, report.spec.text).decode()
    return "\n".join([text, *dict.fromkeys(blob.sha256 for blob in report.files.values())])


async def _stored(report: PreparedReport) -> AsyncIterator[bytes]:
    yield stored_request(report.spec.text, report.files)
