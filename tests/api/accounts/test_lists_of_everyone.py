"""Lists of what all owners have, for admins: `owner=*`. A page costs the same, however many others there are."""

from types import SimpleNamespace
from typing import Any, Final, cast

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.kind import JobContext
from tasks.maintenance.reconciliation import ReconciliationParams, reconcile
from tasks.queue.redis_keys import ENDPOINTS, SCHEDULES
from tasks.schedule.built_in import BUILT_IN
from tasks.schedule.store import ScheduleStore
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.owned import EVENT_JOB
from tests.support.api.subscribers import URL

LISTS: Final = ("endpoints", "schedules")
BODIES: Final[dict[str, Any]] = {
    "endpoints": {"url": URL, "events": ["job.*"]},
    "schedules": {"cron": "@daily", "job": EVENT_JOB},
}
INDEXES: Final = {"endpoints": f"{ENDPOINTS}*", "schedules": f"{SCHEDULES}:*"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admins": ("alice",)})


async def run_reconciliation(redis: ArqRedis, settings: Settings, storage: Storage) -> None:
    job = SimpleNamespace(redis=redis, settings=settings, storage=storage, kinds={})
    await reconcile(cast("JobContext[ReconciliationParams]", job))


async def make(client: httpx.AsyncClient, what: str) -> str:
    answer = await client.post(f"/v1/{what}", json=BODIES[what])
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


async def listed(client: httpx.AsyncClient, what: str, **query: Any) -> tuple[list[dict[str, Any]], str | None]:
    answer = await client.get(f"/v1/{what}", params={"owner": "*", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()[what], answer.json().get("next")


@pytest.mark.parametrize("what", LISTS)
async def test_an_admin_lists_everyones_page_by_page(
    what: str, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    made = [await make(client, what) for client in (alice, bob, bob, alice)]
    first, following = await listed(alice, what, limit=3)
    rest, end = await listed(alice, what, limit=3, cursor=following)
    assert [one["id"] for one in first + rest] == made[::-1]
    assert ([one["owner"] for one in first + rest], end) == (["alice", "bob", "bob", "alice"], None)
    await bob.delete(f"/v1/{what}/{made[1]}")
    assert [one["id"] for one in (await listed(alice, what))[0]] == [made[3], made[2], made[0]]


@pytest.mark.parametrize("what", LISTS)
async def test_others_do_not(what: str, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    await make(alice, what)
    answer = await bob.get(f"/v1/{what}", params={"owner": "*"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("what", LISTS)
async def test_what_an_earlier_version_made_is_listed_after_the_reconciliation(
    what: str,
    alice: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    redis: ArqRedis,
    settings: Settings,
    storage: Storage,
) -> None:
    made = [await make(client, what) for client in (alice, bob)]
    await redis.delete(INDEXES[what])  # which that version does not know
    assert (await listed(alice, what))[0] == []
    await run_reconciliation(redis, settings, storage)
    assert [one["id"] for one in (await listed(alice, what))[0]] == made[::-1]


async def test_built_in_schedules_stand_before_everyones_and_not_among_them(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, settings: Settings, storage: Storage
) -> None:
    built_in = BUILT_IN[0]
    await ScheduleStore(redis, settings).install(built_in)
    await run_reconciliation(redis, settings, storage)
    made = [await make(bob, "schedules") for _ in range(2)]
    first, following = await listed(alice, "schedules", limit=1)
    assert [(one["id"], one["built_in"]) for one in first] == [(built_in.kind.name, True), (made[1], False)]
    assert [one["id"] for one in (await listed(alice, "schedules", cursor=following))[0]] == [made[0]]
