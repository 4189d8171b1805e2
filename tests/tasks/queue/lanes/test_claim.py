"""Asking for work: lanes take turns, and only what can start now is handed out."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, job_key_prefix, result_key_prefix

from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.records.record import Priority, State
from tasks.queue.redis_keys import BACKLOG, JOB, LANE, LEASE_MS, QUEUE, SAFETY_MS, TURNS, WAKE, arq_queue
from tasks.settings import Settings
from tests.support.queue.fake_worker import Claim, FakeWorker, look_now
from tests.support.queue.submissions import record_of, submit


def owners(claim: Claim) -> str:
    return "".join(job.owner for job in claim.jobs)


class TestTurns:
    async def test_lanes_take_turns(self, enqueuer: Enqueuer, worker: FakeWorker) -> None:
        for owner in "aaaabbc":
            await submit(enqueuer, owner=owner)
        assert owners(await worker.claim(7)) == "abcabaa"

    async def test_turns_go_on_where_the_last_claim_left_them(self, enqueuer: Enqueuer, worker: FakeWorker) -> None:
        for owner in "aaabbbccc":
            await submit(enqueuer, owner=owner)
        assert [owners(await worker.claim(free)) for free in (1, 1, 2, 3, 2)] == ["a", "b", "ca", "bca", "bc"]

    async def test_ten_thousand_waiting_jobs_delay_anothers_first_by_nothing(
        self, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        for _ in range(100):
            await asyncio.gather(*(submit(enqueuer, owner="heap") for _ in range(100)))
        assert owners(await worker.claim(1)) == "heap"
        first = await submit(enqueuer, owner="small")
        assert (await worker.claim(1)).ids == [first]

    async def test_who_comes_back_after_each_job_gets_its_share_and_no_more(
        self, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        for owner in "bbbbbbbbcccccccc":
            await submit(enqueuer, owner=owner)
        await submit(enqueuer, owner="a")
        served: Counter[str] = Counter()
        for _ in range(12):
            job = await worker.one()
            served[job.owner] += 1
            if job.owner == "a":
                await submit(enqueuer, owner="a")
        assert served == {"a": 4, "b": 4, "c": 4}

    async def test_newcomers_do_not_starve_who_waits(self, enqueuer: Enqueuer, worker: FakeWorker) -> None:
        for owner in ("m", "z"):
            await submit(enqueuer, owner=owner)
        turns = [(await worker.one()).owner]
        for n in range(20):
            await submit(enqueuer, owner=f"a{n:02}")
            turns.append((await worker.one()).owner)
        assert turns.index("z") <= 2

    async def test_one_trip_serves_several_queues_each_with_its_own_turns(
        self, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        for owner in "aab":
            await submit(enqueuer, owner=owner)
            await submit(enqueuer, owner=owner, queue="media")
        claim = await worker.claim(default=2, media=3, reports=5)
        assert [(job.queue, job.owner) for job in claim.jobs] == [
            *(("default", owner) for owner in "ab"),
            *(("media", owner) for owner in "aba"),
        ]

    async def test_turn_numbers_stay_exact_for_a_long_time(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        await redis.hset(QUEUE + "default", "turn", 10**15)
        for owner in "aabb":
            await submit(enqueuer, owner=owner)
        assert owners(await worker.claim(4)) == "abab"
        assert await redis.hget(QUEUE + "default", "turn") == str(10**15 + 4).encode()


class TestOrder:
    async def test_priority_first_then_time(self, enqueuer: Enqueuer, worker: FakeWorker) -> None:
        low, normal, high, low_too, high_too = [
            await submit(enqueuer, priority=Priority(priority)) for priority in ("low", "normal", "high", "low", "high")
        ]
        assert (await worker.claim()).ids == [high, high_too, normal, low, low_too]

    async def test_a_priority_counts_in_its_lane_alone(self, enqueuer: Enqueuer, worker: FakeWorker) -> None:
        await submit(enqueuer, owner="a", priority=Priority.LOW)
        await submit(enqueuer, owner="b", priority=Priority.HIGH)
        assert owners(await worker.claim(1)) == "a", "it came first"

    async def test_a_due_job_stands_where_its_due_time_puts_it(self, enqueuer: Enqueuer, worker: FakeWorker) -> None:
        due = await submit(enqueuer, delay_ms=700)
        early = await submit(enqueuer)
        await asyncio.sleep(0.75)
        late = await submit(enqueuer)
        assert (await worker.claim()).ids == [early, due, late]

    async def test_a_retried_or_handed_back_job_does_not_queue_up_again(
        self, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        ids = [await submit(enqueuer) for _ in range(4)]
        retried, back = (await worker.claim(2)).jobs
        await worker.finish(retried, "retrying")
        await worker.finish(back, "handed_back")
        assert (await worker.claim()).ids == ids


class TestWhatCanStart:
    async def test_no_more_is_claimed_than_there_is_room_for(self, enqueuer: Enqueuer, worker: FakeWorker) -> None:
        for owner in "aaabbb":
            await submit(enqueuer, owner=owner)
        assert [len((await worker.claim(free)).jobs) for free in (0, 4, 0, 10)] == [0, 4, 0, 2]

    async def test_a_claim_says_all_that_a_worker_needs(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        job_id = await submit(enqueuer, kind="thumbnail", owner="acme", params={"größe": [1]}, request_id="r-1")
        claim = await worker.claim()
        (job,) = claim.jobs
        record = await record_of(redis, job_id)
        assert (job.id, job.queue, job.kind, job.owner, job.attempt, job.tries, job.request_id) == (
            job_id,
            "default",
            "thumbnail",
            "acme",
            1,
            0,
            "r-1",
        )
        assert (job.params, job.created_at) == (record.params, record.created_at)
        assert (record.state, record.worker, record.attempt) == (State.RUNNING, worker.name, 1)
        assert record.started_at == claim.now

    async def test_a_claimed_job_has_a_lease_in_arqs_terms(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        await submit(enqueuer)
        job = await worker.one()
        assert await redis.get(in_progress_key_prefix + job.id) == worker.name.encode()
        started = (await record_of(redis, job.id)).started_at
        assert await redis.zscore(arq_queue("default"), job.id) == (started or 0) + LEASE_MS
        assert LEASE_MS - 2000 < await redis.pttl(in_progress_key_prefix + job.id) <= LEASE_MS

    async def test_two_workers_never_get_the_same_job(
        self, redis: ArqRedis, settings: Settings, enqueuer: Enqueuer
    ) -> None:
        ids = [await submit(enqueuer, owner=f"o{n % 7}") for n in range(200)]
        workers = [FakeWorker(redis, settings, f"w{n}") for n in range(8)]
        claims = await asyncio.gather(*(worker.claim(10) for worker in workers for _ in range(4)))
        assert sorted(job_id for claim in claims for job_id in claim.ids) == sorted(ids)

    async def test_a_job_that_a_stock_worker_holds_waits_for_its_key_to_go(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        held, free = await submit(enqueuer), await submit(enqueuer)
        await redis.set(in_progress_key_prefix + held, b"1", px=9_000)
        claim = await worker.claim()
        assert claim.ids == [free]
        assert 0 < claim.wait_ms <= 9_000
        assert (await record_of(redis, held)).state is State.QUEUED
        await redis.delete(in_progress_key_prefix + held)
        await look_now(redis, held)
        assert (await worker.claim()).ids == [held]
        assert await redis.hget(LANE + "default:owner:dev", "running") == b"2"

    async def test_an_id_without_a_record_in_a_line_is_dropped(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        gone, there = await submit(enqueuer), await submit(enqueuer)
        await redis.delete(JOB + gone, job_key_prefix + gone)
        await redis.zrem(arq_queue("default"), gone)
        await redis.hincrby(QUEUE + "default", "in:queued", -1)
        assert (await worker.claim()).ids == [there]

    async def test_a_known_id_in_another_queues_timers_is_dropped_there(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        """ARQ's client lets an id be given again, to any queue, once its own copy of the job has expired."""
        job_id = await submit(enqueuer)
        await redis.zadd(arq_queue("media"), {job_id: 1})
        assert (await worker.claim(media=5)).jobs == []
        assert await redis.exists(arq_queue("media"), TURNS + "media") == 0
        claim = await worker.claim(default=5)
        assert [(job.id, job.queue) for job in claim.jobs] == [(job_id, "default")]


