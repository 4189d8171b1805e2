"""One owner floods the queue with long jobs: another's short ones start at once."""

import asyncio
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.engine_running import JobClient
from tests.support.eventually import eventually
from tests.support.processes import worker_process
from tools.servers import Valkey

SLOTS, LONG_S, PAUSE_S = 6, 4.0, 0.2


@pytest.mark.parametrize("jobs", [15, pytest.param(300, marks=[pytest.mark.long, pytest.mark.seconds(300)])])
async def test_after_its_first_job_no_job_of_another_owner_waits_for_one_of_the_flood(
    mortal_redis: ArqRedis, mortal_valkey: Valkey, settings: Settings, tmp_path: Path, jobs: int
) -> None:
    held = str(tmp_path / "held")
    limited = settings.model_copy(update={"owner_max_waiting": 4 * SLOTS})
    async with (
        JobClient(mortal_redis, limited) as client,
        worker_process(mortal_redis, mortal_valkey.url, default=SLOTS),
    ):
        over = asyncio.Event()
        refused: list[str] = []

        async def flood() -> None:
            while not over.is_set():
                try:
                    await client.submit("sleep", owner="flood", seconds=LONG_S, file=held)
                except Refusal as refusal:
                    refused.append(refusal.code)
                    await asyncio.sleep(0.05)

        flooding = asyncio.create_task(flood())
        try:
            await eventually(lambda: refused)
            first = await client.ended(await client.submit("nothing", owner="small"))
            assert (first.started_at or 0) - first.due_at < 2_000 * LONG_S, "one of the flood ends before it"
            # From now on the flood has half of the slots; what runs above its share ends first.
            await asyncio.sleep(LONG_S)
            records = []
            for _ in range(jobs):
                records.append(await client.ended(await client.submit("nothing", owner="small")))
                await asyncio.sleep(PAUSE_S)
        finally:
            over.set()
            await flooding
        waits_ms = [(record.started_at or 0) - record.due_at for record in records]
        assert max(waits_ms) < 1_000 * LONG_S / 2, f"none waits for a job of the flood, of {LONG_S} s: {waits_ms}"
        assert set(refused) == {"owner_queue_full"}, "the flood was refused while the other was accepted"
