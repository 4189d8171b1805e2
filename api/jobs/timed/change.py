"""Changing a job that waits: `PATCH /v1/jobs/{job_id}`."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import Caller, caller_for_owner
from api.http.checks import Checks
from api.http.json_body import documented_body, examined, receive_text
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query
from api.jobs.get import JobId, find
from api.jobs.timed.attempt_limits import START_WITHIN, Deadline, StartWithin, deadline_of, too_early
from api.jobs.timing import PRIORITY, Delay, RunAt, Timing, timing_of
from api.jobs.views import Job, job_of
from tasks.kind import counted
from tasks.queue.jobs.submit_limits import REASONS, SubmitLimits
from tasks.queue.records.record import Priority, Record, State
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MAX_BODY_BYTES = 4 * 1024


class WaitingJobChange(BaseModel):
    """What is changed of a job that waits; what is not sent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    delay: Delay = None
    run_at: RunAt = None
    priority: Priority | None = Field(None, description=PRIORITY)
    deadline: Deadline = None
    start_within: StartWithin = Field(None, description=f"{START_WITHIN} A `deadline` of null removes it.")


@router.patch(
    "/{job_id}",
    operation_id="change_job",
    summary="Update a waiting job",
    response_model=Job,
    responses=documented(
        *OF_OWNER,
        "expired",
        "invalid_request",
        "unsupported_media_type",
        "too_large",
        "not_changeable",
        "owner_queue_full",
    ),
    openapi_extra=documented_query(OwnerQuery)
    | documented_body(
        WaitingJobChange,
        required=False,
        now=("Run a scheduled job now", {"delay": 0}),
        later=("Run it later, before others, and not at all after a time", {"delay": 60, "priority": "high"}),
    ),
)
@requires("jobs:write")
async def change_job(request: Request, job_id: JobId) -> Response:
    """For a job that waits: `scheduled`, `queued` or `retrying`. With `"delay": 0` it runs as soon as a slot is free;
    one that comes `after` others still waits for them, and one that is `queued` keeps its place.

    A job that runs, or has ended, is answered 409 `not_changeable`; and so is a batch, or a delivery.
    """
    caller, checks = caller_for_owner(request), Checks()
    record = await find(caller, job_id)
    requested = examined(await receive_text(request, MAX_BODY_BYTES), WaitingJobChange, checks)
    change = None if requested is None else checks.run(lambda: _change(caller, requested))
    checks.done()
    assert requested is not None and change is not None  # noqa: S101, PT018 - else the checks have failed
    limits = SubmitLimits(caller.context.settings, counted(caller.context.kinds))
    about = {"owner": record.owner, "kind": record.kind, "queue": record.queue, "delay_ms": 1}
    answer = await caller.context.job_store.change(job_id, {**change, **limits.rules(about, caller.quotas)})
    if answer["answer"] in REASONS:
        raise limits.refusal(answer, about)
    if answer["answer"] == "too_early":
        sent = requested.model_fields_set
        raise too_early(next((name for name in ("deadline", "start_within", "run_at") if name in sent), "delay"))
    if answer["answer"] != "changed":
        raise _not_changeable(record, answer)
    return uncached(job_of(await find(caller, job_id), caller))


def _change(caller: Caller, requested: WaitingJobChange) -> dict[str, Any]:
    """What `change.lua` takes. Raises: Refusal `invalid_request`."""
    settings, checks = caller.context.settings, Checks()
    timing = checks.run(lambda: timing_of(settings, requested.delay, requested.run_at)) or Timing()
    deadline_ms, start_within_ms = checks.run(
        lambda: deadline_of(settings, requested.deadline, requested.start_within, timing)
    ) or (None, None)
    checks.done()
    change: dict[str, Any] = {
        "run_at": timing.run_at_ms,
        "delay_ms": None if requested.delay is None else timing.delay_ms,
        "priority": requested.priority,
        "deadline": deadline_ms,
        "start_within_ms": start_within_ms,
    }
    is_removed = "deadline" in requested.model_fields_set and requested.deadline is None and start_within_ms is None
    return {name: value for name, value in change.items() if value is not None} | (
        {"no_deadline": True} if is_removed else {}
    )


def _not_changeable(record: Record, answer: dict[str, Any]) -> Refusal:
    if answer.get("kind") == "batch":
        return Refusal(
            "not_changeable", f"Job {record.id!r} is a batch, which has no time of its own. Change its jobs."
        )
    if answer.get("kind") == "delivery":
        return Refusal(
            "not_changeable",
            f"Job {record.id!r} is a delivery, which has the place of its event. Redeliver it to send it now.",
        )
    if answer["answer"] == State.RUNNING:
        return Refusal(
            "not_changeable",
            f"Job {record.id!r} is running already. Cancel it, and submit it again.",
        )
    return Refusal("not_changeable", f"Job {record.id!r} has ended. Retry it, or submit it again.")
