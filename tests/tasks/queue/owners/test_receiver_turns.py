"""A lane that may be served is served: the turn of one that is not goes to another of its owner's, whatever the reason.

Random transitions of deliveries in random order, and the few that once lost a turn.
"""

import random
from collections.abc import Awaitable, Callable

import pytest
from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss

from tasks.queue.jobs.job_store import JobStore
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.redis_keys import (
    BACKLOG,
    ENDPOINT,
    JOBS,
    LANE,
    OWNER_CAPPED,
    PARKED,
    UNANSWERED,
    UNANSWERED_LANES,
)
from tasks.queue.script import Script
from tasks.settings import Settings
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.events import delivery_id
from tasks.webhook.secret_box import SecretBox
from tests.support.key_leaks import key_leaks
from tests.support.queue.fake_worker import FakeWorker, lapse, look_now
from tests.support.queue.fan_out import deliveries, enable, expand, to
from worker.attempts.running import ClaimedJob

OWNER_CAP = 4
UNANSWERED_CAP = OWNER_CAP // 2
QUEUE = "webhooks"
STEPS, ENDPOINTS = 80, 8
HOUR_MS = 3_600_000


class DeliveryWalk:
    """Endpoints of two owners, two workers, and everybody who may meddle with them, led by a seed."""

    def __init__(self, redis: ArqRedis, settings: Settings, seed: int) -> None:
        self._redis = redis
        self._chance = random.Random(seed)  # noqa: S311 - a walk, no secret
        self._endpoints = Endpoints(redis, settings, SecretBox.of(None))
        self._lanes = LaneControls(redis)
        self._job_store = JobStore(redis, settings)
        self._workers = [FakeWorker(redis, settings, f"w{n}") for n in range(2)]
        self._held: dict[str, tuple[FakeWorker, ClaimedJob]] = {}
        self._owners: dict[str, str] = {}
        self._numbers = dict.fromkeys(self._workers, 0)
        self._ids: list[str] = []

    async def begin(self) -> None:
        for number in range(ENDPOINTS):
            await self.create("ab"[number % 2])

    async def create(self, owner: str) -> None:
        endpoint, _ = await self._endpoints.create(owner, {"url": "https://example.com/", "events": ["x"]})
        self._owners[endpoint.id] = owner

    async def step(self) -> str:
        """Do something; returns what."""
        moves: list[Callable[[], Awaitable[None]]] = [self.publish, self.publish, self.claim, self.claim]
        moves += [self.finish, self.finish, self.finish, self.cancel, self.cancel, self.steer, self.sign, self.die]
        moves += [self.let_time_pass, self.delete, self.leave_unread]
        move = self._chance.choice(moves)
        await move()
        return move.__name__

    async def publish(self) -> None:
        for endpoint in self._chance.sample(list(self._owners), 4):
            event = f"event-{len(self._ids)}"
            self._ids.append(delivery_id(event, endpoint))
            owner = self._owners[endpoint]
            await expand(self._redis, event, to(event, endpoint, owner, always=True), owner=owner)

    async def claim(self) -> None:
        worker = self._chance.choice(self._workers)
        await self.take(worker, self._chance.randint(0, 5))

    async def take(self, worker: FakeWorker, free: int) -> int:
        number = self._numbers[worker]
        claim = await worker.claim(webhooks=free, owner_cap=OWNER_CAP, number=number + 1, read=number)
        self._numbers[worker] += 1
        self._held |= {job.id: (worker, job) for job in claim.jobs}
        return len(claim.jobs)

    async def leave_unread(self) -> None:
        """A claim whose answer is lost, and the next, which says so."""
        worker = self._chance.choice(self._workers)
        number = self._numbers[worker]
        await worker.claim(webhooks=3, owner_cap=OWNER_CAP, number=number + 1, read=number)
        await worker.claim(webhooks=0, owner_cap=OWNER_CAP, number=number + 2, read=number)
        self._numbers[worker] += 2

    async def finish(self) -> None:
        if not self._held:
            return
        worker, job = self._held.pop(self._chance.choice(list(self._held)))
        receiver: dict[str, object] = self._chance.choice(
            [
                {"receiver_ok": True},
                {"receiver_ok": True},
                {"receiver_ok": False},
                {"receiver_ok": False, "timed_out": True},
                {"receiver_ok": False, "pause_ms": 60_000},
                {},
            ]
        )
        verb = "succeeded" if receiver.get("receiver_ok") else self._chance.choice(["failed", "retrying"])
        assert await worker.finish(job, verb, delay_ms=self._chance.choice([0, HOUR_MS]), **receiver)

    async def cancel(self) -> None:
        for job_id in self._chance.sample(self._ids, min(4, len(self._ids))):
            if job_id not in self._held:
                await self._job_store.cancel(job_id)

    async def sign(self) -> None:
        """ARQ's sign that a job is to be aborted: a claim closes one that it comes to."""
        waiting = [job_id for job_id in self._ids if job_id not in self._held]
        for job_id in self._chance.sample(waiting, min(4, len(waiting))):
            await self._redis.zadd(abort_jobs_ss, {job_id: 1})

    async def die(self) -> None:
        worker = self._chance.choice(self._workers)
        for job_id, (holder, job) in list(self._held.items()):
            if holder is worker:
                await lapse(self._redis, job)
                del self._held[job_id]

    async def steer(self) -> None:
        lane = f"endpoint:{self._chance.choice(list(self._owners))}"
        cap, rate = self._chance.randint(0, 2), self._chance.choice([0, 0, 1])
        says: list[Callable[[], Awaitable[None]]] = [
            lambda: self._lanes.park(QUEUE, lane, 60_000),
            lambda: self._lanes.unpark(QUEUE, lane),
            lambda: self._lanes.unpark(QUEUE, lane),
            lambda: self._lanes.limit(QUEUE, lane, cap=cap, rate=rate),
        ]
        await self._chance.choice(says)()

    async def delete(self) -> None:
        endpoint = self._chance.choice(list(self._owners))
        owner = self._owners.pop(endpoint)
        await self._endpoints.delete(owner, endpoint)
        await self.create(owner)

    async def let_time_pass(self) -> None:
        for job_id in self._chance.sample(self._ids, min(5, len(self._ids))):
            await look_now(self._redis, job_id, QUEUE)

    async def check(self) -> None:
        """A worker with enough slots takes what it is given; then nothing waits that might be served."""
        for worker in self._workers:
            assert await worker.renew(*(job for holder, job in self._held.values() if holder is worker)) == []
        while await self.take(self._workers[0], 20):
            pass
        assert await key_leaks(self._redis) == []
        async for key in self._redis.scan_iter(f"{BACKLOG}{QUEUE}:*"):
            lane = key.decode().removeprefix(f"{BACKLOG}{QUEUE}:")
            reason = await self.reason_to_wait(lane)
            assert reason, f"{lane} might be served, and waits"

    async def reason_to_wait(self, lane: str) -> str | None:
        if await self._redis.zscore(PARKED + QUEUE, lane) is not None:
            return "parked"
        running, cap, trips, slow = await self._redis.hmget(f"{LANE}{QUEUE}:{lane}", "running", "cap", "trips", "slow")
        most = 1 if trips or slow else int(cap or 0)
        if most and int(running or 0) >= most:
            return "at its cap"
        owner, answered = await self._redis.hmget(ENDPOINT + lane.removeprefix("endpoint:"), "owner", "answered")
        if owner is None:
            return None
        if await self._redis.zcard(f"{JOBS}{owner.decode()}/delivery:running") >= OWNER_CAP:
            return "its owner has enough"
        if not answered and await self._redis.zcard(UNANSWERED + owner.decode()) >= UNANSWERED_CAP:
            return "its owner has enough to receivers that have not answered"
        return None


