"""The job of a schedule: the body of a report or of an event, validated as its own endpoint does."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from api.http.access.scopes import check_scopes
from api.http.caller import Caller
from api.http.checks import Checks
from api.http.json_body import parse
from api.reports import specs
from api.webhooks import events
from tasks.accounts.scopes import KIND_SCOPES
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import new_id
from tasks.refusal import Refusal
from tasks.report.kind import REPORT
from tasks.report.spec.document import Spec
from tasks.report.spec.prepared import PreparedSpec
from tasks.validation import nested
from tasks.webhook.events import CHANNEL, CHANNEL_CHARS, TYPE, TYPE_CHARS

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
    type: str = Field(pattern=TYPE, max_length=TYPE_CHARS, description="The event's type.", examples=["shop.closing"])
    data: Any = Field(description="The event's data: any JSON value.")
    channel: str | None = Field(
        None, pattern=CHANNEL, max_length=CHANNEL_CHARS, description="The event's channel.", examples=["customer-17"]
    )


class _JobKind(BaseModel):
    kind: Literal["report", "event"]


class _JobBody(BaseModel):
    """The part of the body that says which kind of job it is."""

    job: _JobKind


async def split_body(text: bytes, checks: Checks) -> tuple[dict[str, Any], dict[str, bytes] | None]:
    """Take a schedule's body apart without parsing its job, which may be large. Other requests get a turn in between.

    Args:
        text: The whole body.
        checks: Those of the request, for a job that is no object.

    Returns:
        The body, with the fields of `job` left out, and those fields as JSON; None if there are none.

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
        return body, None
    await asyncio.sleep(0)
    return {**body, "job": {}}, checks.run(lambda: _fields(job_text, "job"))


def _fields(text: bytes, field: str) -> dict[str, bytes]:
    """The fields of a JSON object, each as it is written. Raises: Refusal `invalid_request`."""
    try:
        parts = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError as error:
        raise Refusal("invalid_request", f"{field}: Send a JSON object.", field=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal("invalid_request", f"The {field} is not valid JSON: {error}.", field=field) from error
    return {name: bytes(part) for name, part in parts.items()}


async def examine_job(caller: Caller, job: Mapping[str, bytes], checks: Checks) -> PreparedSpec | Submission | None:
    """Examine the `job` of a schedule's body; nothing is stored.

    Args:
        caller: The sender.
        job: The fields of the job as JSON, from `split_body`.
        checks: Those of the request, to which the faults of the job are added.

    Returns:
        What `submission_of` takes; None if the job is at fault.

    Raises:
        Refusal: `forbidden` without the scope that such a job needs.
    """
    named = job.get("kind", b"")
    kind = parse(named) if 0 < len(named) <= MAX_KIND_BYTES else None
    before = len(checks.faults)
    checks.model({"job": {"kind": kind} if named else {}}, _JobBody)
    if len(checks.faults) > before:
        return None
    check_scope_of(caller, str(kind))
    # Put together again as they were written: numbers of a report are exact decimals, other numbers are floats.
    fields = (b"%b:%b" % (msgspec.json.encode(name), part) for name, part in job.items() if name != "kind")
    text = b"{%b}" % b",".join(fields)
    with checks.collect(inside="job"):
        return await specs.prepared_spec_of(caller, text) if kind == "report" else _event(caller, text)
    return None


def check_scope_of(caller: Caller, kind: str) -> None:
    """Check that a sender may submit jobs of the kind of a schedule. Those of built-in schedules need no more.

    Raises:
        Refusal: `forbidden`.
    """
    if kind in KIND_SCOPES:
        check_scopes(caller.access, (KIND_SCOPES[kind],))


async def submission_of(caller: Caller, job: PreparedSpec | Submission) -> Submission:
    """Build the submission for an examined job, and store the files that it needs.

    Raises:
        Refusal: As `POST /v1/reports`, on a field of `job`.
    """
    if isinstance(job, Submission):
        return job
    try:
        report = await specs.with_files(caller, job)
        submission = await specs.submission_of(caller, report, REPORT)
        caller.context.enqueuer.job(new_id(), submission)  # refuses params that are too large
    except Refusal as refusal:
        raise nested(refusal, "job") from None
    return submission


def _event(caller: Caller, text: bytes) -> Submission:
    limit = caller.context.settings.max_event_bytes
    if len(text) > limit:
        message = f"The event is larger than the limit of {limit} bytes. Send less."
        raise Refusal("params_too_large", message, limit=limit)
    checks = Checks()
    requested, params = events.examined_event(text, checks)
    if requested is not None and requested.id is not None:
        message = "The field 'id' is not allowed here, because every run is a new event. Leave it out."
        checks.add(Refusal("invalid_request", message, field="id"))
    checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    submission = events.submission_of(caller, requested, params)
    caller.context.enqueuer.job(new_id(), submission)  # refuses params that are too large
    return submission
