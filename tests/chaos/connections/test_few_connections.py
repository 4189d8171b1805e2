"""A Redis plan with 20 connections, for two web processes and a worker."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.processes import ROOT
from tests.support.servers import Valkey, free_port, start_process

PLACES = 20
AT_ONCE, REPORTS = 40, 160
START_S = 60.0


@pytest.fixture
def small_plan() -> Iterator[Valkey]:
    with Valkey(options={"maxclients": str(PLACES)}) as server:
        yield server


@asynccontextmanager
async def deployed(url: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Two web processes behind one port, and a worker, with the settings' defaults."""
    port = free_port()
    variables = {
        **os.environ,
        "REDIS_URL": url,
        "STORAGE_URL": f"file://{folder / 'storage'}",
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
        "LOG_LEVEL": "warning",
    }
    with ExitStack() as stack:
        for module in ("api", "worker"):
            log = stack.enter_context((folder / f"{module}.log").open("wb"))
            process = start_process([sys.executable, "-m", module], cwd=ROOT, env=variables, stderr=log, stdout=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        address = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=address, timeout=90) as client:
            async with asyncio.timeout(START_S):
                while not await is_up(client):
                    await asyncio.sleep(0.2)
            yield client


async def is_up(client: httpx.AsyncClient) -> bool:
    try:
        answer = await client.get("/readyz")
    except httpx.TransportError:
        return False
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

        ends = Counter(await asyncio.gather(*(one(number) for number in range(REPORTS))))
        assert ends == {(200, "succeeded"): REPORTS}
