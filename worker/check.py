"""`python -m worker --check`: whether the workers of this machine, or of this container, are alive."""

import os
import socket
from contextlib import suppress

from redis.exceptions import RedisError

from tasks.queue.connect import close, connect
from tasks.queue.redis_keys import WORKER_MS
from tasks.queue.start_check import fault_of
from tasks.queue.watch.workers import WorkerRecord, WorkerRegistry, read_workers
from tasks.settings import Settings

ALIVE, NOT_ALIVE = 0, 1
"""Exit statuses, as health checks of containers know them."""
TIMEOUT_S = 5.0


async def check(settings: Settings) -> tuple[int, str]:
    """Look at the beats of this host's workers. Each comes from the worker's event loop: one that stands still, or
    whose process is stopped, has none.

    Args:
        settings: Where Redis is.

    Returns:
        The exit status, and a line that says why.
    """
    redis = connect(
        settings.redis_url.get_secret_value(),
        ssl_cert_reqs=settings.redis_ssl_cert_reqs,
        ca=settings.redis_ca,
        max_connections=1,
        answer_timeout_s=TIMEOUT_S,
    )
    try:
        registry = await read_workers(redis)
    except (RedisError, OSError, TimeoutError) as error:
        return NOT_ALIVE, f"Nothing is known of the worker. {fault_of(error)}"
    finally:
        with suppress(RedisError, OSError):
            await close(redis)
    return state_of_host(registry, socket.gethostname())


def state_of_host(registry: WorkerRegistry, host: str) -> tuple[int, str]:
    """Say whether a host's workers are alive, from their beats.

    Args:
        registry: All workers.
        host: Its name; the processes of its workers are looked for on this machine.

    Returns:
        The exit status, and a line that says why.
    """
    newest: dict[int, WorkerRecord] = {}
    for worker in registry.workers:  # the oldest first: a process id may have been another's before
        if worker.host == host:
            newest[worker.pid] = worker
    silent = [worker for worker in newest.values() if not registry.alive(worker) and _exists(worker.pid)]
    if silent:
        names = ", ".join(worker.id for worker in silent)
        return (
            NOT_ALIVE,
            f"No beat for {WORKER_MS // 1000} s of {names}: its process is stopped, or its loop stands still",
        )
    beating = [worker for worker in newest.values() if registry.alive(worker)]
    if not beating:
        return NOT_ALIVE, f"No worker of host {host} beats"
    lacks = dict.fromkeys(part for worker in beating for part in worker.sandbox_lacks)
    about = f" (the sandbox lacks {' and '.join(lacks)}: see docs/operations.md)" if lacks else ""
    return ALIVE, f"alive: {', '.join(worker.id for worker in beating)}{about}"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
