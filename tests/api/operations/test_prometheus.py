"""What Prometheus is told: read back by its own parser, and true of what has happened."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from arq.connections import ArqRedis
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from api.operations.metric import Metric
from api.operations.prometheus import collect, exposition
from tasks import clock
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.redis_keys import BUCKETS_MS, ENDPOINT, JOB
from tasks.settings import Settings
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.secret_box import SecretBox
from tests.support.queue.fake_worker import FakeWorker, lapse
from tests.support.queue.fan_out import deliveries
from tests.support.queue.submissions import submit
from tools.documents import ROOT

Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None)


@pytest.fixture
def enqueuer(redis: ArqRedis, settings: Settings) -> Enqueuer:
    return Enqueuer(redis, settings)


@pytest.fixture
def worker(redis: ArqRedis, settings: Settings) -> FakeWorker:
    return FakeWorker(redis, settings)


def read(text: str) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Name, values of the labels (which stand in the order of their names), value."""
    parse = openmetrics_families if text.endswith("# EOF\n") else text_string_to_metric_families
    for family in parse(text):
        assert family.documentation
        assert family.type != "unknown"
        for sample in family.samples:
            yield sample.name, tuple(sample.labels.values()), sample.value


async def told(redis: ArqRedis, settings: Settings) -> Samples:
    samples = list(read(exposition(await collect(redis, settings))))
    assert len({(name, labels) for name, labels, _ in samples}) == len(samples), "a series is told twice"
    return {(name, labels): value for name, labels, value in samples}


def counted(samples: Samples, name: str) -> dict[tuple[str, ...], float]:
    return {labels: value for (which, labels), value in samples.items() if which == f"pressroom_{name}"}


async def test_an_empty_redis_has_all_gauges_and_no_counts(redis: ArqRedis, settings: Settings) -> None:
    samples = await told(redis, settings)
    assert counted(samples, "jobs_ended_total") == {}
    assert counted(samples, "workers") == {(): 0}
    queues = {labels[0] for name, labels in samples if name == "pressroom_queue_oldest_due_seconds"}
    assert queues == {"media", "reports", "webhooks", "default"}


