"""Submit and validate reports: `POST /v1/reports`, `POST /v1/reports/validation`, `GET /v1/reports/schema`."""

import json
from functools import cache
from hashlib import sha256

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.caller import caller_of
from api.http.checks import Checks
from api.http.context import Context
from api.http.problems import documented, problem
from api.http.query import documented_query, query_of
from api.http.ranges import names
from api.jobs.submit_options import SUBMIT_REFUSALS, documented_submit
from api.jobs.submitted import respond
from api.jobs.views import Job, path_of
from api.outputs.options import OutputOptions
from api.reports.examples import SPEC_BODY, SPEC_OR_TABLE_BODY
from api.reports.specs import MAX_NAME_CHARS, receive_report, submission_of
from api.reports.tables import XLSX_TYPE, TableOptions
from tasks.queue.jobs.submission import Submitted
from tasks.queue.records.record import Priority, Record, State
from tasks.report.kind import REPORT, VALIDATION
from tasks.report.spec.reading import schema
from tasks.report.spec.table import CellType

router = APIRouter(prefix="/v1/reports", tags=["reports"])

ACCEPTED = {"application/pdf": "pdf", XLSX_TYPE: "xlsx", "text/csv": "csv"}
"""The types that a request may wait for, and their output formats."""
NEVER = ("q=0", "q=0.0", "q=0.00", "q=0.000")
SCHEMA_TYPE = "application/schema+json"
REFUSALS = (
    "unauthorized",
    "not_found",
    "not_ready",
    "upload_unfinished",
    "expired",
    "too_large",
    "unsupported_media_type",
    "invalid_request",
    "too_many_objects",
    "unknown_dataset",
    "queue_full",
    "owner_queue_full",
    "redis_full",
    "spec_reader_unavailable",
)


class ReportOptions(OutputOptions, TableOptions):
    """The query parameters of `POST /v1/reports`: those of every submit, and those of a table."""

    name: str | None = Field(
        None, min_length=1, max_length=MAX_NAME_CHARS, description="A name to show, instead of the title."
    )


class ValidationQuery(BaseModel):
    """The query parameters of `POST /v1/reports/validation`."""

    model_config = ConfigDict(extra="forbid")

    wait: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Seconds to wait for the validation, at most MAX_WAIT_S, which is also the default. With 0 the "
        "response is its job at once.",
        examples=[5],
    )


class Warning(BaseModel):  # noqa: A001 - the name of the OpenAPI component
    """Something that was clipped, left out or could not be drawn."""

    code: str = Field(description="A stable code for programs.")
    message: str = Field(description="What happened, for people.")
    block: str | None = Field(
        None,
        description="The path of the block, such as `blocks.3`, or of the document's field, `document.footer.left`.",
    )
    page: int | None = Field(
        None, description="The page of the PDF where it is, or where its block begins; only if it has one."
    )


class GuessedColumn(BaseModel):
    """What a column of a dataset may be."""

    field: str = Field(description="The name of the column.", examples=["amount"])
    type: CellType = Field(description="The type that fits its cells in the first 1,000 rows.", examples=["decimal"])
    examples: list[str] = Field(description="Up to three of its cells.", examples=[["950.00", "4.70"]])


class TablePreflight(BaseModel):
    """A table as the report would show it."""

    block: str = Field(description="The path of the table's block.", examples=["blocks.3"])
    rows: int = Field(description="The number of rows.")
    columns: list[str] = Field(description="The titles of the columns.")
    guesses: list[GuessedColumn] | None = Field(
        None,
        description="For a table that shows columns of its dataset without naming them: what types they may have. The "
        "report guesses nothing and shows them as text; name them in `columns` with the types that you choose.",
    )


class Preflight(BaseModel):
    """The outline of a report: what it would contain."""

    tables: list[TablePreflight] = Field(description="The tables, in report_request.")
    rows: int = Field(description="The number of rows of all tables.")
    pages: int = Field(description="The number of pages.")
    warnings: list[Warning] = Field(description="What would be clipped, left out or not drawn.")


