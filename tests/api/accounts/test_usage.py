"""What an owner has used: by day and kind, for itself and for admins."""

import httpx
import pytest

from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Alice is an admin."""
    return settings.model_copy(update={"admins": ("alice",)})


async def test_bytes_and_jobs_are_counted(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, worker: ManualWorker
) -> None:
    upload = (await bob.post("/v1/uploads", content=b"x" * 600)).json()["id"]
    await bob.post("/v1/uploads", content=b"x" * 600)
    usage = (await bob.get("/v1/usage")).json()
    (day,) = usage["days"]
    assert (usage["owner"], usage["bytes_stored"]) == ("bob", 600), "the same bytes are stored once"
    assert (day["bytes_in"], day["bytes_stored"], day["kinds"]) == (1200, 600, [])
    await bob.delete(f"/v1/uploads/{upload}")
    assert (await alice.get("/v1/usage", params={"owner": "bob"})).json()["days"] == usage["days"]
    assert (await alice.get("/v1/usage")).json()["days"] == []


async def test_only_admins_see_that_of_others(bob: httpx.AsyncClient) -> None:
    answer = await bob.get("/v1/usage", params={"owner": "alice"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "query",
    [{"first": "2026-05-02", "last": "2026-05-01"}, {"first": "2020-01-01", "last": "2026-01-01"}, {"first": "today"}],
)
async def test_days_that_cannot_be_are_refused(bob: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await bob.get("/v1/usage", params=query)
    assert (answer.status_code, answer.json()["field"]) == (422, "first")


async def test_the_first_days_of_time_are_no_mistake(bob: httpx.AsyncClient) -> None:
    assert (await bob.get("/v1/usage", params={"last": "0001-01-01"})).json()["days"] == []
