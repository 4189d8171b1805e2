"""What a worker says of its jobs, read where a platform reads it: from the error output of a real process."""

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from arq.connections import ArqRedis

from tasks.queue.jobs.job_store import JobStore
from tasks.queue.records.record import State
from tasks.settings import Settings
from tests.support.engine_running import JobClient
from tests.support.processes import worker_process

MARKER = "open-sesame"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


class Told:
    """The lines of a process so far."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def text(self) -> str:
        return self._file.read_text()

    def of(self, job_id: str) -> list[dict[str, Any]]:
        """Those about a job, which are JSON, as all are."""
        lines = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in lines if line.get("job") == job_id]

    def events(self, job_id: str) -> list[str]:
        return [line["event"].removeprefix("job.") for line in self.of(job_id)]


@asynccontextmanager
async def telling(
    redis: ArqRedis, folder: Path, **environment: str
) -> AsyncIterator[tuple[Told, "subprocess.Popen[bytes]"]]:
    """A worker process whose lines can be read. Its password is made up: Valkey asks for none."""
    address, lines = redis.connection_pool.connection_kwargs, folder / "lines"
    url = f"redis://default:{MARKER}@{address['host']}:{address['port']}/0"
    async with worker_process(redis, url, environment=environment, lines=lines, default=5) as process:
        yield Told(lines), process


async def test_each_job_has_a_line_at_its_start_each_retry_and_its_end(
    redis: ArqRedis, settings: Settings, job_client: JobClient, tmp_path: Path
) -> None:
    """And none holds what the job was asked for, though its exceptions quote it."""
    # Two owners: of their shares the jobs that sleep would leave nothing to those that are tried again.
    environment = {"LOG_LEVEL": "debug", "SHUTDOWN_GRACE_S": "0", "OWNER_MAX_RUNNING": "0"}
    async with telling(redis, tmp_path, **environment) as (told, process):
        well = await job_client.submit(
            "echo", name=MARKER, owner="acme", request_id="r-1", traceparent=TRACEPARENT, a=MARKER
        )
        badly = await job_client.submit("note", file=f"/nowhere/{MARKER}/lines")
        refused = await job_client.submit("refuse", file=MARKER)
        stopped = await job_client.submit("sleep", file=str(tmp_path / MARKER), seconds=60)
        handed_back = await job_client.submit("sleep", file=str(tmp_path / MARKER), seconds=60)
        for job_id in (well, badly, refused):
            await job_client.ended(job_id)
        for job_id in (stopped, handed_back):
            await job_client.until(job_id, State.RUNNING)
        await JobStore(redis, settings).cancel(stopped)
        await job_client.ended(stopped)
        process.terminate()
        await job_client.until(handed_back, State.QUEUED)
        process.wait(10)
        await JobStore(redis, settings).cancel(handed_back)

    assert MARKER not in told.text
    start, end = told.of(well)
    same = {"job": well, "kind": "echo", "owner": "acme", "attempt": 1, "request_id": "r-1", "trace_id": TRACE_ID}
    assert (start["event"], start["level"], start | same) == ("job.started", "debug", start)
    assert (end["event"], end["level"], end | same) == ("job.succeeded", "info", end)
    assert 0 <= end["seconds"] < 5

    assert told.events(badly) == ["started", "raised", "retrying"] * 2 + ["started", "raised", "failed"]
    failed = told.of(badly)[-1]
    assert (failed["attempt"], failed["level"], failed["code"]) == (3, "warning", "failed")
    trace = told.of(badly)[1]["exception"].splitlines()
    assert trace[0] == "builtins.FileNotFoundError"
    assert any("tests/support/kinds.py:" in line and line.endswith("in leave_a_line") for line in trace)

    assert told.events(refused) == ["started", "failed"]
    assert told.of(refused)[-1]["code"] == "corrupt"
    assert told.events(stopped) == ["started", "cancelled"]
    assert told.events(handed_back) == ["started", "handed_back"]


async def test_unless_asked_for_more_a_job_that_goes_well_has_one_line(
    redis: ArqRedis, job_client: JobClient, tmp_path: Path
) -> None:
    async with telling(redis, tmp_path) as (told, process):
        job_id = await job_client.submit("echo")
        await job_client.ended(job_id)
        process.terminate()
        process.wait(10)
    assert told.events(job_id) == ["succeeded"]
    assert MARKER not in told.text
