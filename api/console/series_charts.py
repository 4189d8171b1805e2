"""The past of the service's numbers as charts, with the figures in a table for those who do not see them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from markupsafe import Markup

from api.accounts.usage import DEFAULT_DAYS
from api.console import charts
from api.console.formats import UNKNOWN, duration, moment
from api.console.texts import Text
from tasks.queue.redis_keys import BUCKETS_MS, SECOND_MS

RANGES: Final = ("hour", "day", "month")
IN_CHART: Final[Mapping[str, int]] = {"hour": 1, "day": 1, "month": 6}
"""How many steps of the API one bar or point of a chart stands for."""
IN_TABLE: Final[Mapping[str, int]] = {"hour": 5, "day": 4, "month": 24}
"""How many one line of the table stands for: few enough to be read out."""
PERCENTILES: Final = ("p50", "p95", "p99")
ENDS: Final = ("succeeded", "failed", "cancelled")

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A line of the table. start: of its time; the rest: jobs that ended and failed, and percentiles of times."""

    start: datetime
    ended: float
    failed: float | None
    pickup: tuple[str, ...]
    run: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeriesCharts:
    """Some range of time.

    Attributes:
        range: A name of RANGES.
        ended, pickup, run: The charts.
        counted, bad: Jobs that ended, and that failed, up to now; None if nothing was measured.
        from_: When what was measured begins. upto: and ends.
        failed_share: Between 0 and 1; None if nothing ended.
        pickup_s, run_s: The percentiles of the whole range, as far as they are known: between two bounds.
        rows: The figures of the times that were measured, the newest first.
    """

    range: str
    ended: Markup
    pickup: Markup
    run: Markup
    counted: float | None
    bad: float | None
    from_: datetime | None
    upto: datetime | None
    failed_share: float | None
    pickup_s: Mapping[str, str]
    run_s: Mapping[str, str]
    rows: list[SeriesRow]

    @classmethod
    def of(cls, series: Mapping[str, Any], t: Text) -> "SeriesCharts":
        """What `GET /v1/metrics/series` has answered."""
        name = series["range"]
        ended, failed = series["ended"], series["ended"]["failed"]
        total = [None if one is None else sum(ended[state][n] for state in ended) for n, one in enumerate(failed)]
        start = moment(series["start"])
        assert start is not None  # noqa: S101 - the API always says it
        known = (n for n, one in enumerate(total) if one is not None)
        measured = [start + timedelta(seconds=n * series["step_s"]) for n in known]
        upto = measured[-1] + timedelta(seconds=series["step_s"]) if measured else None
        in_all = {state: _sum(numbers) for state, numbers in ended.items()}
        if latest := series.get("latest"):  # what has failed just now is in the share at once
            in_all = {state: (count or 0) + latest[state] for state, count in in_all.items()}
            end = start + timedelta(seconds=len(total) * series["step_s"])
            measured = measured or [end]
            upto = end + timedelta(seconds=latest["covered_s"])
        is_measured = upto is not None
        counted, bad = sum(count or 0 for count in in_all.values()), in_all["failed"] or 0
        lasting = counted - (in_all["cancelled"] or 0)
        step = IN_CHART[name]

        def lines(what: str, label: str) -> Markup:
            bounds = {one: [_end(seconds) for seconds in series[what][one]] for one in PERCENTILES}
            return charts.lines([(one, _gathered(bounds[one], step, _most)) for one in PERCENTILES], label)

        return cls(
            range=name,
            ended=charts.bars(
                _gathered(total, step, _sum), t("overview.ended"), _gathered(failed, step, _sum), width=480, height=80
            ),
            pickup=lines("pickup_s", t("overview.pickup")),
            run=lines("run_s", t("overview.run")),
            counted=counted if is_measured else None,
            bad=bad if is_measured else None,
            from_=measured[0] if measured else None,
            upto=upto,
            failed_share=bad / lasting if lasting else None,
            pickup_s={one: _bound(series["pickup_in_all_s"].get(one), t) for one in PERCENTILES},
            run_s={one: _bound(series["run_in_all_s"].get(one), t) for one in PERCENTILES},
            rows=_rows(series, total, IN_TABLE[name], t),
        )


@dataclass(frozen=True, slots=True)
class DepthRow:
    """A line of a queue's table. start: of its time; due: jobs; oldest_s: of the oldest of them, in seconds."""

    start: datetime
    due: float
    oldest_s: float | None


