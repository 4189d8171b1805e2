"""Suspended owners: what waits of theirs stands still, what runs ends, and all of it goes on after the resume."""

import asyncio

import pytest
from arq.connections import ArqRedis

from tasks.accounts.owners import OwnerStore
from tasks.accounts.quotas import NAMES, Quotas
from tasks.queue.account_keys import SUSPENDED_MS
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.lanes.stats import QueueStats
from tasks.queue.redis_keys import ENDPOINT, PARKED, RUNS, SCHEDULES
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.schedule.runs import read_runs
from tasks.schedule.scheduler import Scheduler
from tasks.schedule.store import SchedulePatch, ScheduleStore
from tasks.settings import Settings
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.submissions import submission, submit

PATCH = SchedulePatch(cron="0 * * * *", timezone="UTC", overlap="skip", misfire=3600)


@pytest.fixture
async def owners(redis: ArqRedis) -> OwnerStore:
    store = OwnerStore(redis)
    await store.create("dev", {})
    return store


async def reasons(redis: ArqRedis, settings: Settings, job_id: str) -> list[str]:
    return [one.reason for one in (await QueueStats(redis, settings).waiting_for([job_id]))[job_id]]


async def look_again(redis: ArqRedis, queue: str = "default") -> None:
    """Let the time be over for which the lanes were parked."""
    for lane in await redis.zrange(PARKED + queue, 0, -1):
        await redis.zincrby(PARKED + queue, -SUSPENDED_MS - 1, lane)


class TestJobs:
    async def test_they_stand_still_and_say_so(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, owners: OwnerStore, settings: Settings
    ) -> None:
        job = await submit(enqueuer)
        await owners.suspend("dev", "unpaid")
        other = await submit(enqueuer, owner="other")
        assert (await worker.claim()).ids == [other]
        assert await reasons(redis, settings, job) == ["owner_suspended"]
        late = await submit(enqueuer)
        assert (await worker.claim()).ids == []
        assert await reasons(redis, settings, late) == ["owner_suspended"]
        await look_again(redis)
        assert (await worker.claim()).ids == []
        await owners.resume("dev")
        assert set((await worker.claim()).ids) == {job, late}

    async def test_what_runs_ends_and_its_next_try_waits(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, owners: OwnerStore, settings: Settings
    ) -> None:
        ends, fails = await submit(enqueuer), await submit(enqueuer)
        jobs = {job.id: job for job in (await worker.claim()).jobs}
        await owners.suspend("dev")
        assert await worker.finish(jobs[ends])
        assert await worker.finish(jobs[fails], "retrying", value=["failed", "no"])
        assert (await worker.claim()).ids == []
        assert await reasons(redis, settings, fails) == ["owner_suspended"]
        await owners.resume("dev")
        assert (await worker.claim()).ids == [fails]

    async def test_lanes_of_its_receivers_stand_still_too(
        self, redis: ArqRedis, worker: FakeWorker, owners: OwnerStore, enqueuer: Enqueuer
    ) -> None:
        await redis.hset(ENDPOINT + "e1", mapping={"owner": "dev"})
        await redis.expire(ENDPOINT + "e1", 60)
        job = enqueuer.job("a" * 32, submission(kind="delivery", queue="webhooks"))
        for lane, job_id in (("endpoint:e1", "a"), ("host:dev:example.com", "b"), ("test:e1", "c")):
            await Script(redis, "submit/enqueue")({"jobs": [{**job, "id": job_id * 32, "lane": lane}]})
        await owners.suspend("dev")
        assert (await worker.claim(webhooks=10, owner_cap=10)).ids == []
        await owners.resume("dev")
        await look_again(redis, "webhooks")
        assert len((await worker.claim(webhooks=10, owner_cap=10)).ids) == 3

    async def test_the_services_own_work_goes_on(
        self, enqueuer: Enqueuer, worker: FakeWorker, owners: OwnerStore
    ) -> None:
        await owners.suspend("dev")
        event = await submit(enqueuer, kind="event")
        assert (await worker.claim(service=1)).ids == [event]

    async def test_a_claim_ends_beside_a_thousand_of_its_lanes(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, owners: OwnerStore
    ) -> None:
        job = enqueuer.job("a" * 32, submission(kind="delivery", queue="webhooks"))
        await owners.suspend("dev")
        jobs = [{**job, "id": f"{n:032x}", "lane": f"host:dev:h{n}"} for n in range(1000)]
        await Script(redis, "submit/enqueue")({"jobs": jobs})
        wanted = await submit(enqueuer, queue="webhooks", owner="other")
        found: list[str] = []
        for _ in range(4):
            found += (await worker.claim(webhooks=10)).ids
        assert found == [wanted]


