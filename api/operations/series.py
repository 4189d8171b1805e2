"""The past of the service's numbers: `/v1/metrics/series`, for admins."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import admin_of
from api.http.context import Context
from api.http.problems import documented
from api.http.query import documented_query, query_of
from api.jobs.filter import QueueName
from tasks.clock import from_ms
from tasks.kind import Kind
from tasks.queue.queues.queue_keys import MADE_QUEUES
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BUCKETS_MS, QUEUES, SECOND_MS
from tasks.queue.series.depth import NO_DEPTH
from tasks.queue.series.percentiles import bucket_end, percentile
from tasks.queue.series.period import CODES_KEPT, ENDED, ERRORS, KINDS_KEPT, PICKUP, RUN, SAMPLED, Period
from tasks.queue.series.rings import RINGS, RangeName, RingSteps, read_series

router = APIRouter(prefix="/v1/metrics", tags=["operations"])

Step = dict[str, Counter[str | int]]
"""What → which → number, of one step."""
ENDS = (State.SUCCEEDED, State.FAILED, State.CANCELLED)

EXAMPLE: Final[JsonDict] = {
    "range": "hour",
    "start": "2026-11-28T07:00:00Z",
    "step_s": 60,
    "covered_s": [60.0, None, 59.9],
    "ended": {"succeeded": [412, None, 380], "failed": [3, None, 0], "cancelled": [0, None, 0]},
    "latest": {"covered_s": 41.5, "succeeded": 262, "failed": 2, "cancelled": 0},
    "errors": {"truncated": [2, None, 0], "timed_out": [1, None, 0]},
    "pickup_s": {"p50": [0.004, None, 0.004], "p95": [0.061, None, 0.048], "p99": [0.093, None, 0.09]},
    "run_s": {"p50": [0.31, None, 0.3], "p95": [2.4, None, 2.1], "p99": [4.7, None, 4.5]},
    "pickup_in_all_s": {"p50": 0.005, "p95": 0.1, "p99": 0.1},
    "run_in_all_s": {"p50": 0.5, "p95": 2.5, "p99": 5.0},
    "queues": {"media": {"due": [214, None, 0], "oldest_age_s": [361.2, None, 0]}},
}


class SeriesQuery(BaseModel):
    """Which numbers, and of which time."""

    model_config = ConfigDict(extra="forbid")

    range: RangeName = Field(
        "hour",
        description="The last hour by minutes, the last day by quarter hours, or the last 31 days by hours.",
        examples=["day"],
    )
    queue: QueueName | None = Field(
        None, description="Only kinds of jobs that have this queue. Default: all.", examples=["media"]
    )
    kind: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description=f"Only jobs of this kind. The first {KINDS_KEPT} kinds that ran are counted apart; `other` has the "
        "rest, and kinds that the service does not know. Default: all.",
        examples=["thumbnail"],
    )


class PercentileSeries(BaseModel):
    """Times in seconds for each step, estimated from a histogram; null without any."""

    p50: list[float | None] = Field(description="At most this are half of the times.")
    p95: list[float | None] = Field(description="At most this are 95 % of the times.")
    p99: list[float | None] = Field(description="At most this are 99 % of the times.")


class RangePercentiles(BaseModel):
    """Times in seconds of the whole range: upper ends of buckets of a histogram. Absent without any."""

    p50: float | None = Field(None, description="At most this are half of the times.")
    p95: float | None = Field(None, description="At most this are 95 % of the times.")
    p99: float | None = Field(None, description="At most this are 99 % of the times.")


class EndedSeries(BaseModel):
    """The number of jobs that ended in each step, by state."""

    succeeded: list[int | None] = Field(description="Jobs that succeeded.")
    failed: list[int | None] = Field(description="Jobs that failed.")
    cancelled: list[int | None] = Field(description="Jobs that were cancelled.")


class LatestCounts(BaseModel):
    """What was counted after the last step, up to now: a minute or two."""

    covered_s: float = Field(description="The seconds in which it was counted.")
    succeeded: int = Field(description="Jobs that succeeded.")
    failed: int = Field(description="Jobs that failed.")
    cancelled: int = Field(description="Jobs that were cancelled.")


class QueueSeries(BaseModel):
    """How deep and how old a queue was. A worker looks once a minute; of each step the largest number is kept."""

    due: list[int | None] = Field(description="Jobs that could start. As of `GET /v1/queues`.")
    oldest_age_s: list[float | None] = Field(
        description="Seconds that the oldest job that a worker could start had waited; 0 if there was none."
    )


class MetricSeries(BaseModel):
    """Numbers by steps of time. Each array has one entry for each step, the oldest first; null is a gap: nothing was
    measured then, which is not the same as 0."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    range: RangeName = Field(description="The range that was asked for.")
    start: datetime = Field(description="When the first step begins.")
    step_s: int = Field(description="The length of a step in seconds.")
    covered_s: list[float | None] = Field(
        description="The seconds of each step that its numbers cover. It is less than `step_s` in a step with gaps and "
        "in the last one, which may not be over. Divide by it for a rate."
    )
    ended: EndedSeries = Field(description="Jobs that ended. Batches are not counted; their jobs are.")
    latest: LatestCounts | None = Field(
        None, description="Jobs that ended after the last step. Absent if the last sample is not of the last minutes."
    )
    errors: dict[str, list[int | None]] = Field(
        description="Attempts and jobs that failed, by code of the error; those that were tried again too. "
        f"{CODES_KEPT} codes of all kinds are counted apart; `other` has the rest."
    )
    pickup_s: PercentileSeries = Field(description="From when a job was due to the start of its first attempt.")
    run_s: PercentileSeries = Field(description="From the start of an attempt to when its end was written down.")
    pickup_in_all_s: RangePercentiles = Field(
        description="As `pickup_s`, of the whole range. "
        f"What took longer than {BUCKETS_MS[-1] // SECOND_MS} s, where the last bucket ends, counts as that."
    )
    run_in_all_s: RangePercentiles = Field(description="As `run_s`, of the whole range.")
    queues: dict[str, QueueSeries] = Field(
        description="Each queue, or the one that was asked for, by name. `kind` changes nothing here."
    )


