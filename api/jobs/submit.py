"""Submitting a job of any kind that allows it: `POST /v1/jobs`."""

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, Field, ValidationError

from api.http.access.scopes import requires
from api.http.caller import Caller, caller_of
from api.http.checks import Checks
from api.http.json_body import documented_body, examined, receive_text
from api.http.problems import documented
from api.jobs.notify import DESCRIPTION, EXAMPLE_URL, Notify
from api.jobs.submit_options import MAX_AFTER, SUBMIT_REFUSALS, documented_submit
from api.jobs.submitted import respond
from api.jobs.views import Job
from api.labels import LabelFields
from api.operations.workers import registry_of
from api.outputs.options import OutputOptions
from api.unique.options import DebounceAsText, ThrottleAsText, UniqueAsText
from tasks.kind import SUBMIT_OPTIONS, Kind
from tasks.queue.redis_keys import QUEUES
from tasks.refusal import Refusal
from tasks.settings.queues import QUEUE, queue_fault
from tasks.validation import faults_of, refusal_of
from tasks.workflow.references import MAX_REFERENCES, references_of

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

BODY_OVERHEAD_BYTES = 16 * 1024
"""What a body may have besides the params."""
OWN_REFUSALS = (
    *("unknown_kind", "invalid_params", "forbidden", "too_many_queues"),
    *("unsupported_media_type", "too_large"),
)
QUEUE_OPTION = (
    "The queue that the job runs in, instead of that of its kind. One that does not exist is made, if you may make "
    "queues (OWNER_QUEUES). If no worker serves it, `warnings` says so, and the job waits."
)


def _ids_as_text(given: Any) -> Any:
    whole = isinstance(given, list) and all(isinstance(one, str) for one in given)
    return ",".join(given) if whole else given


def _notify_as_text(given: Any) -> Any:
    return json.dumps(given) if isinstance(given, dict) else given


class JobRequest(LabelFields, OutputOptions):
    """A job of any kind that may be submitted here."""

    kind: str = Field(max_length=100, description="The kind's name.", examples=["avatar-colour"])
    params: dict[str, Any] = Field({}, description="The parameters of the job, as its kind defines them.")
    queue: str | None = Field(None, pattern=QUEUE, description=QUEUE_OPTION, examples=["emails"])
    name: str | None = Field(None, max_length=255, description="A name by which you recognise the job.")
    after: Annotated[str | None, BeforeValidator(_ids_as_text, json_schema_input_type=list[str] | str | None)] = Field(
        None,
        max_length=40 * MAX_AFTER,
        description="Ids of jobs that must end first; `run_if` says how.",
    )
    results: bool = Field(
        False,
        description='Whether `{"$job": id, "path": "result.total"}` in the params stands for what a job in '
        "`after` made; it is put in when the job starts. A path begins with `result`, `files`, `state` or `error`.",
    )
    notify: Annotated[str | None, BeforeValidator(_notify_as_text, json_schema_input_type=Notify | str | None)] = Field(
        None, max_length=4_000, description=DESCRIPTION
    )
    unique: UniqueAsText = None
    debounce: DebounceAsText = None
    throttle: ThrottleAsText = None


