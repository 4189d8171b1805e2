"""The primary changes under load: behind an address that stays, and by Sentinel's decision. What was accepted ends."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tasks.settings import Settings
from tests.support.api.serving import KEYS, client_of, serving
from tests.support.eventually import eventually
from tests.support.processes import worker_process
from tests.support.queue.proxy import Proxy
from tests.support.servers import SentinelServer
from tools.servers import REDIS_SERVER, Valkey

AT_ONCE = 4
"""Clients that submit jobs, each the next one after an answer."""
RECOVERED_S = 20.0
PROMOTED_S = 60.0
ENDED_S = 60.0

needs_redis_server = pytest.mark.skipif(REDIS_SERVER is None, reason="redis-server is not installed")


class Load:
    """Clients that submit jobs until they are stopped.

    accepted: the ids of the jobs that were accepted. refused: how often each status was answered instead.
    """

    def __init__(self, client: httpx.AsyncClient, file: Path) -> None:
        self._client = client
        self._file = file
        self.accepted: list[str] = []
        self.refused: Counter[int] = Counter()

    @contextlib.asynccontextmanager
    async def submitting(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._submit()) for _ in range(AT_ONCE)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def more(self, count: int) -> None:
        """Wait until so many more were accepted."""
        wanted = len(self.accepted) + count
        await eventually(lambda: len(self.accepted) >= wanted, seconds=60)

    async def is_ready(self) -> bool:
        """Whether `/readyz` says so."""
        return (await self._client.get("/readyz")).status_code == 200

    async def _submit(self) -> None:
        while True:
            answer = await self._client.post("/v1/events", json={"type": "a.b", "data": {}})
            if answer.status_code == 202:
                self.accepted.append(answer.json()["id"])
            else:
                self.refused[answer.status_code] += 1
            await asyncio.sleep(0.02)

    async def unended(self) -> list[str]:
        """Wait until all accepted jobs have ended. Returns those that no longer exist."""
        missing = []
        for job_id in self.accepted:
            answer = await self._client.get(f"/v1/jobs/{job_id}?wait=20")
            if answer.status_code == 404:
                missing.append(job_id)
            else:
                assert answer.json()["state"] == "succeeded", answer.json()
        return missing


def settings_of(url: str, folder: Path) -> Settings:
    return Settings(_env_file=None, redis_url=url, storage_url=f"file://{folder}", api_keys=KEYS, secret_key="k" * 32)


@contextlib.asynccontextmanager
async def service(url: str, folder: Path, watched: ArqRedis) -> AsyncIterator[Load]:
    """Web and a worker on this URL. watched: where the worker is seen to live."""
    environment = {"STORAGE_URL": f"file://{folder}", "SECRET_KEY": "k" * 32}
    log = folder / "worker.log"
    async with (
        serving(settings_of(url, folder)) as port,
        client_of(port) as client,
        worker_process(watched, url, environment=environment, lines=log, default=10, webhooks=10),
    ):
        yield Load(client, log)


async def synchronised(primary: ArqRedis, replica: ArqRedis) -> bool:
    roles = (await primary.info("replication"))["connected_slaves"], await replica.info("replication")
    return bool(roles[0]) and roles[1]["master_link_status"] == "up"


async def known(sentinel: SentinelServer) -> bool:
    """Whether a sentinel knows the two others and the replica."""
    client = connect(f"redis://127.0.0.1:{sentinel.port}/0")
    masters = await client.sentinel_masters()  # type: ignore[no-untyped-call]
    await close(client)
    state = masters[SentinelServer.name]
    return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)


@pytest.mark.seconds(180)
async def test_a_primary_demoted_in_place_is_left_for_the_new_one(tmp_path: Path, seeded: random.Random) -> None:
    with Valkey() as first, Valkey(options={"replicaof": f"127.0.0.1 {first.port}"}) as second:
        old, new = connect(first.url), connect(second.url)
        await eventually(lambda: synchronised(old, new))
        async with Proxy(first.port) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}/0"
            async with service(url, tmp_path, old) as load:
                async with load.submitting():
                    await load.more(20)
                    await asyncio.sleep(seeded.random())
                    assert await load.is_ready()
                    # As a managed plan does it: writes wait until the replica has them all, no connection is closed,
                    # and the address leads elsewhere from now on.
                    proxy.lead_to(second.port)
                    await old.execute_command("FAILOVER", "TO", "127.0.0.1", second.port)  # type: ignore[no-untyped-call]
                    async with asyncio.timeout(RECOVERED_S):
                        await load.more(20)
                    refused = load.refused.copy()
                    async with asyncio.timeout(RECOVERED_S):
                        await load.more(50)
                    assert load.refused == refused, "once it is over, it is over"
                    assert await load.is_ready()
                async with asyncio.timeout(ENDED_S):
                    missing = await load.unended()
        await close(old)
        await close(new)
    assert missing == []


@needs_redis_server
@pytest.mark.seconds(180)
async def test_a_killed_primary_is_replaced_by_the_one_that_the_sentinels_promote(
    tmp_path: Path, seeded: random.Random
) -> None:
    with (
        Valkey(program=REDIS_SERVER) as first,
        Valkey(program=REDIS_SERVER, options={"replicaof": f"127.0.0.1 {first.port}"}) as second,
        SentinelServer(first.port, quorum=2) as one,
        SentinelServer(first.port, quorum=2) as two,
        SentinelServer(first.port, quorum=2) as three,
    ):
        old, new = connect(first.url), connect(second.url)
        await eventually(lambda: synchronised(old, new))
        await eventually(lambda: known(one))
        sentinels = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in (one, two, three))
        url = f"redis+sentinel://{sentinels}/{SentinelServer.name}/0"
        async with service(url, tmp_path, old) as load:
            async with load.submitting():
                await load.more(20)
                await asyncio.sleep(seeded.random())
                one.kill()  # the one that is asked first
                first.kill()
                async with asyncio.timeout(PROMOTED_S):
                    await load.more(50)
                assert await load.is_ready()
            async with asyncio.timeout(ENDED_S):
                missing = await load.unended()
        assert (await new.info("replication"))["role"] == "master"
        await close(old)
        await close(new)
    print(f"accepted {len(load.accepted)}, refused {dict(load.refused)}, lost with the old primary {len(missing)}")  # noqa: T201
    assert len(missing) <= AT_ONCE * 3, "only what was accepted in the last milliseconds, and not replicated"
