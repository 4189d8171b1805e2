"""Bulk actions on jobs: `POST /v1/jobs/cancellation`, `/retry` and `/deletion`. Each runs as a job."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.access.scopes import requires
from api.http.caller import caller_of
from api.http.checks import Checks
from api.http.json_body import documented_body, examined, receive_text
from api.http.problems import documented
from api.jobs.filter import JobFilter
from api.jobs.submit_options import IDEMPOTENCY_KEY, check_key
from api.jobs.submitted import respond
from api.jobs.views import Job
from tasks.maintenance.bulk import BULK, STATES, BulkParams, Verb
from tasks.queue.records.record import Priority
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MAX_BODY_BYTES = 16 * 1024


def _described(**examples: tuple[str, Any]) -> dict[str, Any]:
    return {
        "status_code": 202,
        "response_model": Job,
        "response_description": "The job that does it, with its URL in `Location`. Its `progress` has the "
        "numbers so far, and its `result`, a `BulkResult`, those at the end.",
        "responses": {
            200: {"model": Job, "description": "This Idempotency-Key was already used with the same content."},
            **documented(
                "unauthorized",
                "forbidden",
                "invalid_request",
                "unsupported_media_type",
                "too_large",
                "key_reused",
                "expired",
                "queue_full",
                "owner_queue_full",
            ),
        },
        "openapi_extra": {"parameters": [IDEMPOTENCY_KEY]} | documented_body(JobFilter, required=True, **examples),
    }


@router.post(
    "/cancellation",
    operation_id="cancel_jobs",
    summary="Cancel matching jobs",
    **_described(
        queued=("All queued thumbnails", {"kind": "thumbnail", "state": "queued"}),
        everything=("Every job", {"all": True}),
    ),
)
@requires("jobs:write")
async def cancel_jobs(request: Request) -> Response:
    """Waiting jobs become `cancelled` at once. Running jobs are stopped by their workers; until then the result counts
    them as `stopping`.
    """
    return await _submit(request, "cancellation")


@router.post(
    "/retry",
    operation_id="retry_jobs",
    summary="Retry matching jobs",
    **_described(night=("Jobs that failed since this morning", {"state": "failed", "since": "2026-11-20T08:00:00Z"})),
)
@requires("jobs:write")
async def retry_jobs(request: Request) -> Response:
    """Runs failed and cancelled jobs again. A job that fails again in the meantime is not retried a second time."""
    return await _submit(request, "retry")


@router.post(
    "/deletion",
    operation_id="delete_jobs",
    summary="Delete matching jobs",
    **_described(
        user=("Everything of a user", {"tag": "user:42"}),
        old=("Jobs cancelled before November", {"state": "cancelled", "until": "2026-11-01T00:00:00Z"}),
    ),
)
@requires("jobs:write")
async def delete_jobs(request: Request) -> Response:
    """Deletes only jobs that have ended."""
    return await _submit(request, "deletion")


async def _submit(request: Request, verb: Verb) -> Response:
    caller = caller_of(request)
    checks = Checks()
    requested = examined(await receive_text(request, MAX_BODY_BYTES), JobFilter, checks)
    checks.run(lambda: check_key(caller.idempotency_key))
    owner = None
    if requested is not None:
        owner = checks.run(lambda: requested.owner_for(caller))
        if not checks.faults:
            checks.run(requested.check)
    if requested is not None and requested.state not in (None, *STATES[verb]):
        known = ", ".join(STATES[verb])
        message = f"state: A {verb} applies only to jobs that are {known}."
        checks.add(Refusal("invalid_request", message, field="state"))
    checks.done()
    assert requested is not None and owner is not None  # noqa: S101, PT018 - else the checks have failed
    selection = requested.selection(caller.context.kinds, owner)
    params = BulkParams(
        verb=verb,
        job_indexes=selection.job_indexes,
        states=STATES[verb] if requested.state is None else (requested.state,),
        queue=selection.queue,
        since_ms=selection.since_ms,
        until_ms=selection.until_ms,
        prefix=selection.prefix,
        kind=selection.kind,
        tags=selection.tags or None,
        tag_owner=selection.tag_owner,
        code=selection.code,
        owner=selection.owner,
        worker=selection.worker,
        endpoint=selection.endpoint,
        batch=selection.batch,
        schedule=selection.schedule,
        dry_run=requested.dry_run or None,
        expect=requested.expect,
    )
    submitted = await caller.submit(
        BULK,
        params.model_dump_json(exclude_none=True),
        name=verb,
        priority=Priority.HIGH,  # it must not wait behind those that it is to cancel
        idempotency_key=caller.idempotency_key,
    )
    return await respond(caller, submitted)
