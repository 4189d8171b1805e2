"""How many jobs may wait: nobody fills the queues alone, and the service's own work is never refused."""

from typing import Any

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import SUBSCRIBERS
from tasks.refusal import Refusal
from tasks.settings import SYSTEM, Settings
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.fan_out import deliveries
from tests.support.queue.submissions import submission, submit

HOUR_MS = 3_600_000


@pytest.fixture
def settings() -> Settings:
    """With the defaults that follow from it: 10 jobs of one owner may wait, and 5 be scheduled."""
    return Settings(
        _env_file=None, max_waiting_jobs=20, owner_max_bulk=2, admins=("root",), api_keys=[("root", "k" * 16)]
    )


async def fill(enqueuer: Enqueuer, count: int, **fields: Any) -> list[str]:
    return [await submit(enqueuer, **fields) for _ in range(count)]


async def refused(enqueuer: Enqueuer, **fields: Any) -> Refusal:
    with pytest.raises(Refusal) as found:
        await submit(enqueuer, **fields)
    return found.value


async def subscribers(redis: ArqRedis, count: int, pattern: str = "order.*") -> None:
    """So many endpoints that asked for a pattern, as far as a submit looks."""
    key = f"{SUBSCRIBERS}dev:{pattern}"
    await redis.zadd(key, {f"endpoint-{number}": 0 for number in range(count)})
    await redis.expire(key, 60)