@pytest.mark.parametrize("seed", range(3))
async def test_no_lane_waits_that_might_be_served(redis: ArqRedis, settings: Settings, seed: int) -> None:
    walk = DeliveryWalk(redis, settings, seed)
    await walk.begin()
    steps = []
    for _ in range(STEPS):
        steps.append(await walk.step())
        try:
            await walk.check()
        except AssertionError as error:
            raise AssertionError(f"after {steps[-4:]}: {error}") from error


async def wait_in_line(redis: ArqRedis, worker: FakeWorker) -> tuple[list[ClaimedJob], list[str]]:
    """Two deliveries to receivers that have not answered run, and one each to three others waits. Returns both."""
    waiting = []
    for number in range(UNANSWERED_CAP):
        await deliveries(redis, 1, endpoint=f"first-{number}")
    running = (await worker.claim(webhooks=20, owner_cap=OWNER_CAP)).jobs
    assert len(running) == UNANSWERED_CAP
    for number in range(3):
        waiting += await deliveries(redis, 1, endpoint=f"later-{number}")
    assert (await worker.claim(webhooks=20, owner_cap=OWNER_CAP)).jobs == []
    assert await redis.zcard(UNANSWERED_LANES + "dev") == 3
    return running, waiting


async def test_a_lane_whose_job_is_gone_when_its_turn_comes_gives_it_to_the_next(
    redis: ArqRedis, worker: FakeWorker
) -> None:
    running, (first, second, _) = await wait_in_line(redis, worker)
    await redis.zadd(abort_jobs_ss, {first: 1})
    await worker.finish(running[0], "failed", receiver_ok=False)
    assert (await worker.claim(webhooks=20, owner_cap=OWNER_CAP)).ids == [second]


