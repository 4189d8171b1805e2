"""A report that waits for its pictures: submitted before they are there, drawn when they are."""

from typing import Any

import httpx

from tests.end_to_end.test_reports import text_of
from tests.support.pictures import encoded, scene


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}", params={"wait": 20}).json()
    return job


def contact_sheet(*jobs: str) -> dict[str, Any]:
    images = [{"job": job, "file": "small.jpg"} for job in jobs]
    return {
        "document": {"title": "Album"},
        "blocks": [{"type": "heading", "text": "Album"}, *({"type": "image", "source": one} for one in images)],
    }


def test_a_report_may_name_files_that_are_still_to_come(client: httpx.Client) -> None:
    files = [("file", (f"{side}.jpg", encoded(scene(side, side), "jpeg"))) for side in (700, 800)]
    batch = client.post("/v1/images", files=files).json()
    pictures = [job["id"] for job in batch["jobs"]]
    posted = client.post("/v1/reports", json=contact_sheet(*pictures), params={"after": batch["batch"]})
    assert posted.status_code == 409, "the batch is not the job whose file it shows"
    posted = client.post("/v1/reports", json=contact_sheet(*pictures), params={"after": ",".join(pictures)})
    assert posted.status_code == 202, posted.text
    job = ended(client, posted.json()["id"])
    assert job["state"] == "succeeded", job
    pdf = client.get(next(file["url"] for file in job["files"] if file["name"] == "report.pdf"))
    assert "Album" in text_of(pdf.content)
    assert pdf.content.count(b"/Subtype /Image") >= 2
    assert ended(client, batch["batch"])["state"] == "succeeded"


def test_a_report_whose_picture_fails_fails_too(client: httpx.Client) -> None:
    good = encoded(scene(600, 400), "jpeg")
    broken = client.post("/v1/images", content=good[: len(good) // 2], params={"delay": 1}).json()["id"]
    posted = client.post("/v1/reports", json=contact_sheet(broken), params={"after": broken})
    job = ended(client, posted.json()["id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "prerequisite_failed")
    assert broken in job["error"]["message"]
