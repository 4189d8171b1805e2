"""Web processes are replaced one after the other under load, behind a router that only looks at `/readyz`."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field

import httpx
import pytest
from arq.connections import ArqRedis

from tests.support.api.web_process import WebProcess, start_web
from tests.support.eventually import eventually
from tools.servers import Valkey

POLL_S = 0.3
"""Between two looks of the router at `/readyz`."""
DRAIN_S = 1.5
AT_ONCE = 8


@dataclass
class Web:
    """A web process, as the router knows it."""

    server: WebProcess
    client: httpx.AsyncClient
    ready: bool = False


@dataclass
class Router:
    """Sends each request to one of the processes that were ready at the last look, and never sends it again."""

    url: str
    webs: list[Web] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    _turn: int = 0

    async def add(self) -> Web:
        server = start_web(self.url, "memory://", {"API_KEYS": "", "DRAIN_S": str(DRAIN_S)})
        web = Web(server, httpx.AsyncClient(base_url=server.url, timeout=10))
        await asyncio.to_thread(server.wait_until_alive)
        self.webs.append(web)
        await eventually(lambda: web.ready)
        return web

    async def remove(self, web: Web) -> int:
        """Stop a process as platforms do, with more than one signal. Returns its exit status."""
        for _ in range(2):
            web.server.process.terminate()
            await asyncio.sleep(0.1)
        status = await asyncio.wait_for(asyncio.to_thread(web.server.process.wait), 20)
        self.webs.remove(web)
        await web.client.aclose()
        return status

    async def poll(self) -> None:
        while True:
            for web in list(self.webs):
                try:
                    web.ready = (await web.client.get("/readyz", timeout=2)).status_code == 200
                except httpx.HTTPError:
                    web.ready = False
            await asyncio.sleep(POLL_S)

    async def load(self) -> None:
        while True:
            ready = [web for web in self.webs if web.ready]
            self._turn += 1
            web = ready[self._turn % len(ready)]
            try:
                method, path = ("POST", "/v1/images") if self._turn % 3 == 0 else ("GET", "/v1/jobs")
                answer = await web.client.request(method, path, content=b"GIF89a" if method == "POST" else None)
                self.seen[str(answer.status_code)] += 1
            except httpx.HTTPError as error:
                self.seen[type(error).__name__] += 1


@contextlib.asynccontextmanager
async def running(*loops: Coroutine[None, None, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("rounds", [2, pytest.param(10, marks=[pytest.mark.long, pytest.mark.seconds(600)])])
async def test_no_request_is_lost(mortal_redis: ArqRedis, mortal_valkey: Valkey, rounds: int) -> None:
    router = Router(mortal_valkey.url)
    try:
        async with running(router.poll()):
            for _ in range(2):
                await router.add()
            async with running(*(router.load() for _ in range(AT_ONCE))):
                for _ in range(rounds):
                    old = router.webs[0]
                    await router.add()
                    assert await router.remove(old) == -signal.SIGTERM
    finally:
        for web in router.webs:
            web.server.kill()
            await web.client.aclose()
    assert router.seen.keys() == {"200", "202"}, router.seen
    assert router.seen.total() > 100