@router.get(
    "/series",
    operation_id="get_metric_series",
    summary="Get series of metrics",
    response_model=MetricSeries,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(SeriesQuery),
)
@requires("admin")
async def get_metric_series(request: Request) -> Response:
    """For admins. How many jobs ended, how long they waited and ran, with which errors, and how deep the queues were,
    for charts without a database of metrics. Of all owners together. The last step ends with the last whole minute;
    `latest` has what came after it.
    """
    query, context = query_of(request, SeriesQuery), admin_of(request).context
    series = await read_series(context.redis, RINGS[query.range])
    # A month of a busy service takes some tens of milliseconds, in which other requests are answered.
    queues = [query.queue] if query.queue is not None else await _all_queues(context, series)
    answer = await asyncio.to_thread(_view, query.range, series, _kinds(query, context.kinds), queues)
    return uncached(answer)


async def _all_queues(context: Context, series: RingSteps) -> list[str]:
    """Those that there are, and those that were there in the range."""
    made = [queue.decode() for queue in await context.redis.zrange(MADE_QUEUES, 0, -1)]
    return list(dict.fromkeys((*QUEUES, *made, *(queue for depths in series.depths for queue in depths or ()))))


def _view(range_name: RangeName, series: RingSteps, kinds: set[str] | None, queues: Iterable[str]) -> MetricSeries:
    steps = [None if period is None else _step(period, kinds) for period in series.periods]
    codes = {str(code) for step in steps if step for code in step[ERRORS]}
    return MetricSeries(
        range=range_name,
        start=from_ms(series.start_ms),
        step_s=series.step_s,
        covered_s=[period and round(period.covered_ms / SECOND_MS, 3) for period in series.periods],
        ended=EndedSeries(**{state: _numbers(steps, ENDED, state) for state in ENDS}),
        latest=_latest(series.latest, kinds),
        errors={code: _numbers(steps, ERRORS, code) for code in sorted(codes)},
        pickup_s=_percentiles(steps, PICKUP),
        run_s=_percentiles(steps, RUN),
        pickup_in_all_s=_in_all(steps, PICKUP),
        run_in_all_s=_in_all(steps, RUN),
        queues={queue: _depths(series, queue) for queue in queues},
    )


def _latest(period: Period | None, kinds: set[str] | None) -> LatestCounts | None:
    if period is None:
        return None
    ended = _step(period, kinds)[ENDED]
    return LatestCounts(covered_s=period.covered_ms / SECOND_MS, **{str(state): ended[state] for state in ENDS})


def _kinds(query: SeriesQuery, known: Mapping[str, Kind[Any]]) -> set[str] | None:
    """The kinds that are asked for; None for all."""
    if query.queue is None:
        return None if query.kind is None else {query.kind}
    return {kind.name for kind in known.values() if kind.queue == query.queue and query.kind in (None, kind.name)}


def _step(period: Period, kinds: set[str] | None) -> Step:
    """Add up the counts of some kinds: what → which → number."""
    step: Step = {what: Counter() for what in SAMPLED}
    for kind, found in period.kinds.items():
        if kinds is None or kind in kinds:
            for what, numbers in found.items():
                counted = step[what]
                for which, number in numbers.items():
                    counted[which] += number
    return step


def _numbers(steps: Iterable[Step | None], what: str, which: str) -> list[int | None]:
    return [None if step is None else step[what][which] for step in steps]


def _depths(series: RingSteps, queue: str) -> QueueSeries:
    found = [None if depths is None else depths.get(queue, NO_DEPTH) for depths in series.depths]
    return QueueSeries(
        due=[one and one.due for one in found],
        oldest_age_s=[one and one.oldest_ms / SECOND_MS for one in found],
    )


def _percentiles(steps: Iterable[Step | None], what: str) -> PercentileSeries:
    buckets: list[dict[Any, int]] = [step[what] if step else {} for step in steps]

    def seconds(share: float) -> list[float | None]:
        found = (percentile(one, share) for one in buckets)
        return [value if value is None else round(value, 6) for value in found]

    return PercentileSeries(p50=seconds(0.5), p95=seconds(0.95), p99=seconds(0.99))


def _in_all(steps: Iterable[Step | None], what: str) -> RangePercentiles:
    buckets: Counter[Any] = Counter()
    for step in steps:
        if step:
            buckets.update(step[what])
    return RangePercentiles(p50=bucket_end(buckets, 0.5), p95=bucket_end(buckets, 0.95), p99=bucket_end(buckets, 0.99))