@dataclass(frozen=True, slots=True)
class DepthCharts:
    """How deep and old a queue was in some range of time.

    Attributes:
        range: A name of RANGES.
        due, oldest: The charts.
        most_due: The most jobs that were due at once; None if nothing was measured.
        most_oldest_s: The longest that a job had waited, in seconds.
        rows: The figures of the times that were measured, the newest first.
    """

    range: str
    due: Markup
    oldest: Markup
    most_due: float | None
    most_oldest_s: float | None
    rows: list[DepthRow]

    @classmethod
    def of(cls, series: Mapping[str, Any], queue: str, t: Text) -> "DepthCharts":
        """What `GET /v1/metrics/series` has answered, of a queue."""
        name, numbers = series["range"], series["queues"][queue]
        due, oldest_s, step = numbers["due"], numbers["oldest_age_s"], IN_CHART[series["range"]]
        start, in_table = moment(series["start"]), IN_TABLE[name]
        assert start is not None  # noqa: S101 - the API always says it
        seconds = series["step_s"] * in_table
        gathered = zip(_gathered(due, in_table, _most), _gathered(oldest_s, in_table, _most), strict=True)
        rows = [
            DepthRow(start + timedelta(seconds=n * seconds), most, longest)
            for n, (most, longest) in enumerate(gathered)
            if most is not None
        ]
        return cls(
            range=name,
            due=charts.bars(_gathered(due, step, _most), t("queues.due_at_once"), width=480, height=40),
            oldest=charts.bars(_gathered(oldest_s, step, _most), t("queues.oldest_waited"), width=480, height=40),
            most_due=_most(due),
            most_oldest_s=_most(oldest_s),
            rows=rows[::-1],
        )


@dataclass(frozen=True, slots=True)
class DayChart:
    """An owner's jobs that ended, by day.

    Attributes:
        bars: The chart.
        jobs, failed: How many there are in all.
        first, last: The days at its ends.
    """

    bars: Markup
    jobs: int
    failed: int
    first: date
    last: date

    @classmethod
    def of(cls, usage: Mapping[str, Any], query: Mapping[str, str], t: Text) -> "DayChart":
        """What `GET /v1/usage` has answered. query: `first` and `last`, as it was asked; the API has checked them."""
        last = date.fromisoformat(query["last"]) if query.get("last") else datetime.now(UTC).date()
        month = timedelta(days=min(DEFAULT_DAYS - 1, last.toordinal() - 1))
        first = date.fromisoformat(query["first"]) if query.get("first") else last - month
        by_day = {day["day"]: day["kinds"] for day in usage["days"]}
        drawn = [by_day.get((first + timedelta(days=n)).isoformat(), ()) for n in range((last - first).days + 1)]
        failed = [sum(kind["failed"] for kind in kinds) for kinds in drawn]
        jobs = [sum(kind[state] for kind in kinds for state in ENDS) for kinds in drawn]
        label = t("usage.chart")
        return cls(charts.bars(jobs, label, failed, width=480, height=80), sum(jobs), sum(failed), first, last)


def range_of(query: Mapping[str, str]) -> str:
    """The range that a query names; the hour if it names none."""
    name = query.get("range", "")
    return name if name in RANGES else RANGES[0]


def _rows(series: Mapping[str, Any], total: Values, step: int, t: Text) -> list[SeriesRow]:
    start, seconds = moment(series["start"]), series["step_s"] * step
    assert start is not None  # noqa: S101 - the API always says it
    times = {what: [_gathered(series[what][one], step, _most) for one in PERCENTILES] for what in ("pickup_s", "run_s")}
    counts = zip(_gathered(total, step, _sum), _gathered(series["ended"]["failed"], step, _sum), strict=True)
    rows = [
        SeriesRow(
            start + timedelta(seconds=n * seconds),
            ended,
            failed,
            tuple(_bound(_end(one[n]), t) for one in times["pickup_s"]),
            tuple(_bound(_end(one[n]), t) for one in times["run_s"]),
        )
        for n, (ended, failed) in enumerate(counts)
        if ended is not None
    ]
    return rows[::-1]


def _gathered(values: Values, step: int, how: Callable[[Values], float | None]) -> list[float | None]:
    return [how(values[n : n + step]) for n in range(0, len(values), step)]


def _sum(values: Values) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _end(seconds: float | None) -> float | None:
    """The end of the bucket in which a percentile is: the API estimates where in it, and a page says what is sure."""
    if seconds is None:
        return None
    return next((end for end in BUCKETS_MS if end >= round(seconds * SECOND_MS, 3)), BUCKETS_MS[-1]) / SECOND_MS


def _bound(seconds: float | None, t: Text) -> str:
    """A percentile as it is known: the bucket's end. The last but one is passed by all that took longer."""
    if seconds is None:
        return UNKNOWN
    *_, before, last = (one / SECOND_MS for one in BUCKETS_MS)
    return f"> {duration(before, t)}" if seconds >= last else f"≤ {duration(seconds, t)}"


def _most(values: Values) -> float | None:
    return max((value for value in values if value is not None), default=None)
