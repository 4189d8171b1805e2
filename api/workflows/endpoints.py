"""Workflows: jobs that wait for each other, submitted together. `/v1/workflows`."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.http.access.scopes import requires
from api.http.answers import json_of, uncached
from api.http.caller import Caller, RequestedOptions, caller_for_owner, caller_of
from api.http.checks import Checks
from api.http.json_body import documented_body, receive_text
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query
from api.jobs.get import find
from api.jobs.notify import EXAMPLE_URL
from api.jobs.submit_options import IDEMPOTENCY_KEY, OPTION_HEADERS, SUBMIT_REFUSALS, SubmitOptions
from api.jobs.views import EXAMPLE_JOB, EXAMPLE_UPLOAD
from api.workflows.requests import WorkflowRequest, split_steps
from api.workflows.steps import StepJobs, canonical
from api.workflows.views import Workflow, retryable, steps_of, workflow_of
from tasks.queue.jobs.job_store import CANCEL_AT_ONCE
from tasks.queue.jobs.submission import Submission, Submitted
from tasks.queue.records.indexes import BATCH
from tasks.queue.records.record import Record, RunIf, new_id
from tasks.refusal import Refusal
from tasks.settings import MiB
from tasks.webhook.notify_url import seal_notify
from tasks.workflow.graph import in_order

router = APIRouter(prefix="/v1/workflows", tags=["workflows"])

MAX_BODY_BYTES = MiB
"""Bytes that a request may have, its steps included. A larger report is submitted by itself, with `after`."""
RETRY_AT_ONCE = CANCEL_AT_ONCE
ALBUM = {
    "name": "album 7",
    "notify": {"url": EXAMPLE_URL},
    "steps": [
        {
            "name": "thumbs",
            "kind": "thumbnail",
            "params": {"upload": EXAMPLE_UPLOAD, "variants": [{"name": "small", "width": 320}]},
        },
        {
            "name": "sheet",
            "kind": "report",
            "needs": ["thumbs"],
            "params": {
                "document": {"title": "Album 7"},
                "blocks": [{"type": "image", "source": {"job": {"$step": "thumbs"}, "file": "small.jpg"}}],
            },
        },
        {
            "name": "alarm",
            "kind": "event",
            "needs": ["sheet"],
            "run_if": "failure",
            "params": {"type": "album.failed", "data": {"album": 7}},
        },
    ],
}

WorkflowId = Annotated[str, Path(description="The workflow's id, from `POST /v1/workflows`.", examples=[EXAMPLE_JOB])]


@router.post(
    "",
    status_code=202,
    operation_id="submit_workflow",
    summary="Submit a workflow",
    response_model=Workflow,
    response_description="The workflow, with its path in `Location`.",
    responses={
        200: {
            "model": Workflow,
            "description": "This Idempotency-Key was already used with the same content. The existing workflow.",
        },
        **documented(
            *SUBMIT_REFUSALS,
            *("unsupported_media_type", "too_large", "too_many_objects", "forbidden", "unknown_kind", "invalid_params"),
            *("unsupported_format", "inputs_gone", "not_ready", "upload_unfinished", "unknown_dataset"),
            *("too_many_files", "spec_reader_unavailable"),
        ),
    },
    openapi_extra={"parameters": [IDEMPOTENCY_KEY, *OPTION_HEADERS]}
    | documented_body(
        WorkflowRequest, album=("Thumbnails, a contact sheet of them, and an event if that does not succeed", ALBUM)
    ),
)
@requires("jobs:write", "images", "reports", "webhooks")
async def submit_workflow(request: Request) -> Response:
    """Its jobs are written together: all of them, or none. Each step needs the scope of its kind's own endpoint.

    A step starts when the steps in its `needs` have ended as its `run_if` says. The workflow is a batch: it ends with
    its last job, which `notify` reports, and `POST /v1/jobs/{id}/cancellation` cancels it.
    """
    caller, checks = caller_of(request), Checks()
    options = checks.run(lambda: SubmitOptions().fields(caller, None)) or {}
    text = await receive_text(request, MAX_BODY_BYTES)
    requested, params = split_steps(text, checks)
    if requested is not None:
        checks.run(lambda: requested.add_to(options, caller))
    order = None
    if requested is not None and not checks.faults:
        order = checks.run(lambda: in_order({step.name: step.needs for step in requested.steps}))
    checks.done()
    assert requested is not None and order is not None  # noqa: S101, PT018 - else the checks have failed
    ids = {step.name: new_id() for step in requested.steps}
    common: RequestedOptions = {"tags": options.get("tags", ()), "metadata": options.get("metadata")}
    jobs, made = StepJobs(caller, ids), {}
    for place, step in enumerate(requested.steps):
        with checks.collect(inside=f"steps.{place}"):
            submission = await jobs.submission_of(step, params[place], common)
            made[step.name] = replace(submission, job_id=ids[step.name])
    checks.done()
    named = {step.name: step for step in requested.steps}
    steps = [
        {"name": name, "kind": named[name].kind, "job": ids[name], "needs": named[name].needs}
        | ({} if named[name].run_if is RunIf.SUCCESS else {"run_if": named[name].run_if})
        for name in order
    ]
    workflow = Submission(
        kind=BATCH,
        queue="default",
        owner=caller.owner,
        params=json.dumps({"steps": steps}, ensure_ascii=False),
        name=requested.name,
        same_as=canonical(text),
        request_id=caller.request_id,
        address=caller.base_url,
        quotas=caller.quotas,
        notify=seal_notify(options.get("notify"), caller.context.box),
        tags=options.get("tags", ()),
        metadata=options.get("metadata"),
        idempotency_key=options.get("idempotency_key"),
    )
    submitted = await caller.context.enqueuer.enqueue_workflow(workflow, [made[name] for name in order])
    return await _respond(caller, submitted)


@router.get(
    "/{workflow_id}",
    operation_id="get_workflow",
    summary="Get a workflow",
    response_model=Workflow,
    responses=documented(*OF_OWNER, "expired"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:read")
async def get_workflow(request: Request, workflow_id: WorkflowId) -> Response:
    """Its steps, with the state of each."""
    caller = caller_for_owner(request)
    batch = await _find(caller, workflow_id)
    return uncached(workflow_of(batch, await _jobs_of(caller, batch), caller))


@router.post(
    "/{workflow_id}/retry",
    status_code=202,
    operation_id="retry_workflow",
    summary="Retry a workflow",
    response_model=Workflow,
    responses=documented(*OF_OWNER, "expired", "not_retryable", "redis_full"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:write")
async def retry_workflow(request: Request, workflow_id: WorkflowId) -> Response:
    """Runs the jobs again that failed or were cancelled, and those that waited for them. What has succeeded stays."""
    caller = caller_for_owner(request)
    batch = await _find(caller, workflow_id)
    records = await _jobs_of(caller, batch)
    ids = retryable(batch, list(records.values()))
    if not ids:
        message = f"Workflow {workflow_id!r} is {batch.state}. Only one that failed or was cancelled can be retried."
        raise Refusal("not_retryable", message)
    for start in range(0, len(ids), RETRY_AT_ONCE):
        await caller.context.job_store.retry(ids[start : start + RETRY_AT_ONCE])
    batch = await _find(caller, workflow_id)
    view = workflow_of(batch, await _jobs_of(caller, batch), caller)
    return uncached(view, 202, Location=f"/v1/workflows/{workflow_id}")


async def _find(caller: Caller, workflow_id: str) -> Record:
    """Raises: Refusal `not_found`, `expired`."""
    batch = await find(caller, workflow_id)
    if batch.kind != BATCH or not steps_of(batch):
        raise Refusal("not_found", f"You have no workflow {workflow_id!r}.")
    return batch


async def _jobs_of(caller: Caller, batch: Record) -> Mapping[str, Record]:
    records = await caller.context.listing.records(batch.jobs)
    return {record.id: record for record in records}


async def _respond(caller: Caller, submitted: Submitted) -> Response:
    batch = await _find(caller, submitted.job_id)
    content = json_of(workflow_of(batch, await _jobs_of(caller, batch), caller))
    headers = {"Location": f"/v1/workflows/{batch.id}", "Retry-After": "1", "Cache-Control": "no-store"}
    return Response(content, 202 if submitted.created else 200, headers, "application/json")