@router.post(
    "",
    status_code=202,
    operation_id="submit_job",
    summary="Submit a job",
    response_model=Job,
    response_description="The job. Its URL is in `Location`.",
    responses={
        200: {
            "model": Job,
            "description": "This Idempotency-Key was already used with the same kind and params. The existing job. "
            "Or the job that holds the unique key, as `Pressroom-Unique` says: `returned` or `replaced`.",
        },
        **documented(*SUBMIT_REFUSALS, *OWN_REFUSALS),
    },
    openapi_extra=documented_submit()
    | documented_body(
        JobRequest,
        colour=("A job", {"kind": "avatar-colour", "params": {"name": "Ada Lovelace"}}),
        options=(
            "A job that starts later, and whose end is notified",
            {
                "kind": "avatar-colour",
                "params": {"name": "Ada Lovelace"},
                "name": "Ada's colour",
                "delay": 60,
                "priority": "high",
                "notify": {"url": EXAMPLE_URL},
            },
        ),
    ),
)
@requires("jobs:write")
async def submit_job(request: Request) -> Response:
    """For kinds that are declared with `submittable=True`; images, reports and events have paths of their own.

    All fields at fault are reported together, in `errors`. With an `Idempotency-Key` a submit can be repeated safely:
    the same kind and params give the same job, with status 200.
    """
    caller = caller_of(request)
    limit = caller.context.settings.max_params_bytes + BODY_OVERHEAD_BYTES
    checks, kind, options = Checks(), None, None
    requested = examined(await receive_text(request, limit), JobRequest, checks)
    wrong = {fault.field.partition(".")[0] for fault in checks.faults}
    if requested is not None:
        if "kind" not in wrong:
            kind = checks.run(lambda: submittable(caller.context.kinds, requested.kind))
        if kind is not None:
            if "params" not in wrong:
                after = requested.prerequisites if requested.results and "after" not in wrong else ()
                checks.run(lambda: check_params(kind, requested.params, after), inside="params", code="invalid_params")
            for option in sorted((SUBMIT_OPTIONS - kind.submit_options) & requested.model_fields_set):
                message = f"The kind {kind.name!r} does not accept the option {option!r}."
                checks.add(Refusal("invalid_request", message, field=option))
            if "queue" not in wrong:
                checks.run(lambda: _check_queue(requested.queue, kind))
        options = checks.run(lambda: requested.fields(caller, kind))
    checks.done()
    assert requested is not None and kind is not None and options is not None  # noqa: S101, PT018 - else checks failed
    params = json.dumps(requested.params, ensure_ascii=False)
    submitted = await caller.submit(
        kind, params, name=requested.name, queue=requested.queue, results=requested.results, **options
    )
    return await respond(caller, submitted, await _warnings(request, caller, requested.queue))


def _check_queue(queue: str | None, kind: Kind[Any]) -> None:
    """A job may go into any queue that is made by naming it: every worker has all kinds. The slots of the queues that
    are always there are meant for what runs in them.

    Raises:
        Refusal: `invalid_request`.
    """
    if queue is None or queue == kind.queue:
        return
    if queue in QUEUES:
        message = f"queue: The queue {queue!r} is for kinds of its own. Leave out 'queue', or name another one."
        raise Refusal("invalid_request", message, field="queue")
    if fault := queue_fault(queue):
        raise Refusal("invalid_request", f"queue: {fault}", field="queue")


async def _warnings(request: Request, caller: Caller, queue: str | None) -> list[str]:
    """What the sender should know: that no worker serves the queue."""
    if queue is None or (await registry_of(request, caller.context)).serves(queue):
        return []
    return [f"No worker serves the queue {queue!r}. The job waits until one does: `python -m worker {queue}`."]


def submittable(kinds: Mapping[str, Kind[Any]], name: str) -> Kind[Any]:
    """The kind of this name, if it may be submitted here.

    Raises:
        Refusal: `unknown_kind`, which names the kinds that may be.
    """
    kind = kinds.get(name)
    if kind is None or not kind.submittable:
        names = ", ".join(one.name for one in kinds.values() if one.submittable)
        can = f"The kinds that can be are: {names}." if names else "No kind of this service can be."
        raise Refusal("unknown_kind", f"A job of kind {name!r} cannot be submitted here. {can}", field="kind")
    return kind


def check_params(kind: Kind[Any], params: dict[str, Any], after: Collection[str] = ()) -> None:
    """As the worker will read them; a field that the model does not know is refused, unless the model says otherwise.
    What references stand for is not known yet: it is examined when the job starts.

    Args:
        kind: The kind.
        params: The params.
        after: Ids of the jobs to which they may refer; none where the submit does not say `results`.

    Raises:
        ValidationError: The params do not fit.
        Refusal: `invalid_request` for a reference to another job; what validators of the model raise.
    """
    references = list(references_of(params)) if after else []
    if len(references) > MAX_REFERENCES:
        message = f"The params have {len(references)} references. At most {MAX_REFERENCES} are allowed."
        raise Refusal("invalid_request", message, field="results", limit=MAX_REFERENCES)
    for one in references:
        if one.job not in after:
            message = f"{one.field}: Job {one.job!r} is not in 'after'. Add it there."
            raise Refusal("invalid_request", message, field=one.field)
    extra = None if "extra" in kind.params.model_config else "forbid"
    try:
        kind.params.model_validate_json(json.dumps(params), extra=extra)
    except ValidationError as error:
        known = [one for one in faults_of(error) if not any(_concerns(one.field, other.field) for other in references)]
        if known:
            raise refusal_of(known, "invalid_params") from error


def _concerns(field: str, reference: str) -> bool:
    """Whether a fault is about a reference, what is in it, or what it is in."""
    return f"{field}.".startswith(f"{reference}.") or f"{reference}.".startswith(f"{field}.")
