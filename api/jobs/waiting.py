"""Why a job waits, in its JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.http.context import Context
from tasks.clock import maybe_from_ms
from tasks.queue.lanes.stats import WaitReason
from tasks.queue.records.record import Record, State

WAITING = (State.SCHEDULED, State.QUEUED, State.RETRYING)

Reason = Literal[
    "due_time",
    "prerequisites",
    "owner_suspended",
    "paused_queue",
    "no_worker",
    "parked_lane",
    "order",
    "rate_limit",
    "cap",
    "owner_cap",
    "unanswered",
    "suspect",
    "turn",
]


class WaitingFor(BaseModel):
    """Something that a job waits for."""

    reason: Reason = Field(
        description="`due_time`: it is not due before `until`. `prerequisites`: `jobs` must end first. "
        "`owner_suspended`: its owner is suspended, since `since`. "
        "`paused_queue`: its queue is paused, since `since`. `no_worker`: no worker serves its queue, or has its "
        "function. `parked_lane`: its endpoint keeps failing or asked for a pause, until `until`. "
        "`order`: an earlier delivery to its `ordered` endpoint must end first. "
        "`rate_limit`: its endpoint's `rate_limit`, until `until`. "
        "`cap`: of its lane, the jobs of its owner or for its endpoint, `running` run, and `cap` may. "
        "`owner_cap`: the same for all deliveries of its owner. `unanswered`: deliveries to other endpoints that have "
        "not answered use all slots for such. `suspect`: workers died while they ran it, so it waits until it can run "
        "without others of its queue. `turn`: for a free slot; `ahead` jobs of its lane come first."
    )
    until: datetime | None = Field(None, description="Until when, at least.")
    since: datetime | None = Field(None, description="Since when.")
    jobs: list[str] | None = Field(None, description="Ids of the jobs that have not succeeded.")
    cap: int | None = Field(None, description="How many may run at once.")
    running: int | None = Field(None, description="How many run.")
    ahead: int | None = Field(None, description="How many jobs come first.")


def waiting_for(reasons: Sequence[WaitReason]) -> list[WaitingFor]:
    """The JSON of what a job waits for."""
    return [
        WaitingFor.model_validate(
            {
                "reason": one.reason,
                "until": maybe_from_ms(one.until_ms),
                "since": maybe_from_ms(one.since_ms),
                "jobs": list(one.jobs) or None,
                "cap": one.cap,
                "running": one.running,
                "ahead": one.ahead,
            }
        )
        for one in reasons
    ]


async def find_waiting_for(context: Context, records: Sequence[Record]) -> dict[str, list[WaitingFor]]:
    """What jobs wait for, by id, in one round trip for fifty that wait; none if none waits."""
    ids = [record.id for record in records if record.state in WAITING]
    found = await context.queue_stats.waiting_for(ids)
    return {job_id: waiting_for(reasons) for job_id, reasons in found.items() if reasons}
