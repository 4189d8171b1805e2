"""The body of `POST /v1/workflows`: taken apart without parsing the params of its steps, which their kinds read."""

from typing import Annotated, Any, Final

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from api.http.checks import Checks
from api.http.json_body import parse
from api.jobs.submit_options import MAX_AFTER, RUN_IF, BatchFields
from tasks.queue.records.record import Priority, RunIf
from tasks.refusal import Refusal

MAX_STEPS: Final = 500
"""Steps of one workflow: one script writes all of them."""
MAX_NEEDS: Final = 5_000
"""Needs of all steps together, for the same reason: each takes Redis about 4 µs."""
STEP_NAME: Final = "^[A-Za-z0-9_-]{1,60}$"


class StepRequest(BaseModel):
    """One step of a workflow: a job, and the steps that must end before it starts."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=STEP_NAME, description="The step's name, unique in the workflow.", examples=["sheet"])
    kind: str = Field(
        max_length=100,
        description="`thumbnail`, `report`, `event`, or a kind that `POST /v1/jobs` accepts.",
        examples=["report"],
    )
    params: dict[str, Any] = Field(
        {},
        description="What the JSON body of the kind's own endpoint would be: of `POST /v1/images` for `thumbnail`, "
        "`POST /v1/reports`, `POST /v1/events`; else the `params` of `POST /v1/jobs`. In it, "
        '`{"$step": name}` stands for the id of the job of a step in `needs`.',
    )
    needs: list[Annotated[str, Field(pattern=STEP_NAME)]] = Field(
        [], max_length=MAX_AFTER, description="The names of the steps that must end first.", examples=[["thumbs"]]
    )
    run_if: RunIf = Field(RunIf.SUCCESS, description=RUN_IF.replace("`after`", "`needs`"))
    results: bool = Field(
        False,
        description='Whether `{"$step": name, "path": "result.total"}` in its params stands for what the job of '
        "that step made. Only for kinds that `POST /v1/jobs` accepts.",
    )
    priority: Priority = Field(Priority.NORMAL, description="Which of the owner's jobs start first.")


class WorkflowRequest(BatchFields):
    """Jobs that wait for each other."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=255, description="A name of your choice.", examples=["album 7"])
    steps: list[StepRequest] = Field(
        min_length=1,
        max_length=MAX_STEPS,
        description=f"The steps, in any order. They have up to {MAX_NEEDS} needs together.",
    )


def split_steps(text: bytes, checks: Checks) -> tuple[WorkflowRequest | None, list[bytes]]:
    """Read a body.

    Args:
        text: The body as JSON.
        checks: Those of the request, to which its faults are added.

    Returns:
        The body without the params of its steps, and these as JSON, by the number of the step.

    Raises:
        Refusal: `invalid_request`, `too_many_objects`: it is no JSON that could be examined.
    """
    body = parse(text)
    if not isinstance(body, dict) or not isinstance(body.get("steps"), list):
        return checks.model(body, WorkflowRequest), []
    raw = msgspec.json.decode(msgspec.json.decode(text, type=dict[str, msgspec.Raw])["steps"], type=list[msgspec.Raw])
    params = []
    for place, (step, written) in enumerate(zip(body["steps"], raw, strict=True)):
        fields = msgspec.json.decode(written, type=dict[str, msgspec.Raw]) if isinstance(step, dict) else {}
        params.append(bytes(fields.get("params", b"{}")))
        if isinstance(step, dict) and isinstance(step.get("params"), dict):
            body["steps"][place] = {**step, "params": {}}
    requested = checks.model(body, WorkflowRequest)
    if requested is not None and requested.steps and not checks.faults:
        _check_names(requested.steps, checks)
    return requested, params


def _check_names(steps: list[StepRequest], checks: Checks) -> None:
    seen: set[str] = set()
    known = {step.name for step in steps}
    for place, step in enumerate(steps):
        if step.name in seen:
            field = f"steps.{place}.name"
            message = f"{field}: There are two steps {step.name!r}. Give each a name of its own."
            checks.add(Refusal("invalid_request", message, field=field))
        seen.add(step.name)
        for number, name in enumerate(step.needs):
            if name not in known:
                field = f"steps.{place}.needs.{number}"
                message = f"{field}: There is no step {name!r}. Name one of this workflow."
                checks.add(Refusal("invalid_request", message, field=field))
    if (needs := sum(len(step.needs) for step in steps)) > MAX_NEEDS:
        message = f"steps: The steps together have {needs} needs, more than the limit of {MAX_NEEDS}. Name fewer."
        checks.add(Refusal("invalid_request", message, field="steps", limit=MAX_NEEDS))
