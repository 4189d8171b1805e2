"""The connections of one web process: how many there are, and which of them have used up their time."""

import asyncio
import resource
from collections import Counter
from typing import Protocol

import structlog

from api.server.flow import ReceivedBytes
from tasks.settings import Settings
from tasks.storage.upload_memory import UploadMemory

log = structlog.get_logger()

RESERVED_DESCRIPTORS = 200
"""Descriptors left for Redis, the storage and temporary files."""
SWEEP_S = 1.0
"""Between two looks at all connections. One timer for all of them costs a request nothing."""
MIN_WAIT_S = 1.0
"""A connection that has waited for less is not closed for another: its request may be on its way."""
LOG_S = 10.0
"""Refusals are logged as counts, once in this time at most: anyone can cause them."""


class ClientConnection(Protocol):
    """A connection, as the table sees it.

    Attributes:
        waited_s: Seconds since it was opened, or since its last answer, while it has no request.
    """

    waited_s: float

    def check(self, passed_s: float) -> None:
        """Close the connection if its time is over.

        Args:
            passed_s: Seconds since the last check.
        """
        ...

    def evict(self) -> None:
        """Close the connection to make room for another."""
        ...


class Connections:
    """The open connections of a process.

    Args:
        settings: The limits of each.
        memory: Says how much of bodies sockets may receive, and is told how much they have received.

    Attributes:
        settings: The limits of each.
        received: What all of them have received of bodies.
    """

    def __init__(self, settings: Settings, memory: UploadMemory) -> None:
        self.settings = settings
        self.received = ReceivedBytes(memory.in_sockets_limit)
        memory.in_sockets = self.received.total
        self._most = settings.http_max_connections
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if descriptors != resource.RLIM_INFINITY:
            self._most = min(self._most, max(descriptors - RESERVED_DESCRIPTORS, 1))
        self._open: dict[ClientConnection, None] = {}
        # Those that wait, oldest first: for their first request, and between two.
        self._silent: dict[ClientConnection, None] = {}
        self._idle: dict[ClientConnection, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._swept_at = 0.0
        self._refused: Counter[str] = Counter()
        self._logged_at = 0.0
        # Tests have limits below a second.
        self._sweep_s = min(SWEEP_S, settings.http_header_timeout_s / 4, settings.http_body_grace_s / 4)

    def add(self, connection: ClientConnection) -> bool:
        """Count a new connection in. Returns False if there are too many and none can be closed for it."""
        full = len(self._open) >= self._most
        room = not full or self._make_room()
        self._open[connection] = None
        self._silent[connection] = None
        if self._timer is None:
            self._swept_at = asyncio.get_running_loop().time()
            self._schedule()
        return room

    def remove(self, connection: ClientConnection) -> None:
        self._open.pop(connection, None)
        self.busy(connection)

    def busy(self, connection: ClientConnection) -> None:
        """The connection has a request."""
        self._silent.pop(connection, None)
        self._idle.pop(connection, None)

    def idle(self, connection: ClientConnection) -> None:
        """The connection's request has been answered."""
        self._idle[connection] = None

    def count_refusal(self, code: str) -> None:
        self._refused[code] += 1

    def _make_room(self) -> bool:
        for waiting in (self._silent, self._idle):
            oldest = next(iter(waiting), None)
            if oldest is not None and oldest.waited_s >= min(MIN_WAIT_S, self._sweep_s):
                self.remove(oldest)
                oldest.evict()
                self.count_refusal("evicted")
                return True
        return False

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._sweep_s, self._sweep)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        # A loop that was held up has read nothing meanwhile, which is no fault of the clients.
        passed_s = min(now - self._swept_at, 2 * self._sweep_s)
        self._swept_at = now
        for connection in tuple(self._open):
            connection.check(passed_s)
        if self._refused and now - self._logged_at >= LOG_S:
            log.warning("http.refused", **self._refused)
            self._refused.clear()
            self._logged_at = now
        self._timer = None
        if self._open:
            self._schedule()
