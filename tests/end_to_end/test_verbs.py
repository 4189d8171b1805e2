"""What may be done to jobs, batches, queues and schedules, through the processes of the Procfile."""

from typing import Any

import httpx
import pytest

from tests.support.pictures import encoded, scene
from tests.support.queue.bulk_results import outcomes


@pytest.fixture(scope="module")
def picture() -> bytes:
    return encoded(scene(120, 80), "png")


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}", params={"wait": 20}).raise_for_status().json()
    return job


def submit(client: httpx.Client, picture: bytes, **options: str) -> str:
    answer = client.post("/v1/images", content=picture, params=options, headers={"Content-Type": "image/png"})
    job_id: str = answer.raise_for_status().json()["id"]
    return job_id


def test_a_batch_is_opened_joined_and_sealed(client: httpx.Client, picture: bytes) -> None:
    batch = client.post("/v1/batches", json={"name": "album"}).json()["id"]
    jobs = [submit(client, picture, batch=batch, name=f"{number}.png") for number in range(3)]
    assert client.post(f"/v1/batches/{batch}/seal").status_code == 200
    whole = ended(client, batch)
    assert (whole["state"], whole["jobs"]) == ("succeeded", {"succeeded": 3})
    assert {ended(client, job)["batch"] for job in jobs} == {batch}


def test_all_that_match_are_cancelled_retried_and_deleted(client: httpx.Client, picture: bytes) -> None:
    for number in range(4):
        submit(client, picture, delay="3600", name=f"verbs-{number}.png")
    told = {"kind": "thumbnail", "q": "verbs-"}

    def bulk(verb: str, **more: str) -> dict[str, int]:
        asked = client.post(f"/v1/jobs/{verb}", json={**told, **more}).raise_for_status().json()
        job = ended(client, asked["id"])
        assert job["state"] == "succeeded", job
        return outcomes(job["result"])

    assert bulk("cancellation", state="scheduled") == {"matched": 4, "cancelled": 4, "stopping": 0, "skipped": 0}
    assert bulk("retry", state="cancelled") == {"matched": 4, "retried": 4, "skipped": 0}
    listed = client.get("/v1/jobs", params=told).json()["jobs"]
    assert [ended(client, job["id"])["state"] for job in listed] == ["succeeded"] * 4
    assert bulk("deletion", state="succeeded") == {"matched": 4, "deleted": 4, "skipped": 0}
    assert client.get("/v1/jobs", params=told).json()["jobs"] == []


def test_one_ended_job_is_deleted_and_then_unknown(client: httpx.Client, picture: bytes) -> None:
    waiting = submit(client, picture, delay="3600")
    assert client.delete(f"/v1/jobs/{waiting}").json()["code"] == "not_ended"
    assert client.post(f"/v1/jobs/{waiting}/cancellation").json()["state"] == "cancelled"
    assert client.delete(f"/v1/jobs/{waiting}").status_code == 204
    assert client.get(f"/v1/jobs/{waiting}").status_code == 404


def test_a_schedule_is_made_paused_run_by_hand_and_deleted(client: httpx.Client) -> None:
    wanted = {"kind": "event", "type": "morning.came", "data": {"n": 1}}
    schedule = client.post("/v1/schedules", json={"cron": "0 6 * * *", "timezone": "Asia/Tokyo", "job": wanted}).json()
    place = f"/v1/schedules/{schedule['id']}"
    assert client.patch(place, json={"paused": True}).json()["paused"] is True
    run = client.post(f"{place}/runs")
    assert run.status_code == 202
    assert ended(client, run.json()["id"])["state"] == "succeeded"
    (told,) = client.get(f"{place}/runs").json()["runs"]
    assert told["state"] == "succeeded"
    assert client.patch(place, json={"paused": False}).json()["paused"] is False
    assert client.delete(place).status_code == 204
    assert client.get(place).status_code == 404


def test_a_paused_queue_starts_nothing_until_it_is_resumed(client: httpx.Client, picture: bytes) -> None:
    assert client.post("/v1/queues/media/pause").status_code == 200
    try:
        waiting = submit(client, picture)
        assert client.get(f"/v1/jobs/{waiting}", params={"wait": 1}).json()["state"] == "queued"
    finally:
        assert client.post("/v1/queues/media/resume").status_code == 200
    assert ended(client, waiting)["state"] == "succeeded"