@router.post(
    "",
    status_code=202,
    operation_id="submit_report",
    summary="Submit a report",
    response_model=Job,
    response_description="The report's job, with its path in `Location`.",
    responses={
        200: {
            "model": Job,
            "description": "This Idempotency-Key was already used with the same content. The existing job. "
            "Or the job that holds the unique key, as `Pressroom-Unique` says: `returned` or `replaced`.",
        },
        303: {"description": "Only if `Accept` names the type of a file of the report: its path is in `Location`."},
        **documented(*dict.fromkeys((*REFUSALS, *SUBMIT_REFUSALS, "no_file", "too_many_files", "failed"))),
    },
    openapi_extra=SPEC_OR_TABLE_BODY | documented_submit(ReportOptions),
)
@requires("reports")
async def submit_report(request: Request) -> Response:
    """Makes a PDF, and an XLSX or CSV file of the same tables, from a JSON spec or from a table. For a table, query
    parameters or the fields of a form say how to read and show it.

    Uploads that a spec names must not have expired, and jobs whose files it names must have succeeded. With an `Accept`
    of `application/pdf`, of XLSX or of `text/csv` the request waits for the job and then redirects to that file or
    returns its error. If the job takes longer than a request may wait, the response is the job.
    """
    caller, checks = caller_of(request), Checks()
    options = query_of(request, ReportOptions, checks)
    submit_options = checks.run(lambda: options.fields(caller, REPORT)) or {}
    accepted = _accepted(request.headers.get("accept", ""))
    await caller.check_bytes(request.headers.get("content-length"))
    report = await receive_report(request, caller, options, checks, submit_options, accepted)
    report.fields.add_to(submit_options, caller)
    report.fields.name = report.fields.name or options.name
    submission = await submission_of(caller, report, REPORT, **submit_options)
    submitted = await caller.context.enqueuer.enqueue(submission)
    record = None
    if accepted in report.spec.formats:
        record = await _ended(caller.context, submitted)
    if record is None:
        return await respond(caller, submitted, report.warnings)
    if record.state is not State.SUCCEEDED:
        return _failure(request, record)
    return Response(status_code=303, headers={"Location": f"{path_of(record.id)}/files/report.{accepted}"})


def _accepted(accept: str) -> str | None:
    """The first output format that an Accept header names; None if it names none."""
    for part in accept.lower().split(","):
        media_type, *params = [one.strip() for one in part.split(";")]
        if media_type in ACCEPTED and not any(param.replace(" ", "") in NEVER for param in params):
            return ACCEPTED[media_type]
    return None


@router.post(
    "/validation",
    operation_id="validate_report",
    summary="Validate a report",
    response_model=Preflight,
    responses={
        202: {
            "model": Job,
            "description": "The validation takes longer than `wait`: its job, with its path in `Location`.",
        },
        **documented(*REFUSALS, "failed"),
    },
    openapi_extra=SPEC_BODY | documented_query(ValidationQuery),
)
@requires("reports")
async def validate_report(request: Request) -> Response:
    """Reads the datasets and lays out the pages, but draws nothing. Errors are returned as a problem."""
    caller, checks = caller_of(request), Checks()
    wait = query_of(request, ValidationQuery, checks).wait
    report = await receive_report(request, caller, None, checks)
    submission = await submission_of(caller, report, VALIDATION, priority=Priority.HIGH)
    submitted = await caller.context.enqueuer.enqueue(submission)
    record = await _ended(caller.context, submitted, wait)
    if record is None:
        return await respond(caller, submitted)
    if record.state is not State.SUCCEEDED:
        return _failure(request, record)
    headers = {"Cache-Control": "no-store"}
    return Response(json.dumps(record.result), headers=headers, media_type="application/json")


async def _ended(context: Context, submitted: Submitted, wait: float | None = None) -> Record | None:
    """Wait for the job, for `wait` seconds or as long as a request may wait. Returns its record once it has ended,
    else None."""
    most = context.settings.max_wait_s
    if wait == 0:
        return None
    record = await context.watch.wait_until_ended(submitted.job_id, most if wait is None else min(wait, most))
    return record if record and record.state.ended else None


def _failure(request: Request, record: Record) -> Response:
    error = record.error or {"code": "failed", "message": f"The job is {record.state}."}
    return problem(request, error["code"], error["message"], field=error.get("field"))


@router.get(
    "/schema",
    operation_id="get_report_schema",
    summary="Get the report schema",
    response_class=Response,
    responses={
        200: {"description": "The JSON Schema of a report spec.", "content": {SCHEMA_TYPE: {}}},
        304: {"description": "The schema has not changed (`If-None-Match`)."},
        **documented("unauthorized"),
    },
)
@requires("reports")
async def get_report_schema(request: Request) -> Response:
    """For editors and for your tests. It changes only with the version of this service."""
    body, etag = _schema()
    headers = {"ETag": etag, "Cache-Control": "private, max-age=3600"}
    if names(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=SCHEMA_TYPE)


@cache
def _schema() -> tuple[bytes, str]:
    body = json.dumps(schema()).encode()
    return body, f'"{sha256(body).hexdigest()[:32]}"'
