"""Claims are cut on the wire: Redis has run them, and nobody has heard of it."""

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.queue.records.record import State
from tasks.queue.redis_keys import LEASE_MS
from tasks.queue.script import source
from tests.support.engine_running import JobClient
from tests.support.processes import worker_process
from tools.servers import Valkey

CLAIM = hashlib.sha1(source("run/claim").encode()).hexdigest().encode()  # noqa: S324 - as Redis names a script


@dataclass(slots=True)
class ClaimCutter:
    """A way to Redis that cuts connections on which a claim was answered with jobs.

    share: of such answers that never arrive; left: how many at most.
    """

    chance: random.Random
    share: float = 1.0
    left: int = 0
    cut: int = 0
    port: int = 0
    to_port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        claims = False

        async def there() -> None:
            nonlocal claims
            while data := await reader.read(65_536):
                claims = CLAIM in data
                far_writer.write(data)

        async def back() -> None:
            while data := await far_reader.read(65_536):
                if claims and b"started_at" in data and self.left and self.chance.random() < self.share:
                    self.left -= 1
                    self.cut += 1
                    return
                writer.write(data)

        ways = [asyncio.create_task(way) for way in (there(), back())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        writer.transport.abort()
        far_writer.transport.abort()


@asynccontextmanager
async def cutting(valkey: Valkey, chance: random.Random) -> AsyncIterator[ClaimCutter]:
    cutter = ClaimCutter(chance, to_port=valkey.port)
    server = await asyncio.start_server(cutter.serve, "127.0.0.1", 0)
    cutter.port = server.sockets[0].getsockname()[1]
    try:
        yield cutter
    finally:
        server.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)


async def test_a_job_whose_claim_was_cut_three_times_runs_at_once_and_nothing_is_counted(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path, seeded: random.Random
) -> None:
    lines = tmp_path / "lines"
    async with cutting(mortal_valkey, seeded) as cutter:
        url = f"redis://127.0.0.1:{cutter.port}/0"
        async with worker_process(mortal_redis, url, default=5) as process:
            cutter.left = 3
            began = time.monotonic()
            record = await job_client.ended(await job_client.submit("note", file=str(lines)))
            took_s = time.monotonic() - began
            assert process.poll() is None

    assert cutter.cut == 3
    assert [(one["number"], one["outcome"]) for one in record.attempts] == [(1, "succeeded")]
    assert took_s < LEASE_MS / 1000, "it waited for a lease to lapse"
    assert len(lines.read_text().splitlines()) == 1


async def cut_under_load(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, lines: Path, chance: random.Random, jobs: int
) -> None:
    async with cutting(mortal_valkey, chance) as cutter:
        url = f"redis://127.0.0.1:{cutter.port}/0"
        async with worker_process(mortal_redis, url, default=5), worker_process(mortal_redis, url, default=5):
            cutter.left, cutter.share = jobs, 0.3
            ids = []
            for _ in range(jobs):
                ids.append(await job_client.submit("sleep", seconds=0.05, file=str(lines)))
                await asyncio.sleep(0.02 * chance.random())
            records = [await job_client.ended(job_id, seconds=60) for job_id in ids]

    assert cutter.cut > jobs / 100
    assert Counter(record.state for record in records) == {State.SUCCEEDED: jobs}
    assert Counter(one["outcome"] for record in records for one in record.attempts) == {"succeeded": jobs}
    written = Counter(line.split()[0] for line in lines.read_text().splitlines())
    assert Counter(written.values()) == {2: jobs}, "a line at the start and one at the end, once"


async def test_claims_cut_under_load_cost_nothing_but_time(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path, seeded: random.Random
) -> None:
    await cut_under_load(mortal_redis, mortal_valkey, job_client, tmp_path / "lines", seeded, 100)


@pytest.mark.long
@pytest.mark.seconds(400)
async def test_many_claims_cut_under_load_cost_nothing_but_time(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, job_client: JobClient, tmp_path: Path, seeded: random.Random
) -> None:
    await cut_under_load(mortal_redis, mortal_valkey, job_client, tmp_path / "lines", seeded, 600)
