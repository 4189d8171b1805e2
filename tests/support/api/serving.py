"""The API on a real port, in the test's own event loop."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn

from api.app import create_app
from api.server.protocol import BoundedProtocol
from tasks.settings import Settings
from tests.support.api.documented import check_documented
from tools.servers import free_port

ALICE = "alice-key-0123456789"
BOB = "bob-key-0123456789ab"
KEYS = f"alice:{ALICE},bob:{BOB}"
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of plain HTTP: loading the authorities of the system takes each 20 ms."""


class PromptServer(uvicorn.Server):
    """Stops when it is asked to; uvicorn's own looks ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    async def main_loop(self) -> None:
        ticks = asyncio.create_task(super().main_loop())
        await self._stopping.wait()
        ticks.cancel()

    def stop(self) -> None:
        self.should_exit = True
        self._stopping.set()


def client_of(port: int, key: str | None = ALICE, **options: Any) -> httpx.AsyncClient:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    hooks = {"response": [check_documented]}
    base_url = f"http://127.0.0.1:{port}"
    return httpx.AsyncClient(
        base_url=base_url, headers=headers, timeout=30, event_hooks=hooks, verify=NO_AUTHORITIES, **options
    )


def requests_under_way() -> int:
    """How many requests the servers of this process handle."""
    return sum(getattr(task.get_coro(), "__name__", "") == "run_asgi" for task in asyncio.all_tasks())


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[int]:
    """The port on which the API answers until the block ends."""
    port = free_port()
    config = uvicorn.Config(
        create_app(settings),
        port=port,
        http=BoundedProtocol,
        access_log=False,
        log_level="critical",
        proxy_headers=False,
    )
    server = PromptServer(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the API did not start"
        await asyncio.sleep(0.005)
    try:
        yield port
    finally:
        server.stop()
        await task
