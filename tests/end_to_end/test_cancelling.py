"""A running job is cancelled over HTTP: its sandbox child is gone within a second, and nothing of it is to be had."""

import io
import json
import time
from typing import Any

import httpx
import pytest

from tests.end_to_end.test_stopped_reports import begun, ledger, sandboxes_of, scratch_of
from tests.support.eventually import eventually_sync
from tests.support.pictures import scene
from tests.support.queue.bulk_results import outcomes

__all__ = ["ledger"]  # a fixture

GONE_S = 1.5
"""The promise is a second; the rest is for a busy machine."""
SLOW = json.dumps([{"name": f"v{n}", "width": 2600, "format": "avif", "quality": 90} for n in range(20)])


@pytest.fixture(scope="module")
def photo() -> bytes:
    file = io.BytesIO()
    scene(3000, 2000).save(file, "jpeg", quality=90)
    return file.getvalue()


def drawing(client: httpx.Client, photo: bytes) -> str:
    """The id of a job that draws large pictures, once it is at work."""
    job_id: str = client.post("/v1/images", params={"variants": SLOW}, content=photo).json()["id"]
    until_at_work(client, job_id)
    return job_id


def until_at_work(client: httpx.Client, job_id: str) -> None:
    eventually_sync(lambda: client.get(f"/v1/jobs/{job_id}").json().get("progress", {}).get("done", 0) > 0)


def cancelled(client: httpx.Client, job_id: str, worker: int) -> dict[str, Any]:
    """Cancel it, and see to it that its child goes at once."""
    working = sandboxes_of(worker)
    began = time.monotonic()
    answer = client.post(f"/v1/jobs/{job_id}/cancellation")
    eventually_sync(lambda: len(working - sandboxes_of(worker)) == 1)
    assert time.monotonic() - began < GONE_S
    assert answer.status_code == 200
    job: dict[str, Any] = answer.json()
    return job


def test_a_running_thumbnail_is_killed_within_a_second(client: httpx.Client, worker: int, photo: bytes) -> None:
    job = cancelled(client, drawing(client, photo), worker)
    assert (job["state"], job["files"], job["error"]["code"]) == ("cancelled", [], "cancelled")
    assert client.get(f"/v1/jobs/{job['id']}/files/v0.avif").status_code == 409
    eventually_sync(lambda: scratch_of(worker) == [])


def test_a_running_report_is_killed_within_a_second_and_can_be_run_anew(
    client: httpx.Client, worker: int, ledger: str
) -> None:
    job = cancelled(client, begun(client, ledger), worker)
    assert (job["state"], job["files"]) == ("cancelled", [])
    again = client.post(job["links"]["retry"])
    assert again.status_code == 202
    until_at_work(client, job["id"])
    job = cancelled(client, job["id"], worker)
    assert [one["outcome"] for one in job["attempts"]] == ["cancelled", "cancelled"]


def test_everything_that_runs_and_waits_is_cancelled_at_once_by_another_job(
    client: httpx.Client, worker: int, photo: bytes
) -> None:
    running = drawing(client, photo)
    waiting = client.post("/v1/images?delay=600", content=photo).json()["id"]
    bulk = client.post("/v1/jobs/cancellation", json={"kind": "thumbnail"}).json()
    done = client.get(f"/v1/jobs/{bulk['id']}", params={"wait": 10}).json()
    assert outcomes(done["result"]) == {"matched": 2, "cancelled": 1, "stopping": 1, "skipped": 0}
    for job_id in (running, waiting):
        assert client.get(f"/v1/jobs/{job_id}", params={"wait": 5}).json()["state"] == "cancelled"
