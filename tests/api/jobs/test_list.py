"""GET /v1/jobs: every filter, alone and together; whose jobs an admin may list."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgpack
import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.settings import Settings
from tests.support.api.job_groups import GROUPS, KINDS_AND_QUEUES, make_group
from tests.support.api.manual_worker import WORKER, ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.serving import BOB, client_of, serving
from tests.support.queue.ended_records import pack_all
from tests.support.queue.fake_worker import FakeWorker

OTHER_WORKER = "worker.2:7:0a1b2c3d"


async def submit(client: httpx.AsyncClient, name: str = "a.png", query: str = "") -> str:
    job_id: str = (await client.post(f"/v1/images?name={name}{query}", content=PNG)).json()["id"]
    return job_id


async def ids(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/v1/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


async def test_filters_are_met_all_together(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    done, waiting = await submit(alice, "Holiday.png"), await submit(alice, "holiday-2.png", "&delay=600")
    table = {"content": b"a\n1\n", "headers": {"Content-Type": "text/csv"}}
    report = (await alice.post("/v1/reports?title=Holiday", **table)).json()  # type: ignore[arg-type]
    await worker.end(done)
    assert set(await ids(alice, q="holiday")) == {done, waiting, report["id"]}
    assert set(await ids(alice, q="holiday", queue="media")) == {done, waiting}
    assert await ids(alice, q="holiday", queue="reports") == [report["id"]]
    assert await ids(alice, q="holiday", kind="thumbnail", state="scheduled") == [waiting]
    assert await ids(alice, q="holiday-", state="succeeded") == []
    assert await ids(alice, kind="thumbnail", queue="reports") == []
    assert await ids(alice, q=done[:10]) == [done]


async def test_times_are_met_and_those_without_a_zone_are_in_utc(alice: httpx.AsyncClient) -> None:
    job_id = await submit(alice)
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    assert await ids(alice, since=(now - hour).isoformat(), until=(now + hour).isoformat()) == [job_id]
    assert await ids(alice, until=(now - hour).isoformat()) == []
    assert await ids(alice, since=(now - hour).replace(tzinfo=None).isoformat()) == [job_id]
    assert await ids(alice, since=(now + hour).replace(tzinfo=None).isoformat()) == []


async def test_jobs_are_counted_if_asked_for(alice: httpx.AsyncClient, worker: ManualWorker) -> None:
    done, _, _ = [await submit(alice) for _ in range(3)]
    await submit(alice, query="&delay=600")
    await worker.end(done)
    answer = (await alice.get("/v1/jobs?counts=true&limit=1&state=failed")).json()
    counts = {state: count for state, count in answer["counts"].items() if count}
    assert (answer["jobs"], counts) == ([], {"running": 2, "scheduled": 1, "succeeded": 1})
    assert "counts" not in (await alice.get("/v1/jobs")).json()


async def test_deliveries_are_listed_if_asked_for(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    submission = Submission(kind="delivery", queue="webhooks", owner="alice", params='{"event":"1","endpoint":"2"}')
    delivery = (await Enqueuer(redis, settings).enqueue(submission)).job_id
    assert await ids(alice, queue="webhooks") == [delivery]
    assert await ids(alice, kind="delivery", state="queued") == [delivery]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("queue=Lost", "queue"),
        ("since=yesterday", "since"),
        ("q=", "q"),
        ("counts=maybe", "counts"),
        ("worker=", "worker"),
        (f"worker={'w' * 201}", "worker"),
        ("endpoint=12", "endpoint"),
        ("batch=", "batch"),
        ("schedule=every+day", "schedule"),
        ("sort=name", "sort"),
    ],
)
async def test_a_bad_filter_is_named(alice: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await alice.get(f"/v1/jobs?{query}")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_request", field)


async def test_all_that_is_wrong_is_named_at_once_with_what_to_send(alice: httpx.AsyncClient) -> None:
    query = {"worker": "w" * 201, "endpoint": "12", "batch": "A" * 32, "schedule": "x y"}
    problem = (await alice.get("/v1/jobs", params=query)).json()
    assert {fault["field"] for fault in problem["errors"]} == query.keys()
    messages = {fault["field"]: fault["message"] for fault in problem["errors"]}
    assert messages["worker"] == "worker: The text is too long (characters: 201, at most 200)."
    for name in ("endpoint", "batch"):
        assert messages[name].endswith("Send an id: 32 characters, 0-9 and a-f.")
    assert messages["schedule"].endswith("Send 1 to 40 characters of a to z, 0 to 9, _ and -.")


async def test_jobs_of_a_worker_are_those_that_it_runs_and_those_that_it_ran_last(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, settings: Settings, worker: ManualWorker
) -> None:
    failed, done, runs = [await submit(alice, name) for name in ("x.png", "y.png", "z.png")]
    theirs = await submit(bob)
    await worker.end(failed, "failed", error=("timed_out", "It takes too long."))
    await worker.end(done)
    other = await submit(alice)
    assert (await FakeWorker(redis, settings, OTHER_WORKER).claim(media=1)).ids == [other]
    waits = await submit(alice)
    for _ in range(2):
        assert set(await ids(alice, worker=WORKER)) == {failed, done, runs}
        assert await ids(alice, worker=WORKER, state="running") == [runs]
        assert await ids(alice, worker=WORKER, code="timed_out") == [failed]
        assert await ids(alice, worker=WORKER, q="y", kind="thumbnail", queue="media") == [done]
        assert await ids(alice, worker=OTHER_WORKER) == [other]
        assert await ids(alice, worker="worker.3:1:00000000") == await ids(alice, worker=WORKER, kind="report") == []
        assert await ids(bob, worker=WORKER) == [theirs]
        await pack_all(redis, settings)
    assert waits in await ids(alice)


@pytest.mark.parametrize("criterion", GROUPS)
class TestGroups:
    """Deliveries of an endpoint, jobs of a batch, runs of a schedule."""

    async def test_they_are_listed_page_by_page(
        self, criterion: str, alice: httpx.AsyncClient, redis: ArqRedis
    ) -> None:
        group, made = await make_group(criterion, alice, redis, "alice", 5)
        await make_group(criterion, alice, redis, "alice", 2)
        await submit(alice)
        assert await ids(alice, **{criterion: group}) == made
        pages, query = [], {criterion: group, "limit": "2"}
        while True:
            page = (await alice.get("/v1/jobs", params=query)).json()
            pages.append([job["id"] for job in page["jobs"]])
            if "next" not in page:
                break
            query["cursor"] = page["next"]
        assert pages == [made[:2], made[2:4], made[4:]]

    async def test_all_criteria_are_met(self, criterion: str, alice: httpx.AsyncClient, redis: ArqRedis) -> None:
        group, made = await make_group(criterion, alice, redis, "alice", 3)
        assert (await alice.post(f"/v1/jobs/{made[1]}/cancellation")).json()["state"] == "cancelled"
        kind, queue = KINDS_AND_QUEUES[criterion]
        hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()

        async def matching(**more: str) -> list[str]:
            return await ids(alice, **{criterion: group}, **more)

        assert await matching(state="cancelled") == [made[1]]
        assert await matching(state="queued", kind=kind, since=hour_ago) == [made[0], made[2]]
        assert await matching(kind=kind, queue=queue) == made
        assert await matching(q=made[2]) == await matching(q=made[2][:20].upper()) == [made[2]]
        for nothing in (
            {"kind": "event"},
            {"kind": "no_such_kind"},
            {"queue": "default"},
            {"until": hour_ago},
            {"q": "no name begins so"},
            {"tag": "a"},
            {"worker": WORKER},
            {"code": "timed_out"},
            *({other: "0" * 32} for other in GROUPS if other != criterion),
        ):
            assert await matching(**nothing) == [], nothing
        refused = await alice.get("/v1/jobs", params={criterion: group, "counts": "true"})
        assert (refused.status_code, refused.json()["field"]) == (422, "counts")

    async def test_those_of_another_are_as_those_that_do_not_exist(
        self, criterion: str, alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis
    ) -> None:
        group, made = await make_group(criterion, alice, redis, "alice", 2)
        for query in ({criterion: group}, {criterion: group, "q": made[0]}, {criterion: "0" * 32}):
            assert (await bob.get("/v1/jobs?limit=1", params=query)).json() == {"jobs": []}


@pytest.mark.usefixtures("redis")
class TestWhoseJobs:
    """alice is an admin here, bob is not."""

    @pytest.fixture
    async def admin(self, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
        async with (
            serving(settings.model_copy(update={"admins": ("alice",)})) as port,
            client_of(port) as alice,
            client_of(port, BOB) as bob,
        ):
            self.bob = bob
            yield alice

    async def test_an_admin_may_list_anothers_and_everyones(self, admin: httpx.AsyncClient) -> None:
        mine, theirs = await submit(admin), await submit(self.bob)
        assert await ids(admin) == [mine]
        assert await ids(admin, owner="bob") == [theirs]
        assert set(await ids(admin, owner="*", kind="thumbnail", state="queued")) == {mine, theirs}
        page = (await admin.get("/v1/jobs?owner=*&counts=true&limit=1")).json()
        assert (page["counts"]["queued"], len(page["jobs"])) == (2, 1)
        following = (await admin.get(f"/v1/jobs?owner=*&limit=1&cursor={page['next']}")).json()
        assert {page["jobs"][0]["owner"], following["jobs"][0]["owner"]} == {"alice", "bob"}

    @pytest.mark.parametrize("criterion", GROUPS)
    async def test_an_admin_lists_a_group_over_one_owner_and_over_all(
        self, admin: httpx.AsyncClient, redis: ArqRedis, criterion: str
    ) -> None:
        group, made = await make_group(criterion, self.bob, redis, "bob", 2)
        assert await ids(admin, owner="bob", **{criterion: group}) == made
        assert await ids(admin, owner="*", **{criterion: group}) == made
        assert await ids(admin, **{criterion: group}) == await ids(admin, owner="acme", **{criterion: group}) == []
        refused = await self.bob.get("/v1/jobs", params={"owner": "alice", criterion: group})
        assert (refused.status_code, refused.json()["field"]) == (403, "owner")

    async def test_an_admin_lists_what_a_worker_runs_for_everyone(
        self, admin: httpx.AsyncClient, redis: ArqRedis, settings: Settings
    ) -> None:
        mine, theirs = await submit(admin), await submit(self.bob)
        await FakeWorker(redis, settings, OTHER_WORKER).claim(media=2)
        assert set(await ids(admin, owner="*", worker=OTHER_WORKER, state="running")) == {mine, theirs}
        assert await ids(admin, owner="bob", worker=OTHER_WORKER) == [theirs]

    async def test_everyones_are_also_those_of_owners_whose_keys_are_gone(
        self, admin: httpx.AsyncClient, redis: ArqRedis, settings: Settings
    ) -> None:
        enqueuer = Enqueuer(redis, settings)
        job_id = (await enqueuer.enqueue(Submission("thumbnail", "media", "former", "{}"))).job_id
        assert await ids(admin, owner="*") == await ids(admin, owner="*", queue="media") == [job_id]

    async def test_jobs_of_foreign_kinds_are_found_by_kind_and_queue(
        self, admin: httpx.AsyncClient, redis: ArqRedis, settings: Settings
    ) -> None:
        enqueuer = Enqueuer(redis, settings)
        for kind, queue in (("send_mail", "media"), ("clean_up", "media"), ("thumbnail", "reports")):
            body = msgpack.packb({"f": kind, "a": [], "k": {}})
            await enqueuer.adopt(kind, queue, body, kinds={"thumbnail"})
        for owner in ("*", "system"):
            assert set(await ids(admin, owner=owner)) == {"send_mail", "clean_up", "thumbnail"}
            assert await ids(admin, owner=owner, kind="send_mail") == ["send_mail"]
            assert set(await ids(admin, owner=owner, queue="media")) == {"send_mail", "clean_up"}
            assert await ids(admin, owner=owner, queue="reports") == ["thumbnail"]

    async def test_others_may_list_their_own_only(self, admin: httpx.AsyncClient) -> None:
        theirs = await submit(self.bob)
        await submit(admin)
        assert await ids(self.bob, owner="bob") == [theirs]
        for owner in ("alice", "*", "nobody", "system"):
            answer = await self.bob.get("/v1/jobs", params={"owner": owner})
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    async def test_an_admin_may_see_and_stop_anothers_job(self, admin: httpx.AsyncClient) -> None:
        theirs = await submit(self.bob)
        assert (await admin.get(f"/v1/jobs/{theirs}")).json()["owner"] == "bob"
        assert (await admin.post(f"/v1/jobs/{theirs}/cancellation")).json()["state"] == "cancelled"
        mine = await submit(admin)
        assert (await self.bob.get(f"/v1/jobs/{mine}")).status_code == 404

    async def test_in_the_open_mode_everyone_is_an_admin(self, settings: Settings) -> None:
        async with serving(settings.model_copy(update={"api_keys": ()})) as port, client_of(port, None) as client:
            mine = await submit(client)
            assert await ids(client, owner="*") == [mine]
            assert await ids(client, owner="system") == []
