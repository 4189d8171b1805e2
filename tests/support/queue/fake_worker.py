"""A worker reduced to its transitions: it claims, renews and finishes, and runs nothing."""

import json
from typing import Any, NamedTuple

from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.breaker import breaker
from tasks.queue.redis_keys import LEASE_MS, arq_queue
from tasks.queue.script import Script
from tasks.settings import Settings
from worker.attempts.running import ClaimedJob


class Claim(NamedTuple):
    """The answer to a claim."""

    jobs: list[ClaimedJob]
    foreign_jobs: list[dict[str, str]]
    wait_ms: float
    now: int
    draining: str | None = None
    refused: str | None = None

    @property
    def ids(self) -> list[str]:
        return [job.id for job in self.jobs]


class FakeWorker:
    """Calls the scripts that a worker of this name would call."""

    def __init__(self, redis: ArqRedis, settings: Settings, name: str = "worker-1") -> None:
        self.name = name
        self._keep = keep_ms(settings)
        self._breaker = breaker(settings)
        self._claim = Script(redis, "run/claim")
        self._renew = Script(redis, "run/renew")
        self._finish = Script(redis, "run/finish")
        self._progress = Script(redis, "run/progress")

    async def claim(
        self,
        free: int | dict[str, int] = 10,
        *,
        idle: bool = True,
        lane_cap: int = 0,
        receiver_cap: int = 0,
        owner_cap: int = 0,
        auto: bool = False,
        suspecting: bool = False,
        normal: bool = False,
        number: int | None = None,
        read: int = 0,
        renewed: int | None = None,
        service: int | None = None,
        functions: dict[str, bool] | None = None,
        left: dict[str, bool] | None = None,
        **queues: int,
    ) -> Claim:
        """free: slots in `default`, or by queue; queues may be named too. idle: whether it runs none of their jobs.

        number: as of a worker that numbers its claims; read: of the last one whose answer it has; renewed: when it last
        renewed its leases. functions: of the ARQ application that it runs; left: foreign jobs that it leaves to others.
        """
        named = queues or (free if isinstance(free, dict) else {"default": free})
        payload = {
            "worker": self.name,
            "queues": [
                {"name": name, "free": slots, "idle": idle, "normal": normal, "service": service}
                for name, slots in named.items()
            ],
            "suspecting": suspecting,
            "io_bound": {"delivery": True},
            "number": number,
            "read": read,
            "renewed": renewed,
            "functions": functions,
            "left": left,
            "lane_cap": lane_cap,
            "receiver_cap": receiver_cap,
            "owner_cap": owner_cap,
            "auto": auto,
            "keep": self._keep,
        }
        answer = await self._claim(payload)
        return Claim(**{**answer, "jobs": [ClaimedJob(**job) for job in answer["jobs"]]})

    async def one(self, **options: Any) -> ClaimedJob:
        """Claim the one job that can start."""
        (job,) = (await self.claim(1, **options)).jobs
        return job

    async def renew(self, *jobs: ClaimedJob, unread_claim: int | None = None) -> list[str]:
        """The ids that are no longer this worker's."""
        leases = [{"id": job.id, "queue": job.queue, "attempt": job.attempt} for job in jobs]
        answer = await self._renew({"worker": self.name, "leases": leases, "unread_claim": unread_claim})
        return [job_id for job_id, _ in answer["lost"]]

    async def finish(self, job: ClaimedJob, verb: str = "succeeded", **facts: Any) -> bool:
        """facts: value, fields, blobs, bytes, delay_ms, last, receiver_ok, timed_out, pause_ms (see `finish.lua`)."""
        (written,) = await self.finish_all(self.outcome(job, verb, **facts))
        return written

    async def finish_all(self, *outcomes: dict[str, Any]) -> list[bool]:
        rules = {"worker": self.name, "keep": self._keep, "breaker": self._breaker}
        answers: list[bool] = await self._finish({**rules, "outcomes": outcomes})
        return answers

    def outcome(
        self,
        job: ClaimedJob,
        verb: str,
        *,
        fields: tuple[str, ...] = (),
        about: dict[str, Any] | None = None,
        **facts: Any,
    ) -> dict[str, Any]:
        """One entry of a batch for `finish_all`. about: of the attempt."""
        noted = {"about": about} if about else {}
        attempt = json.dumps({"number": job.attempt, "worker": self.name, "outcome": verb, **noted})
        fields = (*fields, f"attempt:{job.attempt}", attempt)
        return {"id": job.id, "attempt": job.attempt, "verb": verb, "delay_ms": 0, **facts, "fields": fields}

    async def progress(self, job: ClaimedJob, done: int) -> bool:
        payload = {"id": job.id, "worker": self.name, "attempt": job.attempt, "progress": json.dumps({"done": done})}
        mine: bool = await self._progress(payload)
        return mine


async def look_now(redis: ArqRedis, job_id: str, queue: str = "default") -> None:
    """Let the job's timer be due, whatever it waits for."""
    await redis.zadd(arq_queue(queue), {job_id: 1}, xx=True)


async def lapse(redis: ArqRedis, job: ClaimedJob) -> None:
    """Let the job's lease have run out, as LEASE_MS without a renewal would."""
    assert await redis.delete(in_progress_key_prefix + job.id) == 1, f"nobody holds a lease of {LEASE_MS} ms"
    await look_now(redis, job.id, job.queue)
