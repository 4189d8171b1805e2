"""The job of a schedule: the body of a report or of an event, validated as its own endpoint does."""

import asyncio
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.caller import Caller
from api.http.json_body import read
from api.reports import specs
from api.webhooks import events
from tasks.queue.jobs.enqueue import Submission
from tasks.queue.records.record import new_id
from tasks.refusal import Refusal
from tasks.report.kind import REPORT
from tasks.report.spec.document import Spec
from tasks.report.spec.reading import read_json, read_spec


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


class _ParsedBody(BaseModel):
    """The part of the body that says which kind of job it is."""

    job: _JobKind


async def receive_job(caller: Caller, text: bytes) -> Submission:
    """Build the submission for the `job` of a schedule's body, and store the files that it needs.

    Args:
        request: The request.
        context: The resources of the process.
        text: The whole body.

    Raises:
        Refusal: As `POST /v1/reports` or `POST /v1/events`, on a field of `job`.
    """
    kind = read(text, _ParsedBody).job.kind
    try:
        submission = await (_report(caller, text) if kind == "report" else _event(caller, text))
        caller.context.enqueuer.job(new_id(), submission)  # refuses params that are too large
    except Refusal as refusal:
        refusal.field = f"job.{refusal.field}" if refusal.field else "job"
        raise
    return submission


async def _report(caller: Caller, text: bytes) -> Submission:
    spec = await asyncio.to_thread(_spec, text)
    report_request = await specs.report_request_of(caller, spec)
    return await specs.submission_of(caller, report_request, REPORT)


def _spec(text: bytes) -> Spec:
    # Parsed a second time, because numbers of a report are exact decimals and other numbers are floats.
    return read_spec(json.dumps(_job(read_json(text))).encode())


async def _event(caller: Caller, text: bytes) -> Submission:
    requested = read(json.dumps(_job(json.loads(text))), events.EventRequest)
    if requested.id is not None:
        raise Refusal(
            "invalid_request",
            "The field 'id' is not allowed here, because every run is a new event. Leave it out.",
            field="id",
        )
    return events.submission_of(caller, requested)


def _job(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body["job"].items() if name != "kind"}
