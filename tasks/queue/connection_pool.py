"""The pool of a process's connections to Redis: it leaves a server that no longer takes writes, and waits for a free
place where the server has a limit.
"""

import asyncio
import random
import re
import time
from typing import Any, Final

from redis._parsers.hiredis import _AsyncHiredisParser
from redis.asyncio import BlockingConnectionPool, Sentinel
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import BusyLoadingError, ConnectionError, ReadOnlyError, RedisError  # noqa: A004 - Redis' own

FAILED_OVER: Final = re.compile(r"(?:^|-)(?:READONLY|LOADING|MASTERDOWN) |instance state changed")
"""In an error's text, where redis-py has no class for it: Redis 6.2 wraps what a script hears, and the last one ends
a blocked command when its server is demoted."""
FRESH_S: Final = 1.0
"""A connection that was made within this time is kept even so: another one would lead to the same server."""
FEWEST: Final = 3
"""Connections that a process has at least: a worker holds one while it listens for jobs."""
AT_ONCE_BYTES: Final = 32 * 1024
"""A command of at most this size fits into the buffer of an idle connection, and needs no task to wait for room."""
NO_PLACE: Final = "max number of clients reached"
NO_PLACE_PAUSE_S: Final = 0.1
"""For so long no further connection is tried once the server has refused one for lack of a place."""


def says_failover(error: Exception) -> bool:
    """Whether an error says that this server is not the primary, or not yet."""
    return isinstance(error, ReadOnlyError | BusyLoadingError) or FAILED_OVER.search(str(error)) is not None


class PrimaryConnection(AbstractConnection):
    """A connection that tells its pool when its server is no longer the primary."""

    pool: "PrimaryPool"
    # The stubs lack these.
    _writer: asyncio.StreamWriter | None
    _reader: asyncio.StreamReader | None
    _parser: Any
    made_at = 0.0

    async def on_connect(self) -> None:
        await super().on_connect()
        self.made_at = time.monotonic()

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        writer = self._writer
        if (
            writer is None
            or not isinstance(command, list)
            or sum(map(len, command)) > AT_ONCE_BYTES
            or writer.transport.get_write_buffer_size()
        ):
            await super().send_packed_command(command, check_health)
            return
        # redis-py writes in a task of its own, for its time limit. This much is written or buffered at once; the time
        # limit of the answer covers it.
        if check_health:
            await self.check_health()
        try:
            writer.writelines(command)
            await writer.drain()
        except OSError as error:
            await self.disconnect(nowait=True)
            raise ConnectionError(f"Error while writing to the socket: {error}") from error
        except BaseException:
            await self.disconnect(nowait=True)  # the answer would be the next command's
            raise

    async def can_read_destructive(self) -> bool:
        # redis-py reads with a time limit of no seconds, which takes as long as a short script. That is left for the
        # case that there is something: an answer that no one has read, or the end of the connection.
        reader, parser = self._reader, self._parser
        if (
            reader is not None
            and isinstance(parser, _AsyncHiredisParser)
            and not (reader._buffer or reader.at_eof() or reader.exception())  # type: ignore[attr-defined]  # noqa: SLF001
            and parser._reader is not None  # noqa: SLF001
            and not parser._reader.has_data()  # noqa: SLF001
        ):
            return False
        return bool(await super().can_read_destructive())

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)
        except RedisError as error:
            if says_failover(error):
                await self.pool.leave_server(self)
            raise


class TcpConnection(PrimaryConnection, Connection):
    """Over TCP."""


class TlsConnection(PrimaryConnection, SSLConnection):
    """Over TLS."""


class SocketConnection(PrimaryConnection, UnixDomainSocketConnection):
    """Over a Unix socket."""


class SentinelTcpConnection(TcpConnection):
    """Over TCP, to the server that the sentinels call the primary when it is made."""

    async def _connect(self) -> None:
        self.host, self.port = await self.pool.primary()
        await super()._connect()  # type: ignore[misc] # the stubs lack it


class SentinelTlsConnection(TlsConnection):
    """As `SentinelTcpConnection`, over TLS."""

    async def _connect(self) -> None:
        self.host, self.port = await self.pool.primary()
        await super()._connect()  # type: ignore[misc] # the stubs lack it