class TestWaiting:
    async def test_one_owner_is_refused_while_the_queue_has_room_for_others(self, enqueuer: Enqueuer) -> None:
        await fill(enqueuer, 10)
        refusal = await refused(enqueuer)
        assert (refusal.code, refusal.limit) == ("owner_queue_full", 10)
        assert "10 of your jobs wait" in refusal.message
        assert "OWNER_MAX_WAITING" in refusal.message
        await fill(enqueuer, 9, owner="other")

    async def test_no_owner_alone_reaches_what_a_queue_holds(self, enqueuer: Enqueuer) -> None:
        await fill(enqueuer, 5, delay_ms=HOUR_MS)
        await fill(enqueuer, 10)
        assert (await refused(enqueuer)).code == "owner_queue_full"
        assert (await refused(enqueuer, delay_ms=HOUR_MS)).code == "owner_queue_full"
        await submit(enqueuer, owner="other")

    async def test_all_queues_count_together_and_so_do_jobs_that_wait_for_their_next_try(
        self, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        await fill(enqueuer, 5, queue="media")
        await fill(enqueuer, 5)
        job = await worker.one()
        await submit(enqueuer)
        assert (await refused(enqueuer)).limit == 10
        await worker.finish(job, "retrying", delay_ms=HOUR_MS)
        assert (await refused(enqueuer)).limit == 10

    async def test_ends_and_cancellations_make_room(
        self, enqueuer: Enqueuer, worker: FakeWorker, job_store: JobStore
    ) -> None:
        ids = await fill(enqueuer, 10)
        await refused(enqueuer)
        await worker.finish(await worker.one())
        await submit(enqueuer)
        await refused(enqueuer)
        await job_store.cancel(ids[-1])
        await submit(enqueuer)

    async def test_a_batch_counts_with_all_its_jobs(self, enqueuer: Enqueuer) -> None:
        await fill(enqueuer, 8)
        with pytest.raises(Refusal, match="owner_queue_full"):
            await enqueuer.enqueue_batch([submission() for _ in range(3)])
        await enqueuer.enqueue_batch([submission() for _ in range(2)])

    async def test_a_workflow_is_told_how_many_jobs_it_would_add(self, enqueuer: Enqueuer) -> None:
        ids = [new_id() for _ in range(7)]
        steps = [submission(job_id=one, after=tuple(ids[:place])[-1:]) for place, one in enumerate(ids)]
        with pytest.raises(Refusal) as found:
            await enqueuer.enqueue_workflow(submission(kind="batch"), steps)
        assert (found.value.code, found.value.field, found.value.limit) == ("owner_queue_full", "steps", 5)
        assert "0 of your jobs are scheduled or wait for other jobs, this would be 6 more" in found.value.message
        assert "Submit fewer jobs at once" in found.value.message
        await enqueuer.enqueue_workflow(submission(kind="batch"), steps[:6])
        with pytest.raises(Refusal, match=r"5 of your jobs are .* this would be 1 more.* Try again when some"):
            await enqueuer.enqueue_workflow(
                submission(kind="batch"), [submission(job_id=new_id()), submission(job_id=new_id(), after=(ids[0],))]
            )

    async def test_a_repeat_of_a_submit_needs_no_room(self, enqueuer: Enqueuer) -> None:
        first = await submit(enqueuer, idempotency_key="k")
        await fill(enqueuer, 9)
        assert await submit(enqueuer, idempotency_key="k") == first

    async def test_the_settings_may_be_given(self, redis: ArqRedis) -> None:
        own = Enqueuer(redis, Settings(_env_file=None, owner_max_waiting=2, owner_max_scheduled=1))
        await fill(own, 2)
        assert (await refused(own)).limit == 2


class TestScheduled:
    async def test_delayed_jobs_have_a_limit_of_their_own(self, enqueuer: Enqueuer) -> None:
        await fill(enqueuer, 5, delay_ms=HOUR_MS)
        refusal = await refused(enqueuer, delay_ms=HOUR_MS)
        assert (refusal.code, refusal.limit, refusal.field) == ("owner_queue_full", 5, "delay")
        assert "OWNER_MAX_SCHEDULED" in refusal.message
        await fill(enqueuer, 10)

    async def test_jobs_that_wait_for_others_count_as_scheduled(self, enqueuer: Enqueuer) -> None:
        first = await submit(enqueuer)
        await fill(enqueuer, 5, after=(first,))
        assert (await refused(enqueuer, after=(first,))).field == "after"

    async def test_who_has_as_many_waiting_as_may_schedules_nothing_either(self, enqueuer: Enqueuer) -> None:
        await fill(enqueuer, 10)
        assert (await refused(enqueuer, delay_ms=HOUR_MS)).limit == 10


class TestEvents:
    async def test_an_event_is_refused_if_its_deliveries_would_be_too_many(
        self, redis: ArqRedis, enqueuer: Enqueuer
    ) -> None:
        await subscribers(redis, 3)
        await subscribers(redis, 1, "order.paid")
        await deliveries(redis, 7)
        refusal = await refused(enqueuer, kind="event", event_type="order.paid")
        assert (refusal.code, refusal.limit, refusal.field) == ("owner_queue_full", 10, "type")
        assert "deliveries" in refusal.message
        await submit(enqueuer, kind="event", event_type="order.sent.late"), "one that makes three"

    async def test_an_event_with_a_channel_counts_its_endpoints_and_those_without_one(
        self, redis: ArqRedis, enqueuer: Enqueuer
    ) -> None:
        await subscribers(redis, 6)
        await subscribers(redis, 6, "order.*#full")
        await subscribers(redis, 2, "*#free")
        await deliveries(redis, 1)
        for channel in (None, "free", "unknown"):
            await submit(enqueuer, kind="event", event_type="order.paid", channel=channel, delay_ms=1_000)
        await refused(enqueuer, kind="event", event_type="order.paid", channel="full", delay_ms=1_000)

    async def test_events_that_wait_to_be_expanded_count_as_much_as_the_new_one(
        self, redis: ArqRedis, enqueuer: Enqueuer
    ) -> None:
        await subscribers(redis, 4)
        await fill(enqueuer, 2, kind="event", event_type="order.paid")
        await refused(enqueuer, kind="event", event_type="order.paid")

    async def test_one_that_is_larger_than_the_limit_goes_while_nothing_waits(
        self, redis: ArqRedis, enqueuer: Enqueuer
    ) -> None:
        await subscribers(redis, 100)
        await submit(enqueuer, kind="event", event_type="order.paid")
        await refused(enqueuer, kind="event", event_type="order.paid")

    async def test_deliveries_that_wait_keep_out_no_other_job(self, redis: ArqRedis, enqueuer: Enqueuer) -> None:
        await deliveries(redis, 30)
        await submit(enqueuer)


class TestUpkeep:
    async def test_the_services_own_jobs_are_never_refused(self, enqueuer: Enqueuer) -> None:
        await fill(enqueuer, 10)
        await fill(enqueuer, 10, owner="other")
        assert (await refused(enqueuer, owner="third")).code == "queue_full"
        await fill(enqueuer, 3, owner=SYSTEM)
        await fill(enqueuer, 3, owner="root", upkeep=True, kind="cleanup")

    async def test_a_bulk_cancellation_is_accepted_by_a_full_queue(self, enqueuer: Enqueuer) -> None:
        await fill(enqueuer, 10)
        await fill(enqueuer, 10, owner="other")
        await submit(enqueuer, upkeep=True, kind="bulk")

    async def test_but_of_one_owners_no_more_wait_than_may(self, enqueuer: Enqueuer) -> None:
        await fill(enqueuer, 2, upkeep=True, kind="bulk")
        refusal = await refused(enqueuer, upkeep=True, kind="bulk")
        assert (refusal.code, refusal.limit) == ("owner_queue_full", 2)
        assert "OWNER_MAX_BULK" in refusal.message
        await submit(enqueuer, upkeep=True, kind="recovery")

    async def test_an_admins_other_jobs_have_the_limits_of_everyone(self, enqueuer: Enqueuer) -> None:
        await fill(enqueuer, 10, owner="root")
        assert (await refused(enqueuer, owner="root")).code == "owner_queue_full"


async def test_all_kinds_of_the_process_count_together(redis: ArqRedis, settings: Settings) -> None:
    enqueuer = Enqueuer(redis, settings, kinds=("thumbnail", "report"))
    await fill(enqueuer, 5, kind="thumbnail", queue="media")
    await fill(enqueuer, 5, kind="report", queue="reports")
    assert (await refused(enqueuer, kind="thumbnail", queue="media")).limit == 10
    assert (await refused(enqueuer)).limit == 10, "one of a kind that is not known here"
