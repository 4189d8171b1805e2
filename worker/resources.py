"""What a worker process holds open: created at start-up, passed down, closed at the end."""

import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

from arq.connections import ArqRedis

from tasks.kind import Kind, Notes, Sandbox, Scratch
from tasks.outbound.open import open_outbound
from tasks.outbound.protocol import Outbound
from tasks.queue.connect import close, connect
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tasks.webhook.endpoints import open_box
from worker.sandbox.sandbox import ProcessSandbox


class SharedSandbox(Protocol):
    """A sandbox that all owners share."""

    def of(self, owner: str, scratch: Scratch, notes: Notes | None = None) -> Sandbox:
        """Return the sandbox for the calls of one attempt, with its owner, its scratch folder and its notes."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerResources:
    """Redis, storage, sandbox and outbound HTTP. Nothing is connected or started before its first use."""

    redis: ArqRedis
    storage: Storage
    sandbox: SharedSandbox
    outbound: Outbound
    _closing: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def close(self) -> None:
        """Close what `open_resources` opened."""
        await self._closing.aclose()


def open_resources(settings: Settings, kinds: Mapping[str, Kind[Any]]) -> WorkerResources:
    """Create the resources that the settings describe.

    Args:
        settings: The settings of the process.
        kinds: The kinds that it runs, by name.

    Raises:
        ValueError: A setting cannot work; the message says which, and what to write.
    """
    open_box(settings)  # jobs open their own; this refuses to start on a platform without SECRET_KEY
    sandbox = ProcessSandbox(
        preload=tuple(dict.fromkeys(module for kind in kinds.values() for module in kind.preload)),
        children=settings.sandbox_children or os.cpu_count() or 1,
        memory_mb=settings.sandbox_memory_mb,
        budget_mb=settings.sandbox_budget_mb,
        recycle_after=settings.sandbox_recycle_after,
        reserved_mb=settings.reserved_memory_mb,
    )
    redis = connect(
        settings.redis_url.get_secret_value(),
        ssl_cert_reqs=settings.redis_ssl_cert_reqs,
        ca=settings.redis_ca,
        max_connections=settings.redis_max_connections - 1,  # the lease keeper has one of its own
    )
    outbound = open_outbound(settings)
    closing = AsyncExitStack()
    closing.push_async_callback(close, redis)
    closing.push_async_callback(sandbox.stop)
    closing.push_async_callback(outbound.close)
    return WorkerResources(redis, open_storage(settings), sandbox, outbound, closing)
