"""Random transitions in random order: counters and indexes agree with the records, and every job ends once."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss

from tasks.queue.jobs.attempt_limits import AttemptLimits
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.uniqueness import OnConflict, Span, Uniqueness
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records.list import read
from tasks.queue.records.record import Priority, Record, State
from tasks.queue.redis_keys import JOB, QUEUE, ROOT, arq_queue
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.key_leaks import key_leaks
from tests.support.queue.fake_worker import FakeWorker, lapse, look_now
from tests.support.queue.submissions import record_of, submit
from tests.support.queue.unique_keys import debounce, unique, wrong_unique_keys
from worker.attempts.running import ClaimedJob

QUEUES = ("default", "media")
OWNERS = ("a", "b", "c")
SPANS: tuple[Span, ...] = ("waiting", "running", "ended")
ON_CONFLICT: tuple[OnConflict, ...] = ("return", "replace", "reject")
STEPS = 150


class Walk:
    """A queue, three workers and everybody who may meddle with them, led by a seed."""

    queues: tuple[str, ...] = QUEUES

    def __init__(self, redis: ArqRedis, settings: Settings, seed: int) -> None:
        self._redis = redis
        self._chance = random.Random(seed)  # noqa: S311 - a walk, no secret
        self._enqueuer = Enqueuer(redis, settings)
        self._lanes = LaneControls(redis)
        self._job_store = JobStore(redis, settings)
        self._workers = [FakeWorker(redis, settings, f"w{n}") for n in range(3)]
        self._held: dict[str, tuple[FakeWorker, ClaimedJob]] = {}
        self._stale: list[tuple[FakeWorker, ClaimedJob]] = []
        self._ended: dict[str, State] = {}
        self.ids: list[str] = []

    async def step(self) -> str:
        """Do something; returns what."""
        moves: list[Callable[[], Awaitable[None]]] = [self.submit, self.claim, self.claim, self.finish, self.finish]
        moves += [
            self.renew,
            self.die,
            self.say_stale,
            self.cancel,
            self.sign,
            self.steer,
            self.let_time_pass,
            self.retry,
            self.be_late,
            self.change,
        ]
        move = self._chance.choice([*moves, *self.more_moves()])
        await move()
        return move.__name__

    def more_moves(self) -> list[Callable[[], Awaitable[None]]]:
        """What else may happen in a walk of a certain kind."""
        return []

    async def submit(self) -> None:
        for _ in range(self._chance.randint(1, 4)):
            options = {
                "queue": self._chance.choice(self.queues),
                "owner": self._chance.choice(OWNERS),
                "priority": self._chance.choice(list(Priority)),
                "delay_ms": self._chance.choice([0, 0, 60_000]),
                "unique": self.chosen_key(),
                "limits": AttemptLimits(start_within_ms=self._chance.choice([None, 90_000])),
            }
            with suppress(Refusal):  # another has its key
                job_id = await submit(self._enqueuer, **options)
                self.ids += [job_id] if job_id not in self.ids else []

    def chosen_key(self) -> Uniqueness | None:
        key, on_conflict = self._chance.choice("xy"), self._chance.choice(ON_CONFLICT)
        kinds = [None, None, None, debounce(key), unique(key, "throttle")]
        kinds += [unique(key + span, span, on_conflict) for span in SPANS]
        kinds += [unique(key, self._chance.choice(SPANS), on_conflict)]
        return self._chance.choice(kinds)

    async def retry(self) -> None:
        """What failed or was cancelled runs again, unless another has its key."""
        if self.ids:
            job_id = self._chance.choice(self.ids)
            (answer,) = await self._job_store.retry([job_id])
            if answer == "reopened":
                self._ended.pop(job_id, None)

    async def claim(self) -> None:
        worker = self._chance.choice(self._workers)
        held = [job for holder, job in self._held.values() if holder is worker]
        apart = {job.queue for job in held if job.suspect}
        free = {queue: 0 if queue in apart else self._chance.randint(0, 4) for queue in self.queues}
        idle = not held
        lane_cap = self._chance.choice([0, 0, 2])
        claim = await worker.claim(free, idle=idle, suspecting=bool(apart), lane_cap=lane_cap)
        suspected = {job.queue for job in claim.jobs if job.suspect}
        assert len(suspected) <= (idle and not apart)
        assert all(job.suspect for job in claim.jobs if job.queue in suspected)
        assert claim.draining is None or not (idle or any(job.queue == claim.draining for job in claim.jobs))
        for job in claim.jobs:
            assert job.id not in self._held, "it runs already"
            assert job.id not in self._ended, "it had ended"
            self._held[job.id] = (worker, job)

    async def finish(self) -> None:
        if not self._held:
            return
        worker, job = self._held.pop(self._chance.choice(list(self._held)))
        verb = self._chance.choice(["succeeded", "failed", "cancelled", "retrying", "retrying", "handed_back"])
        assert await worker.finish(job, verb, delay_ms=self._chance.choice([0, 60_000]))
        self._stale.append((worker, job))
        if verb in {"succeeded", "failed", "cancelled"}:
            self._ended[job.id] = State(verb)

    async def renew(self) -> None:
        for worker in self._workers:
            mine = [job for holder, job in self._held.values() if holder is worker]
            assert await worker.renew(*mine) == []

    async def die(self) -> None:
        """A worker is gone: its leases lapse, and some claim takes note."""
        worker = self._chance.choice(self._workers)
        for job_id, (holder, job) in list(self._held.items()):
            if holder is worker:
                await lapse(self._redis, job)
                self._stale.append(self._held.pop(job_id))
        for queue in self.queues:  # on a busy machine the last claim may be so long ago that leases have a respite
            await self._redis.hdel(QUEUE + queue, "seen", "patience")
        await self._chance.choice(self._workers).claim(dict.fromkeys(self.queues, 0))

    async def say_stale(self) -> None:
        """What is over is said once more, as after a broken connection or by one who was thought dead."""
        for worker, job in self._chance.sample(self._stale, min(3, len(self._stale))):
            if self._held.get(job.id, (None, None))[1] != job:
                assert not await worker.finish(job, self._chance.choice(["succeeded", "retrying", "handed_back"]))
                assert await worker.renew(job) == [job.id]

    async def cancel(self) -> None:
        if self.ids:
            job_id = self._chance.choice(self.ids)
            answer = await self._job_store.cancel(job_id)
            assert answer == "running" if job_id in self._held else State(answer).ended

    async def sign(self) -> None:
        """`Job.abort()`: a timer that is due and a sign."""
        if self.ids:
            job_id = self._chance.choice(self.ids)
            for queue in self.queues:
                await look_now(self._redis, job_id, queue)
            await self._redis.zadd(abort_jobs_ss, {job_id: 1})

    async def change(self) -> None:
        """Somebody changes a job that may wait."""
        if self.ids:
            changes: list[dict[str, Any]] = [{"delay_ms": 0}, {"delay_ms": 60_000}, {"priority": "high"}]
            changes += [{"priority": "low", "start_within_ms": 90_000}, {"no_deadline": True}]
            await self._job_store.change(self._chance.choice(self.ids), self._chance.choice(changes))

    async def be_late(self) -> None:
        """Deadlines pass, and only for some of them the timer is due already."""
        for job_id in self._chance.sample(self.ids, min(3, len(self.ids))):
            if (await record_of(self._redis, job_id)).deadline:
                await self._redis.hset(JOB + job_id, "deadline", 1)
                if self._chance.random() < 0.5:
                    for queue in QUEUES:
                        await look_now(self._redis, job_id, queue)

    async def steer(self) -> None:
        queue, lane = self._chance.choice(self.queues), str(LaneId("owner", self._chance.choice(OWNERS)))
        lanes = self._lanes
        cap, rate = self._chance.randint(0, 2), self._chance.choice([0, 0, 500])
        says: list[Callable[[], Awaitable[None]]] = [
            lambda: lanes.pause(queue),
            lambda: lanes.resume(queue),
            lambda: lanes.resume(queue),
            lambda: lanes.park(queue, lane, 60_000),
            lambda: lanes.unpark(queue, lane),
            lambda: lanes.unpark(queue, lane),
            lambda: lanes.limit(queue, lane, cap=cap, rate=rate),
        ]
        await self._chance.choice(says)()

    async def let_time_pass(self) -> None:
        """Some timers are due, whatever they are for."""
        for job_id in self._chance.sample(self.ids, min(5, len(self.ids))):
            for queue in self.queues:
                await look_now(self._redis, job_id, queue)

    async def check(self) -> None:
        """Counters and indexes agree with the records, no job is lost, and what has ended stays so."""
        assert await key_leaks(self._redis) == []
        assert await wrong_unique_keys(self._redis, self.ids) == []
        async with self._redis.pipeline(transaction=False) as pipe:
            for queue in self.queues:
                pipe.zrange(arq_queue(queue), 0, -1)
            for job_id in self.ids:
                pipe.hgetall(JOB + job_id)
            answers = await pipe.execute()
        timers = {queue: set(map(bytes.decode, found)) for queue, found in zip(self.queues, answers, strict=False)}
        for job_id, fields in zip(self.ids, answers[len(self.queues) :], strict=True):
            record = Record.from_hash(job_id, fields)
            if not record.state.ended:
                assert job_id in timers[record.queue], "nobody will look at it"
                assert job_id not in self._held or record.state is State.RUNNING
            elif job_id in self._held:
                raise AssertionError(f"somebody runs a job that has ended: {record}")
            else:
                assert self._ended.setdefault(job_id, record.state) is record.state

    async def end(self) -> None:
        """Nothing hinders anyone any more, and time passes until all is done."""
        for queue in self.queues:
            await self._lanes.resume(queue)
            for owner in OWNERS:
                await self._lanes.limit(queue, str(LaneId("owner", owner)))
                await self._lanes.unpark(queue, str(LaneId("owner", owner)))
        for worker, job in self._held.values():
            assert await worker.finish(job)
        self._held.clear()
        worker = self._workers[0]
        for _ in range(len(self.ids) + 50):
            claim = await worker.claim(dict.fromkeys(self.queues, 50))
            assert all(await worker.finish_all(*(worker.outcome(job, "succeeded") for job in claim.jobs)))
            alive = [job_id for job_id in self.ids if not (await record_of(self._redis, job_id)).state.ended]
            if not alive:
                return
            for job_id in alive:
                for queue in self.queues:
                    await look_now(self._redis, job_id, queue)
        raise AssertionError(f"these never end: {[await read(self._redis, job_id) for job_id in alive]}")


@pytest.mark.parametrize("seed", range(4))
async def test_the_books_stay_right_and_every_job_ends_once(redis: ArqRedis, settings: Settings, seed: int) -> None:
    await walk_to_the_end(redis, Walk(redis, settings, seed))


async def walk_to_the_end(redis: ArqRedis, walk: Walk) -> None:
    """Walk, and look at the books after each step; at the end nothing is left."""
    for _ in range(STEPS):
        step = await walk.step()
        try:
            await walk.check()
        except AssertionError as error:
            raise AssertionError(f"after {step}: {error}") from error
    await walk.end()
    await walk.check()
    patterns = ("lane", "line", "turns", "parked", "suspects", "wake")
    assert [key for name in patterns for key in await redis.keys(f"{ROOT}{name}:*")] == []
    assert await redis.exists(*map(arq_queue, walk.queues)) == 0
