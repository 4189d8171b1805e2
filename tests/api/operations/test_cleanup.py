"""POST /v1/cleanup."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.catalogue import KINDS
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.pictures import JPEG
from tests.support.api.serving import BOB, client_of, serving
from tests.support.engine_running import working


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


@pytest.fixture
async def cleaner(redis: ArqRedis, settings: Settings, storage: Storage) -> AsyncIterator[None]:
    """A worker for the queue of cleanups, and no other."""
    async with working(redis, settings, kinds=KINDS, storage=storage):
        yield


def grow_old(settings: Settings) -> None:
    for path in Path(settings.storage_url.removeprefix("file://")).glob("blobs/*/*"):
        os.utime(path, (0, 0))


async def done(client: httpx.AsyncClient, **body: bool) -> dict[str, int]:
    """The result of a cleanup."""
    answer = await client.post("/v1/cleanup", json=body)
    assert answer.status_code == 202
    job = (await client.get(answer.headers["Location"], params={"wait": 20})).json()
    assert (job["kind"], job["state"]) == ("cleanup", "succeeded")
    result: dict[str, int] = job["result"]
    return result


@pytest.mark.usefixtures("cleaner")
async def test_an_admin_sees_what_a_cleanup_would_remove_and_removes_it(
    alice: httpx.AsyncClient, settings: Settings
) -> None:
    kept = (await alice.post("/v1/uploads", content=b"kept")).json()
    gone = (await alice.post("/v1/uploads", content=b"forgotten")).json()
    submitted = (await alice.post("/v1/images", content=JPEG)).json()
    await alice.delete(f"/v1/uploads/{gone['id']}")
    grow_old(settings)

    would = await done(alice, dry_run=True)
    assert (would["examined"], would["deleted"], would["bytes"], would["dry_run"]) == (3, 1, len(b"forgotten"), True)
    did = await done(alice)
    assert (did["deleted"], did["bytes"], did["dry_run"]) == (1, len(b"forgotten"), False)
    assert (await done(alice))["deleted"] == 0

    assert (await alice.post("/v1/uploads", content=b"forgotten")).status_code == 201, "the same bytes, once more"
    assert (await done(alice))["deleted"] == 0
    assert (await alice.get(f"/v1/uploads/{kept['id']}")).status_code == 200
    assert (await alice.get(f"/v1/jobs/{submitted['id']}")).json()["state"] == "queued"


@pytest.mark.usefixtures("cleaner")
async def test_bytes_that_were_cleaned_up_may_be_sent_again(alice: httpx.AsyncClient, settings: Settings) -> None:
    first = (await alice.post("/v1/images", content=JPEG)).json()
    await alice.post(f"/v1/jobs/{first['id']}/cancellation")
    await alice.delete(f"/v1/jobs/{first['id']}")
    grow_old(settings)
    assert (await done(alice))["deleted"] == 1
    again = await alice.post("/v1/images", content=JPEG)
    assert again.status_code == 202, again.text


async def test_others_may_not(bob: httpx.AsyncClient) -> None:
    answer = await bob.post("/v1/cleanup", json={"dry_run": True})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_an_unknown_option_is_refused(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/cleanup", json={"dryrun": True})
    assert (answer.status_code, answer.json()["field"]) == (422, "dryrun")


async def test_in_open_mode_everyone_is_an_admin(settings: Settings, redis: ArqRedis) -> None:
    free = settings.model_copy(update={"api_keys": (), "admins": ()})
    async with serving(free) as port, client_of(port, BOB) as client:
        assert (await client.post("/v1/cleanup", content=b"")).status_code == 202