class TestTimers:
    async def test_scheduled_and_retrying_jobs_start_when_they_are_due_and_not_before(
        self, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        retried = await submit(enqueuer)
        await worker.finish(await worker.one(), "retrying", delay_ms=50)
        scheduled = await submit(enqueuer, delay_ms=80)
        started: list[str] = []
        while len(started) < 2:
            claim = await worker.claim()
            started += claim.ids
            if len(started) < 2:
                assert 0 < claim.wait_ms <= 80
                await asyncio.sleep(claim.wait_ms / 1000)
        assert started == [retried, scheduled]

    async def test_a_worker_learns_how_long_it_may_sleep(self, enqueuer: Enqueuer, worker: FakeWorker) -> None:
        assert (await worker.claim()).wait_ms == -1
        await submit(enqueuer, delay_ms=60_000)
        await submit(enqueuer, delay_ms=9_000, queue="media")
        assert 59_000 < (await worker.claim()).wait_ms <= 60_000
        assert 8_000 < (await worker.claim(default=1, media=1)).wait_ms <= 9_000
        await submit(enqueuer)
        claim = await worker.claim()
        assert LEASE_MS - 1000 < claim.wait_ms <= LEASE_MS

    async def test_a_thousand_timers_at_once_are_looked_at_a_few_at_a_time(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        ids = [await submit(enqueuer, owner=f"o{n % 10}", delay_ms=60_000) for n in range(1000)]
        await redis.zadd(arq_queue("default"), dict.fromkeys(ids, 1))
        started: list[str] = []
        for _ in range(10):
            claim = await worker.claim(1000)
            assert len(claim.jobs) <= 150, "one claim must not hold Redis for long"
            started += claim.ids
            assert claim.wait_ms == 0 or len(started) == 1000
        assert sorted(started) == sorted(ids)

    async def test_a_full_worker_looks_at_timers_for_the_others(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        job_id = await submit(enqueuer, delay_ms=60_000)
        await look_now(redis, job_id)
        await redis.delete(WAKE + "default")
        assert (await worker.claim(0)).jobs == []
        assert (await record_of(redis, job_id)).state is State.QUEUED
        assert await redis.llen(WAKE + "default") == 1

    async def test_a_job_that_its_lane_lost_is_found_by_its_safety_timer(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        job_id = await submit(enqueuer)
        await redis.delete(BACKLOG + "default:owner:dev", TURNS + "default")
        assert (await worker.claim()).jobs == []
        assert SAFETY_MS - 1000 < (await worker.claim()).wait_ms <= 2 * SAFETY_MS
        await look_now(redis, job_id)
        assert (await worker.claim()).ids == [job_id]

    async def test_a_safety_timer_does_not_double_a_job_that_waits_in_its_lane(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        ids = [await submit(enqueuer) for _ in range(3)]
        await look_now(redis, ids[2])
        assert (await worker.claim()).ids == ids

    async def test_timers_of_jobs_that_are_over_or_unknown_are_dropped(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        await submit(enqueuer)
        done = await worker.one()
        await worker.finish(done)
        await redis.set(result_key_prefix + "nobody", b"of ARQ's own worker", px=60_000)
        await redis.zadd(arq_queue("default"), {done.id: 1, "nobody": 1})
        assert (await worker.claim()).wait_ms == -1
        assert await redis.exists(arq_queue("default")) == 0


class TestStrangers:
    async def test_one_that_has_expired_gets_a_record_that_says_so(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        job = await redis.enqueue_job("echo", _expires=0.001)
        assert job is not None
        await asyncio.sleep(0.01)
        await look_now(redis, job.job_id)
        (offered,) = (await worker.claim()).foreign_jobs
        assert "body" not in offered
        await enqueuer.adopt(offered["id"], offered["queue"], None)
        assert (await worker.claim()).ids == [job.job_id]
        assert (await record_of(redis, job.job_id)).kind == "unreadable"

    async def test_a_job_of_arqs_own_client_is_handed_over_and_looked_at_again(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        job = await redis.enqueue_job("echo", times=7)
        assert job is not None
        await look_now(redis, job.job_id)  # its client's clock may be a millisecond ahead of Redis'
        claim = await worker.claim()
        (offered,) = claim.foreign_jobs
        job_id, queue, body = offered["id"], offered["queue"], offered["body"]
        assert (job_id, queue) == (job.job_id, "default")
        assert body.encode(errors="surrogateescape") == await redis.get(job_key_prefix + job_id)
        # The worker that was asked to adopt it may die: it is offered again.
        again = await worker.claim()
        assert (again.jobs, again.foreign_jobs) == ([], [])
        assert LEASE_MS - 1000 < again.wait_ms <= LEASE_MS
        await look_now(redis, job_id)
        assert len((await worker.claim()).foreign_jobs) == 1
        await enqueuer.adopt(job_id, queue, body.encode(errors="surrogateescape"))
        assert (await worker.one()).params == '{"times": 7}'

    async def test_a_deferred_foreign_job_is_offered_when_it_is_due(self, redis: ArqRedis, worker: FakeWorker) -> None:
        await redis.enqueue_job("echo", _job_id="later", _defer_by=timedelta(seconds=9))
        claim = await worker.claim()
        assert claim.foreign_jobs == []
        assert 0 < claim.wait_ms <= 9_002, "its client's clock may be a little ahead"
        await look_now(redis, "later")
        assert [one["id"] for one in (await worker.claim()).foreign_jobs] == ["later"]

    async def test_a_foreign_job_that_an_arq_worker_runs_is_left_alone(
        self, redis: ArqRedis, worker: FakeWorker
    ) -> None:
        await redis.enqueue_job("echo", _job_id="held")
        await redis.set(in_progress_key_prefix + "held", b"1", px=5000)
        await look_now(redis, "held")
        claim = await worker.claim()
        assert claim.foreign_jobs == []
        assert 4000 < claim.wait_ms <= 5000

    @pytest.mark.parametrize("job_id", ["", " ", "a:b", "größe", "cron:echo:17", "a\nb", "a\x00b", "%p", "x" * 5000])
    async def test_a_foreign_jobs_id_may_be_any_text(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker, job_id: str
    ) -> None:
        await redis.set(job_key_prefix + job_id, b"", px=60_000)
        await redis.zadd(arq_queue("default"), {job_id: 1})
        (offered,) = (await worker.claim()).foreign_jobs
        await enqueuer.adopt(offered["id"], offered["queue"], offered["body"].encode(errors="surrogateescape"))
        job = await worker.one()
        assert job.id == job_id
        assert await worker.renew(job) == []
        assert await worker.finish(job)
        assert (await record_of(redis, job_id)).state is State.SUCCEEDED

    async def test_an_id_that_is_no_text_stops_nobody(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        await redis.set(job_key_prefix.encode() + b"\xff\xfe", b"", px=60_000)
        await redis.zadd(arq_queue("default"), {b"\xff\xfe": 1})
        (offered,) = (await worker.claim()).foreign_jobs
        await enqueuer.adopt(offered["id"], offered["queue"], b"")
        assert await worker.finish(await worker.one())
        job_id = await submit(enqueuer)
        assert (await worker.claim()).ids == [job_id]


class TestWakeSignals:
    async def test_signals_that_nobody_needs_any_more_are_taken_away(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        for _ in range(3):
            await submit(enqueuer)
        await worker.claim(2)
        assert await redis.llen(WAKE + "default") == 3, "one still waits"
        await worker.claim(2)
        assert await redis.exists(WAKE + "default") == 0

    async def test_a_claim_for_one_queue_leaves_the_signals_of_others(
        self, redis: ArqRedis, enqueuer: Enqueuer, worker: FakeWorker
    ) -> None:
        await submit(enqueuer, queue="media")
        await worker.claim(default=5)
        assert await redis.llen(WAKE + "media") == 1
