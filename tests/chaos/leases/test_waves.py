"""A great many timers, or aborted jobs, come due at once: Redis goes on answering, and who needs a worker gets one."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss, in_progress_key_prefix, job_key_prefix

from tasks import clock
from tasks.queue.lanes.lane_controls import LaneControls
from tasks.queue.records.indexes import EVERYONE, of_kind
from tasks.queue.records.record import State
from tasks.queue.redis_keys import BACKLOG, JOB, JOBS, QUEUE, arq_queue
from tests.support.engine_running import JobClient
from tests.support.eventually import eventually
from tests.support.processes import worker_process
from tools.servers import Valkey

ABORTED, TIMERS = 50_000, 200_000
HELD = 10
AGAIN_WITHIN_S = 15
LAPSING_MS = 500
SLOW_SCRIPT_US = 1000
LONGEST_SCRIPT_S = 2.5
"""Half of the time after which Redis answers BUSY to everyone, as it did. A script takes some milliseconds of processor
time; the rest is for a machine that runs other tests beside."""
AT_ONCE = 5_000
COPIES = """
local id, job, body, backlog, timers, counts = unpack(KEYS)
local created_at, lane, indexes = unpack(redis.call('HMGET', job .. id, 'created_at', 'lane', 'shelves'))
for n = ARGV[1], ARGV[2] do
  local copy = string.format('%032x', n)
  redis.call('COPY', job .. id, job .. copy)
  redis.call('COPY', body .. id, body .. copy)
  redis.call('ZADD', backlog .. lane, redis.call('ZSCORE', backlog .. lane, id), copy)
  redis.call('ZADD', timers, redis.call('ZSCORE', timers, id), copy)
  for index in string.gmatch(indexes, '%S+') do redis.call('ZADD', ARGV[3] .. index .. ':queued', created_at, copy) end
  redis.call('HINCRBY', counts, 'in:queued', 1)
end
"""
"""Copies a job that waits: 200,000 submits would take minutes."""


async def copy(redis: ArqRedis, job_id: str, count: int) -> list[str]:
    """So many jobs like this one, which waits. Returns their ids."""
    keys = [job_id, JOB, job_key_prefix, f"{BACKLOG}default:", arq_queue("default"), f"{QUEUE}default"]
    for first in range(0, count, AT_ONCE):
        last = min(first + AT_ONCE, count) - 1
        await redis.execute_command("EVAL", COPIES, len(keys), *keys, first, last, JOBS)  # type: ignore[no-untyped-call]
    return [f"{n:032x}" for n in range(count)]


async def score(redis: ArqRedis, key: str, ids: Sequence[str], at_ms: int) -> None:
    for first in range(0, len(ids), AT_ONCE):
        await redis.zadd(key, dict.fromkeys(ids[first : first + AT_ONCE], at_ms))


async def longest_script_s(redis: ArqRedis) -> float:
    """The longest command since `note_slow_commands`."""
    slow: list[dict[str, int]] = await redis.slowlog_get(10_000)
    return max((one["duration"] / 1e6 for one in slow), default=0)


async def note_slow_commands(redis: ArqRedis) -> None:
    await redis.config_set("slowlog-log-slower-than", SLOW_SCRIPT_US)
    await redis.config_set("slowlog-max-len", 10_000)
    await redis.slowlog_reset()


@pytest.mark.long
@pytest.mark.seconds(180)
async def test_many_aborted_jobs_hold_up_neither_redis_nor_a_job_of_another_owner(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient
) -> None:
    ids = await copy(mortal_redis, await job_client.submit("nothing"), ABORTED)
    await score(mortal_redis, abort_jobs_ss, ids, clock.now_ms())  # old ones are forgotten
    other = await job_client.submit("nothing", owner="other")
    await note_slow_commands(mortal_redis)
    began = time.monotonic()
    async with worker_process(mortal_redis, mortal_valkey.url, default=50):
        assert (await job_client.ended(other)).state is State.SUCCEEDED
        other_s = time.monotonic() - began
        cancelled = f"{JOBS}{of_kind(EVERYONE, 'nothing')}:{State.CANCELLED}"
        await eventually(lambda: mortal_redis.zcard(cancelled), lambda seen: seen >= ABORTED, seconds=120)
    longest_s = await longest_script_s(mortal_redis)
    print(  # noqa: T201 - the figures of a long run
        f"{ABORTED} aborted: gone after {time.monotonic() - began:.1f} s, the other job after {other_s:.1f} s, "
        f"longest script {1000 * longest_s:.0f} ms"
    )
    assert longest_s < LONGEST_SCRIPT_S
    assert await mortal_redis.zcard(abort_jobs_ss) == 0


@pytest.mark.long
@pytest.mark.seconds(180)
async def test_many_safety_timers_hold_up_no_job_of_a_dead_worker(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path
) -> None:
    url = mortal_valkey.url
    async with worker_process(mortal_redis, url, default=HELD) as doomed:
        held = [await job_client.submit("sleep", seconds=600, file=str(tmp_path / "lines")) for _ in range(HELD)]
        for job_id in held:
            await job_client.until(job_id, State.RUNNING)
        ids = await copy(mortal_redis, await job_client.submit("nothing"), TIMERS)
        await LaneControls(mortal_redis).pause("default")
        async with worker_process(mortal_redis, url, default=HELD):
            doomed.kill()
            killed = time.monotonic()
            await note_slow_commands(mortal_redis)
            while await mortal_redis.pttl(in_progress_key_prefix + held[0]) > LAPSING_MS:
                await asyncio.sleep(0.02)
            await score(mortal_redis, arq_queue("default"), ids, 1)
            for job_id in held:
                await job_client.until(job_id, State.QUEUED)
            back_s = time.monotonic() - killed
            longest_s = await longest_script_s(mortal_redis)
            await eventually(lambda: mortal_redis.zcount(arq_queue("default"), 1, 1), 0, seconds=120)
    print(  # noqa: T201 - the figures of a long run
        f"{TIMERS} timers: jobs of the dead worker back after {back_s:.1f} s, all timers looked at after "
        f"{time.monotonic() - killed:.1f} s, longest script {1000 * longest_s:.0f} ms"
    )
    assert back_s < AGAIN_WITHIN_S
    assert longest_s < LONGEST_SCRIPT_S
