"""A report that is cancelled or takes too long: its child is killed, and no file of it is left."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.queue.connect import close, connect
from tasks.queue.jobs.job_store import JobStore
from tasks.settings import Settings
from tests.end_to_end.test_reports import made, of_csv, uploaded
from tests.support.eventually import eventually_sync

ROWS = 400_000
TIMES = 3
"""So often the rows are printed: more than can be done in REPORT_SECONDS."""
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def ledger() -> str:
    lines = (f"2026-11-{row % 28 + 1:02},shop number {row},{row}.25\n" for row in range(ROWS))
    return "day,shop,amount\n" + "".join(lines)


def cancel(job_id: str, redis_url: str) -> str:
    async def told() -> str:
        redis = connect(redis_url)
        answer = await JobStore(redis, Settings(_env_file=None)).cancel(job_id)
        await close(redis)
        return answer

    return asyncio.run(told())


def begun(client: httpx.Client, ledger: str) -> str:
    """The id of a job that prints the ledger again and again, once it is at work."""
    spec = of_csv(uploaded(client, ledger))
    spec["blocks"] *= TIMES
    job_id: str = client.post("/v1/reports", json=spec).json()["id"]
    eventually_sync(lambda: (client.get(f"/v1/jobs/{job_id}").json().get("progress") or {}).get("done", 0) > 0)
    return job_id


def children_of(*pids: int) -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if int(after_name[1]) in pids and after_name[0] != "Z":
            found.add(int(stat.parent.name))
    return found


def sandboxes_of(worker: int) -> set[int]:
    """The worker's sandbox children: the children of its zygote."""
    return children_of(*children_of(worker))


def scratch_of(worker: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"pressroom-scratch-{worker}-*/*"))


def assert_nothing_left(client: httpx.Client, job: dict[str, Any], worker: int, working: set[int]) -> None:
    assert job["files"] == []
    assert client.get(f"/v1/jobs/{job['id']}/files/report.pdf").status_code == 409
    # Other jobs may have folders of their own; a report's has its request in it.
    eventually_sync(lambda: not [folder for folder in scratch_of(worker) if (folder / "request.json").exists()])
    eventually_sync(lambda: len(working - sandboxes_of(worker)) == 1)


def test_a_cancelled_report_is_killed_at_once_and_leaves_nothing(
    client: httpx.Client, redis_url: str, worker: int, ledger: str
) -> None:
    job_id = begun(client, ledger)
    working = sandboxes_of(worker)
    assert scratch_of(worker) != []
    began = time.monotonic()
    assert cancel(job_id, redis_url) == "running"
    job = client.get(f"/v1/jobs/{job_id}", params={"wait": 10}).json()
    assert job["state"] == "cancelled"
    assert time.monotonic() - began < 3
    assert_nothing_left(client, job, worker, working)
    assert made(client, of_csv(uploaded(client, "day,shop,amount\n")))["state"] == "succeeded"


def test_a_report_that_takes_too_long_is_killed_and_leaves_nothing(
    client: httpx.Client, worker: int, ledger: str
) -> None:
    job_id = begun(client, ledger)
    working = sandboxes_of(worker)
    job = client.get(f"/v1/jobs/{job_id}", params={"wait": 20}).json()
    assert (job["state"], job["error"]["code"]) == ("failed", "timed_out")
    assert "4 s" in job["error"]["message"]
    assert len(job["attempts"]) == 1
    assert_nothing_left(client, job, worker, working)


def test_a_table_over_the_limit_of_rows_is_refused_with_the_limit(client: httpx.Client) -> None:
    rows = "".join(f"{row}\n" for row in range(500_001))
    spec = of_csv(uploaded(client, "n\n" + rows))
    spec["blocks"][0]["columns"] = [{"field": "n", "type": "integer"}]
    job = made(client, spec)
    assert (job["state"], job["error"]["code"]) == ("failed", "too_many_rows")
    assert "500,000" in job["error"]["message"]