class PrimaryPool(BlockingConnectionPool):  # type: ignore[type-arg] # it is not generic
    """Who finds all connections taken waits for one.

    A connection that hears READONLY, LOADING or MASTERDOWN is closed, and all others with it: idle ones and
    subscriptions at once, those in use when they are given back. New ones ask DNS, the proxy or the sentinels again.

    Args:
        sentinel: The sentinels, if they are asked.
        master: The name under which they know the primary.
        options: Those of redis-py's pool.
    """

    # The stubs are older than redis-py 5, and lack these.
    _available_connections: list[Any]
    _in_use_connections: set[Any]
    max_connections: int

    def __init__(self, *, sentinel: Sentinel | None = None, master: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.sentinel = sentinel
        self.master = master
        self._most = self.max_connections
        self._asking = asyncio.Lock()
        self._left_at = 0.0
        self._place_at = 0.0
        self._queued = 0  # callers that wait for a connection

    async def primary(self) -> tuple[str, int]:
        """Ask the sentinels where the primary is."""
        assert self.sentinel is not None  # noqa: S101 - only its connections ask
        # One after another: redis-py moves the sentinel that answered to the front, and may lose one if two do so.
        async with self._asking:
            host, port = await self.sentinel.discover_master(self.master)
        return host, port

    def make_connection(self) -> Any:
        connection = super().make_connection()
        connection.pool = self
        return connection

    async def leave_server(self, connection: PrimaryConnection) -> None:
        """Close the connections that were made before now, unless this one is as fresh as another would be."""
        now = time.monotonic()
        if now - connection.made_at < FRESH_S:
            return
        self._left_at = now
        # A subscription, which redis-py knows by its callback, is never given back, and hears no such error.
        subscribed = [one for one in self._in_use_connections if one._connect_callbacks]  # noqa: SLF001
        for one in (*self._available_connections, *subscribed):
            await one.disconnect(nowait=True)

    async def limit(self, connections: int) -> None:
        """Hold at most so many connections from now on, within what the settings allow."""
        self.max_connections = min(self._most, max(connections, FEWEST))
        idle = [one for one in self._available_connections if one.is_connected]
        for one in idle[: max(self._open() - self.max_connections, 0)]:
            await one.disconnect(nowait=True)

    def _open(self) -> int:
        return len(self._in_use_connections) + [one.is_connected for one in self._available_connections].count(True)

    async def release(self, connection: Any) -> None:
        too_many = self.max_connections < self._most and self._open() > self.max_connections
        if too_many or connection.made_at <= self._left_at:
            await connection.disconnect(nowait=True)
        await super().release(connection)

    def can_get_connection(self) -> bool:
        # From the last on, which is the one that was given back last.
        if any(one.is_connected for one in reversed(self._available_connections)):
            return True
        return len(self._in_use_connections) < self.max_connections and time.monotonic() >= self._place_at

    def get_available_connection(self) -> Any:
        idle = self._available_connections
        if idle and not idle[-1].is_connected:
            idle.sort(key=lambda one: one.is_connected)  # the last is taken
        return super().get_available_connection()  # type: ignore[misc]

    async def get_connection(self, *_: Any, **__: Any) -> Any:
        """A connected connection.

        Raises: redis.exceptions.ConnectionError if there is none, or no place for one at the server, within the pool's
        `timeout`.
        """
        if self._available_connections and not self._queued and self.can_get_connection():
            # Nothing to wait for: the lock and the timeout of redis-py's method take longer than a short script.
            connection = self.get_available_connection()
            try:
                await self.ensure_connection(connection)  # type: ignore[attr-defined] # the stubs lack it
            except BaseException:
                await self.release(connection)
                raise
            return connection
        deadline = time.monotonic() + (self.timeout or 0)
        while True:
            self._queued += 1
            try:
                return await super().get_connection()  # type: ignore[call-arg]
            except ConnectionError as error:
                if NO_PLACE not in str(error) or time.monotonic() > deadline:
                    raise
            finally:
                self._queued -= 1
            # Whoever was refused last tries again; others wait for one that is given back.
            pause_s = NO_PLACE_PAUSE_S * (1 + random.random())  # noqa: S311 - jitter, no secret
            self._place_at = time.monotonic() + pause_s
            await asyncio.sleep(pause_s)
