"""/v1/schedules: lines of one's own, those that come with the service, and what became of their runs."""

from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from api.schedules.views import MAX_MISFIRE_S, Schedule
from tasks.kind import Result
from tasks.queue.redis_keys import BLOB, PROCESSES, SCHEDULES
from tasks.schedule.built_in import BUILT_IN
from tasks.schedule.cron import MAX_CHARS
from tasks.schedule.scheduler import Scheduler
from tasks.schedule.store import ScheduleStore
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.serving import client_of
from tests.support.api.specs import of_upload, spec

EVENT: dict[str, Any] = {"kind": "event", "type": "shop.closing", "data": {"shop": 12}}
REPORT: dict[str, Any] = {"kind": "report", **spec()}
GOOD: dict[str, Any] = {"cron": "30 17 * * MON-FRI", "timezone": "Europe/Berlin", "job": EVENT}
DAY_MS = 86_400_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_schedules": 5, "admins": ("alice",)})


async def create(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/v1/schedules", json={**GOOD, **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


class Clock:
    """Lets schedules be due when the test says so, as workers find them."""

    def __init__(self, redis: ArqRedis, settings: Settings) -> None:
        self._redis = redis
        self._scheduler = Scheduler(redis, settings)

    async def strike(self, schedule_id: str, ago_ms: int = 0) -> Any:
        now_ms = (await self._scheduler.find_due()).now_ms
        await self._redis.zadd(SCHEDULES, {schedule_id: now_ms - ago_ms})
        return (await self._scheduler.fire(schedule_id, now_ms - ago_ms, now_ms)).answer


@pytest.fixture
def clock(redis: ArqRedis, settings: Settings) -> Clock:
    return Clock(redis, settings)


async def test_a_schedule_is_made_and_tells_when_it_runs(bob: httpx.AsyncClient) -> None:
    answer = await bob.post("/v1/schedules", json={**GOOD, "name": "Closing", "description": "Lights out"})
    made = Schedule.model_validate_json(answer.content)
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v1/schedules/{made.id}")
    assert (made.name, made.description, made.built_in, made.paused) == ("Closing", "Lights out", False, False)
    assert made.when == "At 17:30 on Monday through Friday (Europe/Berlin)"
    assert (made.kind, made.params) == ("event", {"type": "shop.closing", "data": {"shop": 12}})
    assert (made.overlap, made.misfire, made.last_run) == ("skip", 3600, None)
    assert made.next_at is not None
    assert made.next_at > made.created_at
    assert (await bob.get(f"/v1/schedules/{made.id}")).json() == answer.json()


async def test_a_scheduled_event_is_told_as_any_event(bob: httpx.AsyncClient, clock: Clock) -> None:
    made = await create(bob)
    await clock.strike(made["id"])
    last = (await bob.get(f"/v1/schedules/{made['id']}")).json()["last_run"]
    job = (await bob.get(f"/v1/jobs/{last['job']}")).json()
    assert (last["state"], job["kind"], job["name"], job["schedule"]) == ("queued", "event", "shop.closing", made["id"])
    assert job["params"] == {"type": "shop.closing", "data": {"shop": 12}}


async def test_a_scheduled_report_keeps_what_it_is_made_of(
    bob: httpx.AsyncClient, redis: ArqRedis, clock: Clock
) -> None:
    upload = (await bob.post("/v1/uploads", content=b"a,b\n1,2\n", headers={"Content-Type": "text/csv"})).json()
    made = await create(bob, job={"kind": "report", **of_upload(upload["id"])})
    assert (await bob.delete(f"/v1/uploads/{upload['id']}")).status_code == 204
    assert await redis.smembers(BLOB + upload["sha256"]) == {f"schedule:{made['id']}".encode()}
    await clock.strike(made["id"])
    (run,) = (await bob.get(f"/v1/schedules/{made['id']}/runs")).json()["runs"]
    job = (await bob.get(f"/v1/jobs/{run['job']}")).json()
    assert (job["kind"], job["params"]["title"]) == ("report", "Sales")
    assert run["job"].encode() in await redis.smembers(BLOB + upload["sha256"])


async def test_numbers_of_a_scheduled_report_are_exact(bob: httpx.AsyncClient, redis: ArqRedis) -> None:
    body = '{"cron": "0 6 * * *", "job": {"kind": "report", "document": {"title": "t"}, "blocks": [{"type": "table", '
    body += '"columns": [{"field": "a", "type": "decimal"}], "rows": [{"a": 0.1234567890123456789}]}]}}'
    made = (await bob.post("/v1/schedules", content=body)).json()
    order = made["params"]["order"]["blob"]
    assert await redis.sismember(BLOB + order, f"schedule:{made['id']}")
    plain = body.replace("0.1234567890123456789", "0.123456789012345678")
    other = (await bob.post("/v1/schedules", content=plain)).json()
    assert other["params"]["order"]["blob"] != order


async def test_runs_tell_how_it_went_and_why_some_did_not_run(
    bob: httpx.AsyncClient, clock: Clock, worker: ManualWorker
) -> None:
    made = await create(bob, job=REPORT, cron="0 0 29 2 *")
    runs = f"/v1/schedules/{made['id']}/runs"
    assert (await bob.get(runs)).json() == {"runs": []}
    assert await clock.strike(made["id"]) == "made"
    await worker.begin()
    (job_id,) = worker.claimed("report")
    assert await clock.strike(made["id"]) == "skipped"
    await worker.end(job_id, result=Result({"pages": 3}))
    assert await clock.strike(made["id"], ago_ms=DAY_MS) == "missed"
    by_hand = (await bob.post(runs)).json()["id"]
    await worker.end(by_hand, "failed", error=("too_many_pages", "It has too many."))

    page = (await bob.get(f"{runs}?limit=3")).json()
    rest = (await bob.get(runs, params={"limit": 3, "cursor": page["next"]})).json()
    failed, overlap, succeeded, missed = page["runs"] + rest["runs"]
    assert (failed["state"], failed["job"], failed["error"]["code"]) == ("failed", by_hand, "too_many_pages")
    assert (overlap["state"], overlap["reason"]) == ("skipped", "overlap")
    assert (succeeded["state"], succeeded["result"]) == ("succeeded", {"pages": 3})
    assert succeeded["due_at"] <= succeeded["started_at"] <= succeeded["finished_at"]
    assert (missed["state"], missed["reason"]) == ("skipped", "missed")
    assert missed["due_at"] < missed["noted_at"]
    assert "next" not in rest

    assert "recent_runs" not in (await bob.get("/v1/schedules")).json()["schedules"][0]
    (listed,) = (await bob.get("/v1/schedules?runs=3")).json()["schedules"]
    shown = [(one["state"], one.get("job")) for one in listed["recent_runs"]]
    assert shown == [(one["state"], one.get("job")) for one in page["runs"]]
    assert listed["recent_runs"][1]["due_at"] == overlap["due_at"]


async def test_due_times_are_found_before_a_schedule_is_made(bob: httpx.AsyncClient) -> None:
    asked = {"cron": "30 17 * * mon-fri", "timezone": "europe/berlin", "count": "2"}
    found = (await bob.get("/v1/schedules/due-times", params=asked)).json()
    made = await create(bob)
    assert (found["cron"], found["timezone"], found["when"]) == (made["cron"], made["timezone"], made["when"])
    assert (found["due_times"][0], len(found["due_times"])) == (made["next_at"], 2)
    assert found["due_times"][0] < found["due_times"][1]
    wrong = await bob.get("/v1/schedules/due-times", params={"cron": "99 * * * *", "timezone": "Here/There"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_timezone")


async def test_it_can_be_run_by_hand_also_while_it_is_paused(bob: httpx.AsyncClient) -> None:
    made = await create(bob, paused=True)
    assert made["paused"]
    assert "next_at" not in made
    answer = await bob.post(f"/v1/schedules/{made['id']}/runs")
    job = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/v1/jobs/{job['id']}")
    after = (await bob.get(f"/v1/schedules/{made['id']}")).json()
    assert after["last_run"]["job"] == job["id"]
    assert after["paused"]


@pytest.mark.parametrize(("job", "scope"), [(EVENT, "webhooks"), (REPORT, "reports")])
async def test_a_run_and_a_change_need_the_scope_of_the_job(
    bob: httpx.AsyncClient, port: int, job: dict[str, Any], scope: str
) -> None:
    path = f"/v1/schedules/{(await create(bob, job=job))['id']}"
    for scopes, status in ((["jobs:write"], 403), (["jobs:write", scope], 200)):
        key = (await bob.post("/v1/keys", json={"name": "ci", "scopes": scopes})).json()["key"]
        async with client_of(port, key) as client:
            change = await client.patch(path, json={"cron": "* * * * *", "paused": False})
            run = await client.post(f"{path}/runs")
        assert (change.status_code, run.status_code) == (status, status + 2 * (status == 200)), run.text
        if status == 403:
            assert f"'{scope}'" in run.json()["detail"]
    async with client_of(port, key) as client:
        assert (await client.delete(path)).status_code == 204


async def test_a_change_changes_what_it_names(bob: httpx.AsyncClient) -> None:
    made = await create(bob, name="Closing", description="Lights out")
    path = f"/v1/schedules/{made['id']}"
    paused = (await bob.patch(path, json={"paused": True, "name": "Shut"})).json()
    assert (paused["paused"], paused["name"], paused["description"], "next_at" in paused) == (
        True,
        "Shut",
        "Lights out",
        False,
    )
    line = {"cron": "0 7 * * *", "timezone": "Asia/Tokyo", "misfire": "skip", "overlap": "allow"}
    changed = (await bob.patch(path, json={**line, "description": None})).json()
    assert {name: changed[name] for name in line} == line
    assert (changed.get("description"), changed["paused"]) == (None, True)
    resumed = (await bob.patch(path, json={"paused": False})).json()
    assert resumed["next_at"].endswith("T22:00:00Z")
    assert (await bob.patch(path)).json() == resumed


async def test_a_deleted_one_is_gone_and_so_is_what_it_held(bob: httpx.AsyncClient, redis: ArqRedis) -> None:
    made = await create(bob, job=REPORT)
    assert (await bob.delete(f"/v1/schedules/{made['id']}")).status_code == 204
    assert (await bob.delete(f"/v1/schedules/{made['id']}")).status_code == 404
    assert (await bob.get("/v1/schedules")).json() == {"schedules": []}
    lasting = [key async for key in redis.scan_iter("*") if await redis.pttl(key) < 0]
    assert lasting == [], "what is left expires"


async def test_a_list_has_ones_own_page_by_page(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    ids = {(await create(bob))["id"] for _ in range(3)}
    await create(alice)
    first = (await bob.get("/v1/schedules?limit=2")).json()
    rest = (await bob.get("/v1/schedules", params={"limit": 2, "cursor": first["next"]})).json()
    assert [len(first["schedules"]), len(rest["schedules"])] == [2, 1]
    assert {one["id"] for one in first["schedules"] + rest["schedules"]} == ids
    assert "next" not in rest
    for path in ("/v1/schedules", f"/v1/schedules/{ids.pop()}/runs"):
        assert (await bob.get(path, params={"cursor": "nonsense"})).json()["field"] == "cursor"


async def test_an_owner_has_only_so_many(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    for _ in range(5):
        await create(bob)
    answer = await bob.post("/v1/schedules", json=GOOD)
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (409, "too_many_schedules", 5)
    await create(alice)


OF_A_SCHEDULE: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PATCH", "", {"paused": True}),
    ("DELETE", "", None),
    ("GET", "/runs", None),
    ("POST", "/runs", None),
]


class TestThoseThatComeWithTheService:
    @pytest.fixture(autouse=True)
    async def installed(self, redis: ArqRedis, settings: Settings) -> None:
        for line in BUILT_IN:
            await ScheduleStore(redis, settings).install(line)

    async def test_admins_see_them_before_their_own(self, alice: httpx.AsyncClient) -> None:
        mine = await create(alice)
        listed = (await alice.get("/v1/schedules?limit=1")).json()["schedules"]
        assert [one["id"] for one in listed] == [*sorted(line.kind.name for line in BUILT_IN), mine["id"]]
        assert all(one["built_in"] and one["description"] and one["next_at"] for one in listed[:-1])

    async def test_nobody_else_does(self, bob: httpx.AsyncClient) -> None:
        assert (await bob.get("/v1/schedules")).json() == {"schedules": []}
        for method, path, body in OF_A_SCHEDULE:
            answer = await bob.request(method, f"/v1/schedules/cleanup{path}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)

    async def test_admins_pause_resume_and_run_them(self, alice: httpx.AsyncClient) -> None:
        path = "/v1/schedules/cleanup"
        assert "next_at" not in (await alice.patch(path, json={"paused": True})).json()
        job = (await alice.post(f"{path}/runs")).json()
        assert (job["kind"], job["schedule"]) == ("cleanup", "cleanup")
        assert (await alice.get(f"/v1/jobs/{job['id']}")).status_code == 200
        assert [run["job"] for run in (await alice.get(f"{path}/runs")).json()["runs"]] == [job["id"]]
        assert (await alice.patch(path, json={"paused": False})).json()["next_at"].endswith("T03:17:00Z")

    async def test_nobody_changes_or_deletes_them(self, alice: httpx.AsyncClient) -> None:
        for method, body, field in (("PATCH", {"cron": "* * * * *"}, "cron"), ("DELETE", None, "schedule_id")):
            answer = await alice.request(method, "/v1/schedules/cleanup", json=body)
            assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_anothers_schedule_answers_as_an_unknown_one(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    theirs = await create(alice)
    for method, path, body in OF_A_SCHEDULE:
        for one in (theirs["id"], "0" * 32, "x:y"):
            answer = await bob.request(method, f"/v1/schedules/{one}{path}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)
    assert (await alice.get(f"/v1/schedules/{theirs['id']}")).json() == theirs


async def test_an_admin_may_stop_anybodys_schedule_whose_key_may_be_gone(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    place = f"/v1/schedules/{(await create(bob))['id']}"
    assert (await alice.patch(place, json={"paused": True})).json()["paused"] is True
    assert (await alice.delete(place)).status_code == 204
    assert (await bob.get(place)).status_code == 404


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no line": ({"job": EVENT}, "invalid_request", "cron"),
    "no job": ({"cron": "* * * * *"}, "invalid_request", "job"),
    "seconds": ({**GOOD, "cron": "*/5 * * * * *"}, "invalid_cron", "cron"),
    "a day that never comes": ({**GOOD, "cron": "0 0 31 6 *"}, "invalid_cron", "cron"),
    "a long line": ({**GOOD, "cron": "*" * (MAX_CHARS + 1)}, "invalid_request", "cron"),
    "a zone of nobody": ({**GOOD, "timezone": "Mars/Olympus"}, "unknown_timezone", "timezone"),
    "an unknown field": ({**GOOD, "crom": "* * * * *"}, "invalid_request", "crom"),
    "an impatient misfire": ({**GOOD, "misfire": 59}, "invalid_request", "misfire"),
    "a patient misfire": ({**GOOD, "misfire": MAX_MISFIRE_S + 1}, "invalid_request", "misfire"),
    "a misfire that is none": ({**GOOD, "misfire": True}, "invalid_request", "misfire"),
    "another overlap": ({**GOOD, "overlap": "queue"}, "invalid_request", "overlap"),
    "a kind that is not to be had": ({**GOOD, "job": {"kind": "cleanup"}}, "invalid_request", "job.kind"),
    "a job without a kind": ({**GOOD, "job": {"type": "a", "data": {}}}, "invalid_request", "job.kind"),
    "an event without data": ({**GOOD, "job": {"kind": "event", "type": "a"}}, "invalid_request", "job.data"),
    "an event of ours": ({**GOOD, "job": {**EVENT, "type": "job.succeeded"}}, "invalid_request", "job.type"),
    "an event with an id": ({**GOOD, "job": {**EVENT, "id": "1"}}, "invalid_request", "job.id"),
    "a report without blocks": (
        {**GOOD, "job": {"kind": "report", "document": {"title": "t"}}},
        "invalid_request",
        "job.blocks",
    ),
    "a report of an unknown block": (
        {**GOOD, "job": {"kind": "report", **spec({"type": "poem"})}},
        "invalid_request",
        "job.blocks.0.type",
    ),
    "a report of nobody's upload": (
        {**GOOD, "job": {"kind": "report", **of_upload("0" * 32)}},
        "not_found",
        "job.datasets.d.upload",
    ),
}


async def test_what_is_wrong_is_named_and_nothing_is_made(bob: httpx.AsyncClient, redis: ArqRedis) -> None:
    for bad, (body, code, field) in BAD.items():
        answer = await bob.post("/v1/schedules", json=body)
        assert (answer.json()["code"], answer.json()["field"]) == (code, field), bad
        assert answer.status_code == (404 if code == "not_found" else 422), bad
    assert {key async for key in redis.scan_iter("*")} <= {PROCESSES.encode()}


async def test_a_large_event_is_refused_as_it_is_elsewhere(bob: httpx.AsyncClient, settings: Settings) -> None:
    big = {**EVENT, "data": {"x": "x" * settings.max_event_bytes}}
    answer = await bob.post("/v1/schedules", json={**GOOD, "job": big})
    assert (answer.status_code, answer.json()["code"]) == (413, "params_too_large")


async def test_a_bad_change_is_named_and_changes_nothing(bob: httpx.AsyncClient) -> None:
    made = await create(bob)
    path = f"/v1/schedules/{made['id']}"
    for change, code, field in (
        ({"cron": "* * *"}, "invalid_cron", "cron"),
        ({"cron": None}, "invalid_request", "cron"),
        ({"timezone": "Mars"}, "unknown_timezone", "timezone"),
        ({"paused": None}, "invalid_request", "paused"),
        ({"job": EVENT}, "invalid_request", "job"),
    ):
        answer = await bob.patch(path, json=change)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    assert (await bob.get(path)).json() == made