class TestSchedules:
    async def test_they_skip_their_runs_and_say_so_once(
        self, redis: ArqRedis, owners: OwnerStore, settings: Settings
    ) -> None:
        store, scheduler = ScheduleStore(redis, settings), Scheduler(redis, settings)
        schedule = await store.create("dev", PATCH, submission())
        await owners.suspend("dev")
        for _ in range(2):
            due = int(await redis.zscore(SCHEDULES, schedule.id) or 0)
            answer = await scheduler.fire(schedule.id, due, due)
            assert (answer.answer, answer.detail) == ("skipped", "owner_suspended")
        runs, _ = await read_runs(redis, schedule.id, limit=10, cursor=None)
        assert [run.reason for run in runs] == ["owner_suspended"]
        assert await redis.zcard(RUNS + schedule.id) == 1
        await owners.resume("dev")
        due = int(await redis.zscore(SCHEDULES, schedule.id) or 0)
        assert (await scheduler.fire(schedule.id, due, due)).answer == "made"


class TestQuotas:
    async def test_a_submit_goes_by_those_of_its_owner(self, enqueuer: Enqueuer, settings: Settings) -> None:
        quotas = Quotas.of(settings, {"waiting_jobs": 1})
        await submit(enqueuer, quotas=quotas)
        with pytest.raises(Refusal, match="1 of your jobs wait, and 1 may") as refused:
            await submit(enqueuer, quotas=quotas)
        assert (refused.value.code, refused.value.limit) == ("owner_queue_full", 1)
        await submit(enqueuer)

    async def test_a_schedule_goes_by_the_record(
        self, redis: ArqRedis, owners: OwnerStore, settings: Settings, enqueuer: Enqueuer
    ) -> None:
        schedule = await ScheduleStore(redis, settings).create("dev", PATCH, submission())
        await owners.change("dev", {"waiting_jobs": 1})
        await submit(enqueuer)
        with pytest.raises(Refusal, match="1 may"):
            await Scheduler(redis, settings).run_now(schedule)
        await owners.change("dev", {"waiting_jobs": None})
        await Scheduler(redis, settings).run_now(schedule)

    async def test_running_jobs_are_a_cap_of_its_lanes(
        self, enqueuer: Enqueuer, worker: FakeWorker, owners: OwnerStore
    ) -> None:
        for _ in range(3):
            await submit(enqueuer)
        await owners.change("dev", {"running_jobs": 1})
        assert len((await worker.claim()).ids) == 1
        await owners.change("dev", {"running_jobs": None})
        assert len((await worker.claim()).ids) == 2


class TestRecords:
    async def test_they_are_made_once_changed_and_listed(self, owners: OwnerStore) -> None:
        with pytest.raises(Refusal, match="has a record already"):
            await owners.create("dev", {})
        made = await owners.create("acme", {"endpoints": 5, "schedules": None}, "trial")
        assert (made.quotas, made.note, made.suspended_at) == ({"endpoints": 5}, "trial", None)
        changed = await owners.change("acme", {"schedules": 2}, "")
        assert (changed.quotas, changed.note) == ({"endpoints": 5, "schedules": 2}, None)
        found, cursor = await owners.list(limit=1, cursor=None)
        assert [one.name for one in found] == ["acme"]
        found, _ = await owners.list(limit=1, cursor=cursor)
        assert [one.name for one in found] == ["dev"]

    async def test_changes_at_once_keep_what_the_others_have_set(self, owners: OwnerStore) -> None:
        quotas = {name: 2**53 - 1 - number for number, name in enumerate(NAMES)}
        await asyncio.gather(*(owners.change("dev", {name: number}) for name, number in quotas.items()))
        assert (await owners.read("dev")).quotas == quotas
        await asyncio.gather(*(owners.change("dev", {name: None}) for name in NAMES[1:]))
        assert (await owners.read("dev")).quotas == {NAMES[0]: 2**53 - 1}

    async def test_a_second_suspension_keeps_the_time_of_the_first(self, owners: OwnerStore) -> None:
        first = await owners.suspend("dev", "unpaid")
        second = await owners.suspend("dev", "abuse")
        assert (second.suspended_at, second.reason) == (first.suspended_at, "abuse")
        resumed = await owners.resume("dev")
        assert (resumed.suspended_at, resumed.reason) == (None, None)

    @pytest.mark.parametrize("name", ["", "a:b", "a/b", "system", "failed", "x" * 101, "日本", "²", "a\n"])
    async def test_a_name_that_keys_cannot_have_is_refused(self, owners: OwnerStore, name: str) -> None:
        with pytest.raises(Refusal, match="name: "):
            await owners.create(name, {})

    async def test_an_owner_without_a_record_is_not_suspended_by_mistake(self, owners: OwnerStore) -> None:
        with pytest.raises(Refusal, match="'acne' has no record"):
            await owners.suspend("acne")
