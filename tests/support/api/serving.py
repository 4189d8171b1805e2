"""The API on a real port, in the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn

from api.app import create_app
from api.server.protocol import BoundedProtocol
from tasks.settings import Settings
from tests.support.api.documented import check_documented
from tests.support.servers import free_port

ALICE = "alice-key-0123456789"
BOB = "bob-key-0123456789ab"
KEYS = f"alice:{ALICE},bob:{BOB}"


def client_of(port: int, key: str | None = ALICE, **options: Any) -> httpx.AsyncClient:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    hooks = {"response": [check_documented]}
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30, event_hooks=hooks, **options
    )


def requests_under_way() -> int:
    """How many requests the servers of this process handle."""
    return sum(getattr(task.get_coro(), "__name__", "") == "run_asgi" for task in asyncio.all_tasks())


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[int]:
    """The port on which the API answers until the block ends."""
    port = free_port()
    config = uvicorn.Config(
        create_app(settings), port=port, http=BoundedProtocol, access_log=False, log_level="critical"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the API did not start"
        await asyncio.sleep(0.005)
    try:
        yield port
    finally:
        server.should_exit = True
        await task
