"""What the runs of a schedule submit: the body of a report or of an event, held to what its own address asks."""

import asyncio
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.caller import Caller
from api.http.json_body import read
from api.reports import specs as orders
from api.webhooks import events
from tasks.queue.jobs.enqueue import Submission
from tasks.queue.records.record import new_id
from tasks.refusal import Refusal
from tasks.report.kind import REPORT
from tasks.report.spec.document import Spec
from tasks.report.spec.reading import read_json, read_spec


class ReportJob(Spec):
    """A report of this spec, as for `POST /v1/reports`. What it refers to is kept as long as the schedule."""

    kind: Literal["report"]


class EventJob(BaseModel):
    """An event, as for `POST /v1/events`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["event"]
    type: str = Field(examples=["shop.closing"])
    data: dict[str, Any]


class _Job(BaseModel):
    kind: Literal["report", "event"]


class _Body(BaseModel):
    """As much of the body as says which job it is."""

    job: _Job


async def receive_job(caller: Caller, text: bytes) -> Submission:
    """The submission that `job` in a body asks for, with all that it needs in storage.

    Raises: as the two addresses do, on a field of `job`.
    """
    kind = read(text, _Body).job.kind
    try:
        submission = await (_report(caller, text) if kind == "report" else _event(caller, text))
        caller.context.enqueuer.job(new_id(), submission)  # refuses params that are too large
    except Refusal as refusal:
        refusal.field = f"job.{refusal.field}" if refusal.field else "job"
        raise
    return submission


async def _report(caller: Caller, text: bytes) -> Submission:
    spec = await asyncio.to_thread(_spec, text)
    order = await orders.order_of(caller, spec)
    return await orders.submission_of(caller, order, REPORT)


def _spec(text: bytes) -> Spec:
    # Read anew: a report's numbers are exact, others are as JavaScript has them.
    return read_spec(json.dumps(_job(read_json(text))).encode())


async def _event(caller: Caller, text: bytes) -> Submission:
    asked = read(json.dumps(_job(json.loads(text))), events.EventRequest)
    if asked.id is not None:
        raise Refusal("invalid_request", "id: every run is an event of its own; leave it out.", field="id")
    return events.submission_of(caller, asked)


def _job(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body["job"].items() if name != "kind"}