async def test_a_lane_whose_job_is_cancelled_after_it_was_let_in_gives_its_turn_to_the_next(
    redis: ArqRedis, worker: FakeWorker, job_store: JobStore
) -> None:
    running, (first, second, _) = await wait_in_line(redis, worker)
    await worker.finish(running[0], "failed", receiver_ok=False)
    assert await job_store.cancel(first) == "cancelled"
    assert (await worker.claim(webhooks=20, owner_cap=OWNER_CAP)).ids == [second]


async def test_a_lane_whose_job_arqs_own_worker_takes_gives_its_turn_to_the_next(
    redis: ArqRedis, worker: FakeWorker
) -> None:
    running, (_, second, _) = await wait_in_line(redis, worker)
    await worker.finish(running[0], "failed", receiver_ok=False)
    assert await Script(redis, "run/spill")({"queue": QUEUE, "limit": 1}) == 1
    assert (await worker.claim(webhooks=20, owner_cap=OWNER_CAP)).ids == [second]


async def test_lanes_whose_receivers_timed_out_leave_the_owners_free_slot_to_one_that_answers(
    redis: ArqRedis, worker: FakeWorker
) -> None:
    """All of the owner's slots are taken, and lanes of both sorts wait for one."""
    await enable(redis, "good", "other")
    for endpoint in ("good", "other"):
        await redis.hset(ENDPOINT + endpoint, "answered", "1")
    await deliveries(redis, 2, endpoint="good")
    for number in range(UNANSWERED_CAP):
        await deliveries(redis, 1, endpoint=f"first-{number}")
    running = (await worker.claim(webhooks=20, owner_cap=OWNER_CAP)).jobs
    assert len(running) == OWNER_CAP
    for number in range(8):
        await deliveries(redis, 1, endpoint=f"later-{number}")
    (other,) = await deliveries(redis, 1, endpoint="other")
    assert (await worker.claim(webhooks=20, owner_cap=OWNER_CAP)).jobs == []
    assert await redis.scard(f"{OWNER_CAPPED}{QUEUE}:dev") == 9
    (good, *_) = [job for job in running if "good" in job.params]
    await worker.finish(good, receiver_ok=True)
    assert (await worker.claim(webhooks=20, owner_cap=OWNER_CAP)).ids == [other]
