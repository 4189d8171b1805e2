"""The kind `activity`: a report about the last day, by owner, kind and outcome, for the admins.

It counts, and submits an ordinary report job for each admin, whose end is announced as any job's is.
"""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from tasks.blob_ref import BlobRef
from tasks.kind import JobContext, Kind, Result
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.records import indexes
from tasks.queue.records.list import of_state
from tasks.queue.records.record import State
from tasks.queue.redis_keys import JOBS
from tasks.refusal import Refusal
from tasks.settings import OPEN_OWNER, SYSTEM, Settings

HOURS: Final = 24
OTHER: Final = "other"
"""Jobs of kinds that the report does not name."""
MAX_ORDER_BYTES: Final = 5 * 1024 * 1024


class ActivityParams(BaseModel):
    """An `activity` job has no params."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Activity:
    """The jobs of one owner and kind.

    Args:
        owner: The owner.
        kind: The kind, or OTHER.
        made: How many were submitted.
        ended: How many of them have ended, by state.
        hours: How many were submitted in each hour.
    """

    owner: str
    kind: str
    made: int
    ended: Mapping[State, int]
    hours: Sequence[int]


async def report_activity(job: JobContext[ActivityParams]) -> Result:
    """Count the jobs of the last 24 full hours, and submit a report for each admin.

    Returns:
        How many `jobs` there were, how many ended in each state, and the ids of the `reports`.
    """
    until = datetime.fromtimestamp(time.time() // 3600 * 3600, UTC)
    activities = [one for owner in owners(job.settings) for one in await _count(job, owner, until)]
    title = f"Activity until {until:%d %B %Y, %H:%M} UTC"
    order = {"spec": spec(title, activities, until), "files": {}}
    blob = await job.storage.put(_once(json.dumps(order).encode()), max_bytes=MAX_ORDER_BYTES, type="application/json")
    made = [await _submit(job, admin, title, blob) for admin in job.settings.operators]
    counts = {state.value: sum(one.ended[state] for one in activities) for state in State if state.ended}
    return Result({"jobs": sum(one.made for one in activities), **counts, "reports": [one for one in made if one]})


def owners(settings: Settings) -> list[str]:
    """List all owners that may have jobs."""
    return [*dict.fromkeys(owner for owner, _ in settings.api_keys or ((OPEN_OWNER, None),)), SYSTEM]


async def _count(job: JobContext[ActivityParams], owner: str, until: datetime) -> list[Activity]:
    """An owner's activities, without kinds that had no jobs."""
    hours: dict[str, list[int]] = {}
    ended: dict[str, Counter[State]] = {}
    for kind in (*job.kinds, indexes.BATCH, indexes.FOREIGN):
        is_named = kind in job.kinds and job.kinds[kind].in_activity_report
        name = kind if is_named else OTHER
        for state, counts in (await _count_index(job, indexes.of_kind(owner, kind), until)).items():
            hours[name] = [sum(pair) for pair in zip(hours.get(name, [0] * HOURS), counts, strict=True)]
            ended.setdefault(name, Counter())[state] += sum(counts)
    ends = [state for state in State if state.ended]
    return [
        Activity(owner, kind, sum(counts), {state: ended[kind][state] for state in ends}, counts)
        for kind, counts in hours.items()
    ]


async def _count_index(job: JobContext[ActivityParams], job_index: str, until: datetime) -> dict[State, list[int]]:
    """How many jobs of an index were submitted in each hour, by the state in which they are; states without any are
    left out."""
    times = [int((until - timedelta(hours=HOURS - n)).timestamp()) * 1000 for n in range(HOURS + 1)]
    keys = {state: JOBS + of_state(job_index, state) for state in State}
    async with job.redis.pipeline(transaction=False) as pipe:
        for key in keys.values():
            pipe.zcount(key, times[0], f"({times[-1]}")
        # Most have none: of a great many owners each is asked little.
        found = [state for state, count in zip(keys, await pipe.execute(), strict=True) if count]
        for state in found:
            for start, end in pairwise(times):
                pipe.zcount(keys[state], start, f"({end}")
        counts = [int(count) for count in await pipe.execute()]
    return {state: counts[n * HOURS : (n + 1) * HOURS] for n, state in enumerate(found)}


def spec(title: str, activities: Sequence[Activity], until: datetime) -> dict[str, Any]:
    """Build the report: totals, a chart by hours, and a table of owners and kinds.

    Args:
        title: The title.
        activities: What was counted.
        until: The end of the 24 hours.
    """
    made = sum(one.made for one in activities)
    ended = {state: sum(one.ended[state] for one in activities) for state in State if state.ended}
    kinds = sorted({one.kind: None for one in activities}, key=lambda kind: kind == OTHER)  # `other` comes last
    hours = [f"{until - timedelta(hours=HOURS - n):%H}" for n in range(HOURS)]
    series = [
        {"name": kind, "values": [sum(one.hours[n] for one in activities if one.kind == kind) for n in range(HOURS)]}
        for kind in kinds
    ]
    figures = {"Jobs": made, **{state.value.capitalize(): count for state, count in ended.items()}}
    blocks: list[dict[str, Any]] = [
        {"type": "heading", "text": title},
        {"type": "kpis", "items": [{"label": label, "value": f"{count:,}"} for label, count in figures.items()]},
    ]
    if made:
        chart = {"type": "chart", "kind": "stacked_bar", "title": "Jobs by the hour (UTC)", "categories": hours}
        blocks += [chart | {"series": series}, _table(activities)]
    return {"document": {"title": title, "author": "Pressroom"}, "blocks": blocks, "formats": ["pdf"]}


def _table(activities: Sequence[Activity]) -> dict[str, Any]:
    counts = ["made", *(state.value for state in State if state.ended), "open"]
    rows = [
        {"owner": one.owner, "kind": one.kind, "made": one.made, "open": one.made - sum(one.ended.values())}
        | {state.value: count for state, count in one.ended.items()}
        for one in activities
    ]
    columns: list[dict[str, Any]] = [{"field": "kind", "title": "Kind"}]
    columns += [{"field": name, "title": name.capitalize(), "type": "integer", "total": "sum"} for name in counts]
    return {"type": "table", "columns": columns, "rows": rows, "group_by": [{"field": "owner"}]}


async def _submit(job: JobContext[ActivityParams], admin: str, title: str, blob: BlobRef) -> str | None:
    """Submit an admin's report. Returns the job's id, or None if an earlier try has submitted it."""
    params = {"order": {"blob": blob.sha256, "bytes": blob.bytes}, "title": title, "formats": ["pdf"]}
    submission = Submission(
        upkeep=True,
        kind="report",
        queue="reports",
        owner=admin,
        params=json.dumps(params),
        blobs=(blob.sha256,),
        name=title,
        idempotency_key=f"activity\n{job.job_id}",
    )
    try:
        return (await Enqueuer(job.redis, job.settings, job.storage).enqueue(submission)).job_id
    except Refusal as refusal:
        if refusal.code == "key_reused":  # with other numbers, since jobs have ended meanwhile
            return None
        raise


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


ACTIVITY = Kind(
    name="activity",
    queue="default",
    params=ActivityParams,
    run=report_activity,
    timeout_s=120,
    io_bound=True,
    in_activity_report=False,
    upkeep=True,
)
