"""GET /v1/jobs/{id}/original: the picture that a job was given, to look for why it failed."""

import httpx
import pytest

from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.owned import EVENT_JOB
from tests.support.api.pictures import PNG


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


async def test_the_original_of_a_failed_job_is_sent_as_it_came(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    job_id = (await bob.post("/v1/images", params={"name": "scan.png"}, content=PNG)).json()["id"]
    await worker.end(job_id, "failed", error=("poison", "Workers died."))
    answer = await bob.get(f"/v1/jobs/{job_id}/original")
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "application/octet-stream", "it is not shown, whatever it is"
    assert answer.headers["content-disposition"] == 'attachment; filename="scan.png"'
    assert "sandbox" in answer.headers["content-security-policy"]
    part = await bob.get(f"/v1/jobs/{job_id}/original", headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, PNG[1:4])
    by_admin = await alice.get(f"/v1/jobs/{job_id}/original", params={"owner": "bob"})
    assert by_admin.content == PNG


async def test_nothing_else_is_sent(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    theirs = (await alice.post("/v1/images", content=PNG)).json()["id"]
    event = {name: value for name, value in EVENT_JOB.items() if name != "kind"}
    no_picture = (await bob.post("/v1/events", json=event)).json()["id"]
    for job_id in (theirs, no_picture, "0" * 32):
        answer = await bob.get(f"/v1/jobs/{job_id}/original")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
