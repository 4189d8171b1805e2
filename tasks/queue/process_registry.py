"""Which processes use this database, so that two installations in one are noticed before they run each other's jobs.

Every process, web or worker, notes itself with a fingerprint of its storage and its SECRET_KEYs. Processes of one
installation have the same storage and, while a key is being changed, at least one key in common. It notes too in which
form it can read packed records, so that during a deploy none are written that a process of the former version cannot.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tasks import clock
from tasks.queue.connection_pool import PrimaryPool
from tasks.queue.records.packing import NEWEST
from tasks.queue.redis_keys import BEAT_MS, PROCESSES, SECOND_MS, WORKER_MS, WORKER_RECORD_TTL_MS
from tasks.queue.script import Script
from tasks.settings import Settings

log = structlog.get_logger()

LOOK_S: Final = 1.0
"""Seconds between two looks whether the other installation has left."""
SPARE: Final = 1
"""Connections of each process' share that its pool leaves free: for one beside the pool, and for operators."""
LEAVE_S: Final = 0.5
"""Seconds that a process that ends gives to its removal."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells two installations apart. It is in Redis, so it is short and says nothing of what it was made from.

    storage: of the storage; `host.folder` for a folder, which is another one on another machine; empty for memory.
    keys: of the SECRET_KEYs; none if there is no such key.
    """

    storage: str
    keys: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        bucket = settings.add_on_bucket
        scheme, _, place = (bucket.url if bucket else settings.storage_url).partition("://")
        if scheme == "file":
            storage = f"{_short(socket.gethostname())}.{_short(str(Path(unquote(place)).absolute()))}"
        else:
            storage = "" if scheme == "memory" else _short(f"{scheme} {place.rstrip('/')} {settings.storage_endpoint}")
        key = settings.secret_key.get_secret_value() if settings.secret_key else ""
        return cls(storage, frozenset(_short(one.strip()) for one in key.split(",") if one.strip()))

    @classmethod
    def read(cls, text: str) -> Self:
        storage, _, keys = text.partition("/")
        return cls(storage, frozenset(keys.split("+")) if keys else frozenset())

    def __str__(self) -> str:
        return f"{self.storage}/{'+'.join(sorted(self.keys))}"

    def same_installation(self, other: "Fingerprint") -> bool:
        """Whether nothing says that these are two installations."""
        host, folder = self.storage.partition(".")[::2]
        other_host, other_folder = other.storage.partition(".")[::2]
        elsewhere = bool(folder and other_folder) and host != other_host
        storage = not (self.storage and other.storage) or elsewhere or self.storage == other.storage
        return storage and (not (self.keys and other.keys) or bool(self.keys & other.keys))


class ProcessRegistry:
    """Notes this process among those that use the database.

    Args:
        redis: Connection.
        settings: Of this process.
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings) -> None:
        self._redis = redis
        self._join = Script(redis, "run/join")
        self._wait_s = settings.start_wait_s
        self._fingerprint = Fingerprint.of(settings)
        self.beaten_at = 0.0
        """`time.monotonic()` of the last beat that Redis took: it answers, and takes writes."""
        self._member = f"{self._fingerprint} {NEWEST} {socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    async def join(self) -> str | None:
        """Note this process, once no other installation uses the database.

        Returns:
            Why it may not start, if another installation has not left within START_WAIT_S; else None.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        loop = asyncio.get_running_loop()
        deadline, told = loop.time() + self._wait_s, False
        while others := await self._others():
            hosts = ", ".join(sorted({one.rpartition(" ")[2].rsplit(":", 2)[0] for one in others}))
            if loop.time() >= deadline:
                return (
                    f"REDIS_URL: another Pressroom (on {hosts}), with another storage or SECRET_KEY, uses this "
                    "database. Give each its own: another number at the end of REDIS_URL, or another server. "
                    "If that one was stopped, start again in half a minute"
                )
            if not told:
                log.warning("start.other_installation", hosts=hosts, waits_s=self._wait_s)
                told = True
            await asyncio.sleep(LOOK_S)
        await self.beat()
        return None

    async def beat(self, now_ms: int | None = None) -> None:
        """Note that this process is alive; by a script, since a full Redis refuses plain commands.

        Args:
            now_ms: Redis' time, if it is known.
        """
        now = now_ms or clock.of_redis(await self._redis.time())
        await self._join({"member": self._member, "at": now, "forget_ms": WORKER_RECORD_TTL_MS})
        self.beaten_at = time.monotonic()
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zcount(PROCESSES, now - WORKER_MS, "+inf")
            pipe.info("clients")
            processes, clients = await pipe.execute(raise_on_error=False)
        if isinstance(processes, Exception):
            raise processes
        await self._take_share(processes, clients)

    async def _take_share(self, processes: int, clients: object) -> None:
        """Hold no more connections than this process' share of those that the server allows all of them."""
        pool = self._redis.connection_pool
        # Without the right to ask, REDIS_MAX_CONNECTIONS is all that is known.
        if isinstance(clients, dict) and "maxclients" in clients and isinstance(pool, PrimaryPool):
            await pool.limit(int(clients["maxclients"]) // max(processes, 1) - SPARE)

    async def beat_until_cancelled(self) -> None:
        """Beat, for a process that has no duty that does it. Errors are left to those who need Redis."""
        while True:
            await asyncio.sleep(BEAT_MS / SECOND_MS)
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await self.beat()

    async def leave(self) -> None:
        """Remove this process, so that nobody waits until its last beat is old."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._redis.zrem(PROCESSES, self._member)

    async def _others(self) -> Sequence[str]:
        """Living processes of other installations."""
        return [
            one
            for one in await _living(self._redis)
            if not self._fingerprint.same_installation(Fingerprint.read(one.partition(" ")[0]))
        ]


async def form_for_all(redis: "Redis[bytes]") -> int:
    """Return the newest form of packed records (`packing.FORMS`) that all living processes can read.

    Args:
        redis: Connection.
    """
    # Those of versions that knew form 1 only note none.
    noted = [one.split(" ")[1:-1] for one in await _living(redis)]
    return min([NEWEST, *(int(form[0]) if form else 1 for form in noted)])


async def _living(redis: "Redis[bytes]") -> Sequence[str]:
    """The members of living processes."""
    since = clock.of_redis(await redis.time()) - WORKER_MS
    return [one.decode() for one in await redis.zrangebyscore(PROCESSES, since, "+inf")]


def _short(text: str) -> str:
    """Eight characters that tell texts apart, and too few to guess a key by."""
    return hashlib.sha256(b"pressroom installation " + text.encode()).hexdigest()[:8]
