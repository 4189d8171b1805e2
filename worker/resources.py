"""What a worker process holds open: made at the edge, handed down, closed at the end."""

import os
from dataclasses import dataclass

from arq.connections import ArqRedis

from tasks.outbound.client import GuardedClient
from tasks.outbound.url_policy import own_hosts
from tasks.queue.connect import close, connect
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tasks.webhook.endpoints import open_box
from worker.sandbox.sandbox import ProcessSandbox

PRELOAD = ("tasks.thumbnail.imaging", "tasks.report.entry")
"""What the sandbox loads once, before its children are forked."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Redis, storage, sandbox and the way out. Nothing is connected or started before it is first used."""

    redis: ArqRedis
    storage: Storage
    sandbox: ProcessSandbox
    outbound: GuardedClient

    async def close(self) -> None:
        await self.outbound.close()
        await self.sandbox.stop()
        await close(self.redis)


def open_resources(settings: Settings) -> Resources:
    """Raises: ValueError for a setting that cannot work, saying which and why."""
    open_box(settings)  # jobs open boxes of their own; here it is refused that a platform runs without a key
    sandbox = ProcessSandbox(
        preload=PRELOAD,
        children=settings.sandbox_children or os.cpu_count() or 1,
        memory_mb=settings.sandbox_memory_mb,
        budget_mb=settings.sandbox_budget_mb,
        recycle_after=settings.sandbox_recycle_after,
    )
    redis = connect(
        settings.redis_url.get_secret_value(),
        ssl_cert_reqs=settings.redis_ssl_cert_reqs,
        max_connections=settings.redis_max_connections,
    )
    outbound = GuardedClient(
        dns_timeout_s=settings.dns_timeout_s,
        connect_timeout_s=settings.connect_timeout_s,
        post_timeout_s=settings.delivery_timeout_s,
        fetch_timeout_s=settings.import_timeout_s,
        networks=settings.outbound_networks,
        http=settings.outbound_http,
        own_hosts=own_hosts(settings.public_url),
    )
    return Resources(redis=redis, storage=open_storage(settings), sandbox=sandbox, outbound=outbound)
