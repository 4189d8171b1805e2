"""A Redis plan with 20 connections, for two web processes and a worker."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.api.web_process import web_process
from tests.support.eventually import eventually
from tests.support.processes import start
from tools.servers import Valkey

PLACES = 20
AT_ONCE, REPORTS = 40, 160
START_S = 60.0
REPORTS_S = 150.0


@pytest.fixture
def small_plan() -> Iterator[Valkey]:
    with Valkey(options={"maxclients": str(PLACES)}) as server:
        yield server


@asynccontextmanager
async def deployed(url: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Two web processes behind one port, and a worker, with the settings' defaults."""
    storage = f"file://{folder / 'storage'}"
    worker = start(url, "worker", lines=folder / "worker.log", STORAGE_URL=storage, LOG_LEVEL="warning")
    try:
        environment = {"WEB_CONCURRENCY": "2", "API_KEYS": ""}
        with web_process(url, storage, environment, lines=folder / "web.log") as web:
            async with httpx.AsyncClient(base_url=web.url, timeout=90) as client:
                await eventually(lambda: is_up(client), seconds=START_S)
                yield client
    finally:
        worker.terminate()
        worker.wait()


async def is_up(client: httpx.AsyncClient) -> bool:
    answer = await client.get("/readyz")
    return answer.status_code == 200 and "No worker" not in answer.text


async def report(client: httpx.AsyncClient, number: int) -> tuple[int, str]:
    content = f"a,b\n1,{number}\n"
    headers = {"Content-Type": "text/csv"}
    answer = await client.post(f"/v1/reports?title=x{number}", content=content, headers=headers)
    if answer.status_code != 202:
        return answer.status_code, "not accepted"
    while answer.json().get("state") not in {"succeeded", "failed"}:
        answer = await client.get(f"/v1/jobs/{answer.json()['id']}?wait=20")
        if answer.status_code != 200:
            return answer.status_code, "not waited for"
    return answer.status_code, answer.json()["state"]


@pytest.mark.seconds(240)
async def test_a_plan_with_20_connections_serves_two_web_processes_and_a_worker(
    small_plan: Valkey, tmp_path: Path
) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async with deployed(small_plan.url, tmp_path) as client:

        async def one(number: int) -> tuple[int, str]:
            async with slots:
                return await report(client, number)

        try:
            async with asyncio.timeout(REPORTS_S):
                ends = Counter(await asyncio.gather(*(one(number) for number in range(REPORTS))))
        except TimeoutError as late:
            about = (await client.get("/v1/queues")).text, (await client.get("/readyz")).text
            logs = [(tmp_path / f"{name}.log").read_text()[-3_000:] for name in ("worker", "web")]
            raise AssertionError("\n".join([f"not all within {REPORTS_S:g} s", *about, *logs])) from late
        assert ends == {(200, "succeeded"): REPORTS}
