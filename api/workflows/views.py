"""The public JSON of a workflow: its batch, and its steps with their jobs."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.http.answers import Error, Links
from api.http.caller import Caller
from api.jobs.views import EXAMPLE_JOB, path_of
from api.labels import ShownMetadata, ShownTags
from tasks.clock import from_ms, maybe_from_ms
from tasks.queue.records.record import Record, RunIf, State


class WorkflowLinks(Links):
    """URLs of a workflow and of the actions that are possible now."""

    job: str = Field(description="The URL of its batch, as a job: to wait for its end, say.")


class WorkflowStep(BaseModel):
    """A step, and its job."""

    name: str = Field(description="The step's name.", examples=["sheet"])
    kind: str = Field(description="The kind of its job.", examples=["report"])
    job: str = Field(description="The id of its job.", examples=[EXAMPLE_JOB])
    needs: list[str] = Field(description="The names of the steps that must end first.")
    run_if: RunIf = Field(description="For which end of them it waits.")
    state: State | None = Field(None, description="The state of its job; absent if that was deleted or has expired.")
    started_at: datetime | None = Field(None, description="When its last attempt started.")
    finished_at: datetime | None = Field(None, description="When its job ended.")
    error: Error | None = Field(None, description="Why its job failed or was cancelled.")


class Workflow(BaseModel):
    """Jobs that wait for each other. Times are UTC."""

    id: str = Field(description="The workflow's id, which is that of its batch.", examples=[EXAMPLE_JOB])
    owner: str = Field(description="The owner of the API key that submitted it.", examples=["shop"])
    state: State = Field(
        description="`running` until its last job has ended; `succeeded` if all jobs that were needed did."
    )
    name: str | None = Field(None, description="The name that its sender chose.")
    tags: ShownTags = None
    metadata: ShownMetadata = None
    created_at: datetime = Field(description="When it was submitted.")
    finished_at: datetime | None = Field(None, description="When its last job ended.")
    jobs: dict[State, int] = Field(description="The number of its jobs in each state.")
    error: Error | None = Field(None, description="Why it failed or was cancelled.")
    steps: list[WorkflowStep] = Field(description="The steps, each after those that it needs.")
    links: WorkflowLinks = Field(description="URLs of the workflow and of the actions that are possible now.")


def steps_of(batch: Record) -> list[dict[str, Any]]:
    """The steps that the record of a batch has; none if it is no workflow."""
    steps: list[dict[str, Any]] = json.loads(batch.params).get("steps", [])
    return steps


def retryable(batch: Record, records: Sequence[Record]) -> list[str]:
    """The ids of the jobs of a workflow that a retry of it runs again."""
    if not batch.state.ended:
        return []
    again = (State.FAILED, State.CANCELLED)
    return [one.id for one in records if one.state in again and (one.error or {}).get("code") != "not_needed"]


def workflow_of(batch: Record, records: Mapping[str, Record], caller: Caller) -> Workflow:
    """The public view of a workflow.

    Args:
        batch: The record of its batch.
        records: Those of its jobs that are there, by id.
        caller: Who reads it.
    """
    place, job = f"{caller.base_url}/v1/workflows/{batch.id}", f"{caller.base_url}{path_of(batch.id)}"
    alive = not batch.state.ended
    return Workflow(
        id=batch.id,
        owner=batch.owner,
        state=batch.state,
        name=batch.name,
        tags=list(batch.tags) or None,
        metadata=dict(batch.metadata) or None,
        created_at=from_ms(batch.created_at),
        finished_at=maybe_from_ms(batch.finished_at),
        jobs={State(state): count for state, count in batch.tally.items()},
        error=Error(**batch.error) if batch.error else None,
        steps=[_step_of(step, records.get(step["job"])) for step in steps_of(batch)],
        links=WorkflowLinks(
            self=place,
            job=job,
            events=f"{job}/events" if alive else None,
            cancellation=f"{job}/cancellation" if alive else None,
            retry=f"{place}/retry" if retryable(batch, list(records.values())) else None,
        ),
    )


def _step_of(step: Mapping[str, Any], record: Record | None) -> WorkflowStep:
    about = {"run_if": RunIf.SUCCESS, **step}
    if record is None:
        return WorkflowStep.model_validate(about)
    return WorkflowStep(
        **about,
        state=record.state,
        started_at=maybe_from_ms(record.started_at),
        finished_at=maybe_from_ms(record.finished_at),
        error=Error(**record.last_error) if record.last_error else None,
    )
