"""Reports: `POST /v1/reports` from a spec or a table, `POST /v1/reports/validation` for a look at what would come."""

import json
from functools import cache
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Field

from api.http.caller import caller_of
from api.http.context import Context
from api.http.problems import documented, problem
from api.http.ranges import names
from api.jobs.submit_options import SubmitOptions
from api.jobs.submitted import respond
from api.jobs.views import Job, path_of
from api.reports.examples import SPEC_BODY, SPEC_OR_TABLE_BODY
from api.reports.specs import receive_order, submission_of
from api.reports.tables import TableOptions
from tasks.queue.jobs.enqueue import Submitted
from tasks.queue.records.record import Priority, Record, State
from tasks.report.kind import REPORT, VALIDATION
from tasks.report.spec.reading import schema

router = APIRouter(prefix="/v1/reports", tags=["reports"])

PDF_TYPE = "application/pdf"
PDF_NAME = "report.pdf"
SCHEMA_TYPE = "application/schema+json"
REFUSALS = (
    "unauthorized",
    "not_found",
    "not_ready",
    "expired",
    "too_large",
    "unsupported_media_type",
    "invalid_request",
    "too_many_objects",
    "unknown_dataset",
    "queue_full",
)


class ReportOptions(SubmitOptions, TableOptions):
    """What the address may say: of a table, how to show it; of any report, what it may say of every submit."""


class Warning(BaseModel):  # noqa: A001 - the house word for it
    """Something that was clipped, left out or could not be drawn."""

    code: str
    message: str
    block: str | None = Field(None, description="Where, as in `blocks.3`.")


class TableOutlook(BaseModel):
    """What a table would be."""

    block: str = Field(examples=["blocks.3"])
    rows: int
    columns: list[str] = Field(description="As they are headed.")


class Outlook(BaseModel):
    """What a report would be."""

    tables: list[TableOutlook]
    rows: int = Field(description="Of all tables.")
    pages: int
    warnings: list[Warning]


@router.post(
    "",
    status_code=202,
    operation_id="submit_report",
    summary="Submit a report",
    response_model=Job,
    response_description="Its job, whose address is in `Location`.",
    responses={
        200: {
            "model": Job,
            "description": "This Idempotency-Key was used before, with the same content: the job as it is now.",
        },
        303: {"description": "Where the PDF is, for who sends `Accept: application/pdf`."},
        **documented(
            *REFUSALS,
            "no_file",
            "key_reused",
            "failed",
            "invalid_url",
            "address_refused",
            "invalid_secret",
            "batch_sealed",
            "prerequisite_failed",
        ),
    },
    openapi_extra=SPEC_OR_TABLE_BODY,
)
async def submit_report(
    request: Request,
    options: Annotated[ReportOptions, Query()],
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255, examples=["report-4711"])] = None,
) -> Response:
    """A PDF, and an XLSX or CSV of the same tables, from a spec; or from a table as it is, which the address tells how
    to show.

    What a spec refers to must be there: uploads that have not expired, and files of jobs that have succeeded. With
    `Accept: application/pdf` the request waits, and answers where the PDF is, or what was wrong; with the job, if it
    takes longer than requests may wait.
    """
    caller = caller_of(request)
    submit_options = options.fields(caller, idempotency_key)
    order = await receive_order(request, caller, options, options.prerequisites)
    submission = await submission_of(caller, order, REPORT, **submit_options)
    submitted = await caller.context.enqueuer.enqueue(submission)
    record = None
    if PDF_TYPE in request.headers.get("accept", "").lower() and "pdf" in order.spec.formats:
        record = await _ended(caller.context, submitted)
    if record is None:
        return await respond(caller, submitted)
    if record.state is not State.SUCCEEDED:
        return _failure(request, record)
    return Response(status_code=303, headers={"Location": f"{path_of(record.id)}/files/{PDF_NAME}"})


@router.post(
    "/validation",
    operation_id="validate_report",
    summary="What a report would be",
    response_model=Outlook,
    responses={
        202: {"model": Job, "description": "It takes longer: its job, whose address is in `Location`."},
        **documented(*REFUSALS, "failed"),
    },
    openapi_extra=SPEC_BODY,
)
async def validate_report(request: Request) -> Response:
    """Reads the datasets and plans the pages, but draws nothing. What is wrong is answered as a problem."""
    caller = caller_of(request)
    order = await receive_order(request, caller, None)
    submission = await submission_of(caller, order, VALIDATION, priority=Priority.HIGH)
    submitted = await caller.context.enqueuer.enqueue(submission)
    record = await _ended(caller.context, submitted)
    if record is None:
        return await respond(caller, submitted)
    if record.state is not State.SUCCEEDED:
        return _failure(request, record)
    headers = {"Cache-Control": "no-store"}
    return Response(json.dumps(record.result), headers=headers, media_type="application/json")


async def _ended(context: Context, submitted: Submitted) -> Record | None:
    """The job, if it ends while a request may wait for it."""
    record = await context.watch.wait_until_ended(submitted.job_id, context.settings.max_wait_s)
    return record if record and record.state.ended else None


def _failure(request: Request, record: Record) -> Response:
    error = record.error or {"code": "failed", "message": f"The job is {record.state}."}
    return problem(request, error["code"], error["message"], field=error.get("field"))


@router.get(
    "/schema",
    operation_id="get_report_schema",
    summary="The JSON Schema of a spec",
    response_class=Response,
    responses={
        200: {"description": "For editors and tests of yours.", "content": {SCHEMA_TYPE: {}}},
        304: {"description": "You have it already (`If-None-Match`)."},
        **documented("unauthorized"),
    },
)
async def get_report_schema(request: Request) -> Response:
    """It changes with versions of this service only."""
    body, etag = _schema()
    headers = {"ETag": etag, "Cache-Control": "private, max-age=3600"}
    if names(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=SCHEMA_TYPE)


@cache
def _schema() -> tuple[bytes, str]:
    body = json.dumps(schema()).encode()
    return body, f'"{sha256(body).hexdigest()[:32]}"'