async def test_ends_attempts_and_errors_are_counted_by_kind(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    for kind in ("echo", "echo", "echo", "note", "an odd kind"):
        await submit(enqueuer, kind=kind)
    jobs = (await worker.claim()).jobs
    done, failed, retried, note, odd = jobs
    await worker.finish_all(
        worker.outcome(done, "succeeded", bytes=70),
        worker.outcome(failed, "failed", value=["timed_out", "killed"]),
        worker.outcome(retried, "retrying", value=["bad_status", "500"], delay_ms=3_600_000),
        worker.outcome(note, "handed_back"),
        worker.outcome(odd, "failed"),
    )
    waiting = await submit(enqueuer)
    await JobStore(redis, settings).cancel(waiting)
    samples = await told(redis, settings)
    assert counted(samples, "jobs_ended_total") == {
        ("echo", "succeeded"): 1,
        ("echo", "failed"): 1,
        ("echo", "cancelled"): 1,
        ("other", "failed"): 1,
    }
    assert counted(samples, "attempts_total") == {
        ("echo", "succeeded"): 1,
        ("echo", "failed"): 1,
        ("echo", "retrying"): 1,
        ("note", "handed_back"): 1,
        ("other", "failed"): 1,
    }
    assert counted(samples, "errors_total") == {
        ("timed_out", "echo"): 1,
        ("bad_status", "echo"): 1,
        ("failed", "other"): 1,
    }
    assert counted(samples, "sandbox_deaths_total") == {("timed_out",): 1, ("out_of_memory",): 0, ("crashed",): 0}
    assert counted(samples, "stored_bytes_total") == {("echo",): 70}
    assert counted(samples, "queue_jobs")["default", "retrying"] == 1


async def test_attempts_whose_worker_died_are_counted(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    await submit(enqueuer)
    await lapse(redis, await worker.one())
    again = await worker.one()
    await worker.finish(again)
    samples = await told(redis, settings)
    assert counted(samples, "attempts_total") == {("echo", "lapsed"): 1, ("echo", "succeeded"): 1}
    assert counted(samples, "pickup_seconds_count") == {("echo",): 1}, "only the first start is a pickup"


async def test_deliveries_are_counted_by_what_came_of_them(
    redis: ArqRedis, settings: Settings, worker: FakeWorker
) -> None:
    await deliveries(redis, 3)
    first, second, third = (await worker.claim(webhooks=5)).jobs
    await worker.finish(first, receiver_ok=True)
    await worker.finish(second, "retrying", value=["bad_status", "500"], delay_ms=3_600_000, receiver_ok=False)
    await worker.finish(third, "failed", value=["endpoint_gone", "deleted"])
    outcomes = counted(await told(redis, settings), "delivery_attempts_total")
    assert outcomes == {("delivered",): 1, ("bad_status",): 1, ("endpoint_gone",): 1}


async def test_times_fall_into_their_buckets(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    waited_ms = (0, 100_000, 2_000_000)  # far apart: the machine may be slow between the submit and the claim
    now = clock.of_redis(await redis.time())
    for wait_ms in waited_ms:
        job_id = await submit(enqueuer)
        await redis.hset(JOB + job_id, "due_at", now - wait_ms)
    for job in (await worker.claim()).jobs:
        await worker.finish(job)
    samples = await told(redis, settings)
    buckets = [value for (_, _), value in sorted(counted(samples, "pickup_seconds_bucket").items(), key=_bound)]
    bounds = [*(bound / 1000 for bound in BUCKETS_MS), float("inf")]
    assert len(buckets) == len(bounds)
    assert buckets == sorted(buckets), "each counts those before it too"
    by_bound = dict(zip(bounds, buckets, strict=True))
    assert [by_bound[bound] for bound in (60, 300, 1800, float("inf"))] == [1, 2, 2, 3]
    assert counted(samples, "pickup_seconds_count") == {("echo",): 3}
    assert 2100 <= counted(samples, "pickup_seconds_sum")["echo",] < 2160
    assert counted(samples, "run_seconds_count") == {("echo",): 3}


def _bound(entry: tuple[tuple[str, ...], float]) -> float:
    return float(entry[0][1])


async def test_a_job_that_came_after_others_was_not_late_while_they_ran(
    redis: ArqRedis, settings: Settings, enqueuer: Enqueuer, worker: FakeWorker
) -> None:
    first = await submit(enqueuer, kind="note")
    waiting = await submit(enqueuer, after=(first,))
    await redis.hincrby(JOB + waiting, "due_at", -3_600_000)
    await worker.finish(await worker.one())
    await worker.finish(await worker.one())
    assert counted(await told(redis, settings), "pickup_seconds_sum")["echo",] < 60


async def test_endpoints_that_are_disabled_or_fail_are_counted(
    redis: ArqRedis, settings: Settings, worker: FakeWorker
) -> None:
    endpoints = Endpoints(redis, settings, SecretBox.of(None))
    patch = {"url": "https://example.com/", "events": ["a"]}
    first, second = [(await endpoints.create("dev", patch))[0].id for _ in range(2)]  # type: ignore[arg-type]
    off, _ = await endpoints.create("dev", {"url": "https://example.com/", "events": ["a"], "enabled": False})

    async def states() -> dict[tuple[str, ...], float]:
        return counted(await told(redis, settings), "endpoints")

    assert await states() == {("disabled",): 1, ("failing",): 0}
    await endpoints.disable(first, "gone")
    await redis.expire(ENDPOINT + second, 60)
    await deliveries(redis, 5, endpoint=second)
    for job in (await worker.claim(webhooks=5)).jobs:
        await worker.finish(job, "failed", receiver_ok=False)
    assert await states() == {("disabled",): 2, ("failing",): 1}
    await endpoints.enable("dev", second)
    await endpoints.enable("dev", off.id)
    assert await states() == {("disabled",): 1, ("failing",): 0}
    for one in (first, second, off.id):
        await endpoints.delete("dev", one)
    assert await states() == {("disabled",): 0, ("failing",): 0}


def test_what_is_odd_in_a_label_is_escaped() -> None:
    metric = Metric("pressroom_odd", "gauge", "Odd.")
    metric.add(0.25, what='a "b" \\ \n c')
    assert list(read(exposition([metric]))) == [("pressroom_odd", ('a "b" \\ \n c',), 0.25)]


def some_of_each_type() -> list[Metric]:
    counter = Metric("pressroom_errors_total", "counter", "Attempts that failed, by kind and code.")
    counter.add(3, kind="thumbnail", code="corrupt")
    counter.add(12_345_678, kind="delivery", code="bad_status")
    histogram = Metric("pressroom_run_seconds", "histogram", "Time of an attempt.")
    for bound, count in (("0.001", 1), ("1", 2), ("+Inf", 4)):
        histogram.add(count, suffix="_bucket", kind="report", le=bound)
    histogram.add(12.5, suffix="_sum", kind="report")
    histogram.add(4, suffix="_count", kind="report")
    gauge = Metric("pressroom_workers", "gauge", "Workers that are alive.")
    gauge.add(2)
    return [counter, histogram, gauge, Metric("pressroom_alerts", "gauge", "Alerts that hold, by name.")]


SERIES = [
    ("pressroom_errors_total", {"kind": "thumbnail", "code": "corrupt"}, 3),
    ("pressroom_errors_total", {"kind": "delivery", "code": "bad_status"}, 12_345_678),
    ("pressroom_run_seconds_bucket", {"kind": "report", "le": "0.001"}, 1),
    ("pressroom_run_seconds_bucket", {"kind": "report", "le": "1"}, 2),
    ("pressroom_run_seconds_bucket", {"kind": "report", "le": "+Inf"}, 4),
    ("pressroom_run_seconds_sum", {"kind": "report"}, 12.5),
    ("pressroom_run_seconds_count", {"kind": "report"}, 4),
    ("pressroom_workers", {}, 2),
]
"""As the first writer of this page gave them out: what dashboards and alerts are made for."""


@pytest.mark.parametrize("openmetrics", [False, True])
def test_names_labels_and_values_are_the_same_in_both_formats(openmetrics: bool) -> None:
    text = exposition(some_of_each_type(), openmetrics=openmetrics)
    parse = openmetrics_families if openmetrics else text_string_to_metric_families
    families = list(parse(text))
    assert [(one.name, one.labels, one.value) for family in families for one in family.samples] == SERIES
    assert [family.type for family in families] == ["counter", "histogram", "gauge", "gauge"]


def test_the_plain_format_names_counters_with_their_ending() -> None:
    assert exposition(some_of_each_type()).startswith(
        "# HELP pressroom_errors_total Attempts that failed, by kind and code.\n# TYPE pressroom_errors_total counter\n"
    )


def test_the_api_loads_the_library_with_the_first_page() -> None:
    """Its import reads /proc, and makes a registry of the process."""
    code = "import api.app, sys; sys.exit('prometheus_client' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
