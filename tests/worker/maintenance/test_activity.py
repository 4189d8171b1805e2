"""The daily report: what it counts, whom it is given to, and that it can be printed."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.catalogue import KINDS
from tasks.maintenance.activity import HOURS, Activity, spec
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.list import read_page
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import JOBS, SECOND_MS
from tasks.report.request import ReportRequest
from tasks.settings import SYSTEM, Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tests.support.engine_running import JobClient, settings_for, working
from tests.support.report.rendering import render_report

KEYS = "root:root-key-0123456789,alice:alice-key-0123456789"
UNTIL = datetime(2026, 11, 20, 6, tzinfo=UTC)


@pytest.fixture
def settings(redis: ArqRedis, tmp_path: Path) -> Settings:
    base = settings_for(redis, api_keys=KEYS, admins="root")
    return base.model_copy(update={"storage_url": f"file://{tmp_path / 'storage'}"})


async def an_hour_ago(redis: ArqRedis) -> None:
    """Let everything that was made have been made in the last full hour."""
    for key in await redis.keys(f"{JOBS}*"):
        for member, made_at in await redis.zrange(key, 0, -1, withscores=True):
            await redis.zadd(key, {member: made_at - 3600 * SECOND_MS})


async def run(redis: ArqRedis, settings: Settings, storage: Storage, job_client: JobClient) -> Record:
    async with working(redis, settings, kinds=KINDS, storage=storage):
        submitted = await job_client.enqueuer.enqueue(Submission("activity", "default", SYSTEM, "{}"))
        record = await job_client.ended(submitted.job_id)
    assert record.state is State.SUCCEEDED, record.error
    return record


async def reports_of(redis: ArqRedis, owner: str) -> tuple[Record, ...]:
    return (await read_page(redis, f"{owner}/report")).records


async def read_order(storage: Storage, report: Record, folder: Path) -> ReportRequest:
    path = folder / "report_request.json"
    await storage.fetch(json.loads(report.params)["order"]["blob"], path)
    return ReportRequest.model_validate_json(path.read_bytes())


async def test_it_counts_the_day_and_gives_each_admin_a_report(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    storage = open_storage(settings)
    await job_client.submit("thumbnail", owner="alice", queue="media")
    await job_client.submit("delivery", owner="alice", queue="webhooks")
    stopped = await job_client.submit("thumbnail", owner="alice", queue="media")
    await JobStore(redis, settings).cancel(stopped)
    await job_client.submit("bulk", owner="root", queue="media")
    await an_hour_ago(redis)
    await job_client.submit("thumbnail", owner="alice", queue="media")  # of the hour that has not passed yet
    record = await run(redis, settings, storage, job_client)

    (report,) = await reports_of(redis, "root")
    assert await reports_of(redis, "alice") == ()
    assert record.result == {"jobs": 4, "succeeded": 0, "failed": 0, "cancelled": 1, "reports": [report.id]}
    report_request = await read_order(storage, report, tmp_path)
    rows = report_request.spec.model_dump(mode="json")["blocks"][-1]["rows"]
    assert [(row["owner"], row["kind"], row["made"], row["cancelled"], row["open"]) for row in rows] == [
        ("root", "other", 1, 0, 1),
        ("alice", "thumbnail", 2, 1, 1),
        ("alice", "delivery", 1, 0, 1),
    ]
    assert report.name == report_request.spec.document.title
    assert report.blobs == (json.loads(report.params)["order"]["blob"],)


async def test_a_day_without_anything_is_a_report_too(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    storage = open_storage(settings)
    record = await run(redis, settings, storage, job_client)
    assert record.result is not None
    assert record.result["jobs"] == 0
    (report,) = await reports_of(redis, "root")
    assert len((await read_order(storage, report, tmp_path)).spec.blocks) == 2


async def test_in_the_open_mode_it_is_everyones_and_without_admins_nobodys(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    for changes, owner in (({"api_keys": (), "admins": ()}, "dev"), ({"admins": ()}, None)):
        changed = settings.model_copy(update=changes)
        record = await run(redis, changed, open_storage(changed), job_client)
        assert record.result is not None
        told = [one.id for one in await reports_of(redis, owner)] if owner else []
        assert record.result["reports"] == told


async def test_another_try_of_the_same_job_sends_no_second_report(
    redis: ArqRedis, settings: Settings, job_client: JobClient
) -> None:
    storage = open_storage(settings)
    first = await run(redis, settings, storage, job_client)
    await job_client.submit("nothing", owner="alice", queue="media")
    await an_hour_ago(redis)  # the figures are others now
    async with working(redis, settings, kinds=KINDS, storage=storage):
        await JobStore(redis, settings).reopen([first.id])
        again = await job_client.ended(first.id)
    assert again.result is not None
    assert (again.result["jobs"], again.result["reports"]) != (0, [])
    assert len(await reports_of(redis, "root")) == 1


def test_it_can_be_printed(tmp_path: Path) -> None:
    ended = {State.SUCCEEDED: 40, State.FAILED: 2, State.CANCELLED: 0}
    hours = [n % 5 for n in range(HOURS)]
    activities = [Activity("alice", kind, 50, ended, hours) for kind in ("thumbnail", "report", "other")]
    said = spec("Activity", activities, UNTIL)
    printed = render_report(tmp_path, said["blocks"], document=said["document"])
    text = printed.text()
    assert printed.warnings == []
    for words in ("Activity", "alice", "thumbnail", "other", "150", "120", "Open"):
        assert words in text
