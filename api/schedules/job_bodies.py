"""The job of a schedule: the body of a report or of an event, validated as its own endpoint does."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from api.http.caller import Caller
from api.http.json_body import parse, read, validated
from api.reports import specs
from api.webhooks import events
from tasks.queue.jobs.enqueue import Submission
from tasks.queue.records.record import new_id
from tasks.refusal import Refusal
from tasks.report.kind import REPORT
from tasks.report.spec.document import Spec

MAX_REST_BYTES = 64 * 1024
"""What a body may have besides its job."""
MAX_KIND_BYTES = 100


class ReportJob(Spec):
    """A report spec, as for `POST /v1/reports`. The files that it names are kept as long as the schedule."""

    kind: Literal["report"] = Field(description="The kind of job.")


class EventJob(BaseModel):
    """An event, as for `POST /v1/events`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["event"] = Field(description="The kind of job.")
    type: str = Field(description="The event's type.", examples=["shop.closing"])
    data: dict[str, Any] = Field(description="The event's data.")


class _JobKind(BaseModel):
    kind: Literal["report", "event"]


class _JobBody(BaseModel):
    """The part of the body that says which kind of job it is."""

    job: _JobKind


def split_body(text: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Take a schedule's body apart without parsing its job, which may be large.

    Args:
        text: The whole body.

    Returns:
        The body, with the fields of `job` left out, and those fields as JSON.

    Raises:
        Refusal: `invalid_request`, `too_large` for what is not the job.
    """
    parts = _fields(text, "body")
    job_text = parts.pop("job", None)
    rest = sum(map(len, parts.values()))
    if rest > MAX_REST_BYTES:
        message = f"The body without its job is larger than the limit of {MAX_REST_BYTES} bytes. Send less."
        raise Refusal("too_large", message, field="body", limit=MAX_REST_BYTES)
    body = {name: parse(part) for name, part in parts.items()}
    if job_text is None:
        return body, {}
    return {**body, "job": {}}, _fields(job_text, "job")


def _fields(text: bytes, field: str) -> dict[str, bytes]:
    """The fields of a JSON object, each as it is written. Raises: Refusal `invalid_request`."""
    try:
        parts = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError as error:
        raise Refusal("invalid_request", f"{field}: Send a JSON object.", field=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal("invalid_request", f"The {field} is not valid JSON: {error}.", field=field) from error
    return {name: bytes(part) for name, part in parts.items()}


async def receive_job(caller: Caller, job: Mapping[str, bytes]) -> Submission:
    """Build the submission for the `job` of a schedule's body, and store the files that it needs.

    Args:
        caller: The sender.
        job: The fields of the job as JSON, from `split_body`.

    Raises:
        Refusal: As `POST /v1/reports` or `POST /v1/events`, on a field of `job`.
    """
    named = job.get("kind", b"")
    kind = parse(named) if 0 < len(named) <= MAX_KIND_BYTES else None
    validated({"job": {"kind": kind} if named else {}}, _JobBody, "body")
    # Put together again as they were written: numbers of a report are exact decimals, other numbers are floats.
    fields = (b"%b:%b" % (msgspec.json.encode(name), part) for name, part in job.items() if name != "kind")
    text = b"{%b}" % b",".join(fields)
    try:
        submission = await (_report(caller, text) if kind == "report" else _event(caller, text))
        caller.context.enqueuer.job(new_id(), submission)  # refuses params that are too large
    except Refusal as refusal:
        refusal.field = f"job.{refusal.field}" if refusal.field else "job"
        raise
    return submission


async def _report(caller: Caller, text: bytes) -> Submission:
    report = await specs.prepared_report_of(caller, text)
    return await specs.submission_of(caller, report, REPORT)


async def _event(caller: Caller, text: bytes) -> Submission:
    limit = caller.context.settings.max_event_bytes
    if len(text) > limit:
        message = f"The event is larger than the limit of {limit} bytes. Send less."
        raise Refusal("params_too_large", message, limit=limit)
    requested = read(text, events.EventRequest)
    if requested.id is not None:
        raise Refusal(
            "invalid_request",
            "The field 'id' is not allowed here, because every run is a new event. Leave it out.",
            field="id",
        )
    return events.submission_of(caller, requested)
