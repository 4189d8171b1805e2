"""Redis fills up under load, and is relieved: nothing that was accepted is lost, and nothing uses up a try."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.maintenance.bulk import BULK, STATES, BulkParams
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.submission import Submission
from tasks.queue.memory import MemoryWatch, read_memory
from tasks.queue.records.indexes import of_kind
from tasks.queue.records.list import read
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import JOBS, SCHEDULES
from tasks.queue.watch.workers import read_workers
from tasks.refusal import Refusal
from tasks.schedule.built_in import BUILT_IN
from tasks.schedule.store import ScheduleStore
from tasks.settings import Settings
from tasks.stopping import stop
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.secret_box import SecretBox
from tests.chaos.load import LOOPBACK
from tests.support.engine_running import JobClient
from tests.support.eventually import eventually
from tests.support.processes import WITH_SCHEDULES, worker_process
from tests.support.receivers import Receiver
from tools.servers import Valkey

EVENTS = 30
LONG_MB = 25
"""The plan that README names."""


async def fill_up(enqueuer: Enqueuer, lines: Path, dice: random.Random) -> list[str]:
    """Submit jobs until Redis is full. Returns the ids of those that were accepted."""
    accepted: list[str] = []
    while True:
        params = {"file": str(lines), "text": "x" * dice.randrange(2_000), "seconds": dice.random() / 100}
        submission = Submission("sleep", "default", "dev", json.dumps(params))
        try:
            accepted.append((await enqueuer.enqueue(submission)).job_id)
        except Refusal as refusal:
            if refusal.code != "redis_full":
                raise
            return accepted


async def all_ended(redis: ArqRedis, ids: list[str]) -> None:
    for job_id in ids:
        await eventually(partial(read, redis, job_id), lambda seen: seen and seen.state.ended)


async def submit_when_there_is_room(job_client: JobClient, lines: Path) -> str:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(Refusal):
                return await job_client.submit("sleep", file=str(lines))
            await asyncio.sleep(0.1)


async def unfinished(redis: ArqRedis, owner: str = "dev") -> int:
    """How many jobs of an owner have not ended."""
    kinds = [of_kind(owner, kind) for kind in ("sleep", "event")]
    return sum([await redis.zcard(f"{JOBS}{one}:{state}") for one in kinds for state in State if not state.ended])


async def waits(redis: ArqRedis, job_id: str) -> Record:
    """The record of a job, once it waits for its next attempt."""
    record: Record = await eventually(lambda: read(redis, job_id), lambda seen: seen and seen.state is State.RETRYING)
    return record


async def let_all_be_due(redis: ArqRedis, settings: Settings) -> list[str]:
    """What the service does each minute is due, whenever this test runs. Returns the ids of the runs."""
    schedule_store = ScheduleStore(redis, settings)
    due_ms = await schedule_store.now_ms()
    each_minute = [line for line in BUILT_IN if line.cron == "* * * * *"]
    for line in each_minute:
        await schedule_store.install(line)
        await redis.zadd(SCHEDULES, {line.kind.name: due_ms})
    return [f"{line.kind.name}:{due_ms}" for line in each_minute]


async def full_and_recovered(
    redis: ArqRedis, valkey: Valkey, settings: Settings, dice: random.Random, folder: Path, megabytes: float
) -> None:
    """Fill a Redis of this size, let workers end everything in it, delete it by a bulk job, and fill it again."""
    lines, enqueuer = folder / "lines", Enqueuer(redis, settings)
    limit = int((await redis.info("memory"))["used_memory"] + megabytes * 1024 * 1024)
    await redis.config_set("maxmemory", limit)
    box = SecretBox.of(None)
    watch = asyncio.create_task(MemoryWatch(redis, settings).loop())
    async with Receiver() as receiver:
        endpoint, _ = await Endpoints(redis, settings, box).create(
            "dev", {"url": receiver.at("/"), "events": ["order.*"]}
        )
        event = json.dumps({"type": "order.paid", "data": {}})
        events = [(await enqueuer.enqueue(Submission("event", "default", "dev", event))).job_id for _ in range(EVENTS)]
        accepted = await fill_up(enqueuer, lines, dice)
        await redis.config_set("maxmemory", 0)
        runs = await let_all_be_due(redis, settings)
        # The last of the memory is gone too: to the last byte.
        used = (await redis.info("memory"))["used_memory"]
        await redis.config_set("maxmemory", min(limit, used - 1))
        environment = {**LOOPBACK, WITH_SCHEDULES: "1", "STORAGE_FIRST_PAUSE_S": "0.2", "STORAGE_MAX_PAUSE_S": "0.5"}
        log = folder / "log"
        async with worker_process(
            redis, valkey.url, environment=environment, lines=log, default=20, webhooks=5
        ) as worker:
            patience_s = 120 + len(accepted) / 50
            await eventually(lambda: unfinished(redis), lambda seen: seen <= EVENTS, seconds=patience_s)
            assert len((await read_workers(redis)).present) == 1, "its beats are written"
            # Events wait for room, and use up no try.
            for event_id in events:
                record = await waits(redis, event_id)
                assert record.tries == 0
                assert [one["error"]["code"] for one in record.attempts] == ["redis_full"]
            assert await fill_up(enqueuer, lines, dice) == []
            await all_ended(redis, runs)  # what runs by the clock
            # What makes room is done.
            assert await JobStore(redis, settings).delete([accepted.pop()]) == ["deleted"]
            params = BulkParams(verb="deletion", job_indexes=("dev/sleep",), states=STATES["deletion"])
            bulk = Submission(BULK.name, BULK.queue, "dev", params.model_dump_json(exclude_none=True), upkeep=True)
            async with JobClient(redis, settings) as job_client:
                record = await job_client.ended((await enqueuer.enqueue(bulk)).job_id, seconds=60)
                assert record.result is not None
                assert record.result["deleted"] == len(accepted)
                await redis.config_set("maxmemory", 2 * limit)
                for event_id in events:
                    record = await job_client.ended(event_id, seconds=60)
                    assert (record.state, record.tries) == (State.SUCCEEDED, 0)
                    assert len(record.attempts) == 2, "one entry for the whole wait"
                await receiver.wait_for(EVENTS)
                again = await submit_when_there_is_room(job_client, lines)
                assert (await job_client.ended(again)).state is State.SUCCEEDED
            assert worker.poll() is None
        await Endpoints(redis, settings, box).delete("dev", endpoint.id)
    await stop(watch)
    counts = Counter(line.split()[0] for line in lines.read_text().splitlines())
    assert {job_id: counts[job_id] for job_id in accepted if counts[job_id] != 2} == {}, "each ran once to its end"
    told = Counter(json.loads(line)["event"] for line in log.read_text().splitlines() if line.startswith("{"))
    assert told["redis.full"] == 1
    assert told["job.raised"] == told["redis.away"] == 0


async def test_a_small_redis_is_filled_and_recovers(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, settings: Settings, seeded: random.Random, tmp_path: Path
) -> None:
    await full_and_recovered(mortal_redis, mortal_valkey, settings, seeded, tmp_path, 2)


@pytest.mark.long
@pytest.mark.seconds(900)
async def test_a_redis_of_the_smallest_plan_is_filled_and_recovers(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, settings: Settings, seeded: random.Random, tmp_path: Path
) -> None:
    await full_and_recovered(mortal_redis, mortal_valkey, settings, seeded, tmp_path, LONG_MB)
    assert (await read_memory(mortal_redis)).percent is not None
