"""Waiting for a job: the transition itself tells who waits, and a process needs one Redis connection however many
do. While nobody waits for any job, transitions tell nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tasks.queue.feed_keys import FEED
from tasks.queue.records.record import Record
from tasks.queue.redis_keys import CHANGES, JOB, WATCHED
from tasks.queue.watch.reader import CoalescingReader
from tasks.stopping import stop
from tasks.telemetry.outage_log import OutageLog

RECONNECT_S = 0.5
PING_S = 5.0
"""A silent subscription is pinged after this long, and given up after as long again: routers drop idle connections, and
do not say so."""
CONFIRM_S = 5.0
"""Redis confirms a subscription within this time, or does not answer."""


@dataclass(slots=True)
class _Channel:
    """One job or feed that somebody waits for. confirmed: Redis has said that it will tell us of changes."""

    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    waiters: set[asyncio.Event] = field(default_factory=set)

    def tell(self) -> None:
        for waiter in self.waiters:
            waiter.set()


class Watch:
    """Tells waiters of changes to jobs. Start it once per process; then any number may wait.

    Args:
        redis: Connection.
        listeners: By channel, what is called with each message of it, and with None when the subscription has begun,
            for messages before that were missed.

    Attributes:
        losses: How often the connection was lost: changes may have been missed each time.
    """

    def __init__(
        self, redis: "Redis[bytes]", listeners: Mapping[str, Callable[[bytes | None], None]] | None = None
    ) -> None:
        self._redis = redis
        self._listeners = dict(listeners or {})
        self._reader = CoalescingReader(redis)
        self._channels: dict[str, _Channel] = {}
        self._pubsub: PubSub | None = None
        self._outage_log = OutageLog("watch.disconnected", "watch.connected", is_over=lambda: self._pubsub is not None)
        self._closed = False
        self._following: set[asyncio.Event] = set()
        self.losses = 0
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._listening = asyncio.create_task(self._listen(), name="watch")

    def close(self) -> None:
        """Keep nobody any longer: who waits or follows, now or later, gets the record as it stands, and that is all."""
        self._closed = True
        for channel in self._channels.values():
            # No change is waited for now, so that none can be missed.
            channel.confirmed.set()
            channel.tell()
        for changed in self._following:
            changed.set()

    @property
    def closed(self) -> bool:
        """Whether nobody is kept any longer."""
        return self._closed

    async def stop(self) -> None:
        if self._listening is not None:
            await stop(self._listening)

    async def wait_until_ended(self, job_id: str, seconds: float) -> Record | None:
        """The record once the job has ended, or as it stands after `seconds` or at `close`; None if there is no such
        job.

        Raises: redis.exceptions.RedisError if Redis does not answer.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        async with self._subscribed(CHANGES + job_id) as changed:
            while True:
                changed.clear()
                record = await self._read(job_id)
                if record is None or record.state.ended or self._closed or loop.time() >= deadline:
                    return record
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(deadline):
                        await changed.wait()

    async def follow(self, job_id: str, silence_s: float) -> AsyncGenerator[Record | None]:
        """The record as it stands, and again whenever it has changed; the last time when the job has ended. None after
        each `silence_s` seconds without a change, or while Redis is away. It just ends if there is no such job, if the
        job is deleted before its end could be told, and after `close`.

        Nothing is kept for who takes long over one: the next that he is given is the latest.
        Raises: redis.exceptions.RedisError if Redis does not answer at first.
        """
        async with self._subscribed(CHANGES + job_id) as changed:
            told = None
            while True:
                changed.clear()
                try:
                    record = await self._read(job_id)
                except (RedisError, OSError, TimeoutError):
                    if told is None:
                        raise
                    record = told
                if record is None:
                    return
                if record != told:
                    told = record
                    yield record
                    if record.state.ended:
                        return
                if self._closed:
                    return
                try:
                    async with asyncio.timeout(silence_s):
                        await changed.wait()
                except TimeoutError:
                    yield None

    async def _read(self, job_id: str) -> Record | None:
        # Many may wait for one job, and all of them look at once when it changes.
        fields = await self._reader.hash(JOB + job_id)
        return Record.from_hash(job_id, fields) if fields else None

    @asynccontextmanager
    async def feeds(self, *names: str) -> AsyncIterator[asyncio.Event]:
        """Have scripts note what changes in some feeds (`tasks.queue.feed_keys`) until the block ends.

        Args:
            names: Those of the feeds.

        Yields:
            An event that is set when the connection was lost or is there again, and at `close`.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        changed = asyncio.Event()
        self._following.add(changed)
        try:
            async with AsyncExitStack() as stack:
                for name in names:
                    await stack.enter_async_context(self._subscribed(FEED + name, changed))
                yield changed
        finally:
            self._following.discard(changed)

    def hears(self, feed: str) -> bool:
        """Whether Redis has said that changes of a feed are noted for us, and the connection is there still."""
        channel = self._channels.get(FEED + feed)
        return channel is not None and channel.confirmed.is_set()

    @asynccontextmanager
    async def _subscribed(self, name: str, changed: asyncio.Event | None = None) -> AsyncIterator[asyncio.Event]:
        """An event that is set at each message of a channel. Confirmed before it is handed out, so that none is
        missed. changed: such an event that is there already."""
        changed = changed or asyncio.Event()
        known = self._channels.get(name)
        channel = known or self._channels.setdefault(name, _Channel())
        channel.waiters.add(changed)
        try:
            if known is None and self._pubsub is not None:
                await self._pubsub.subscribe(WATCHED, name)
            try:
                async with asyncio.timeout(CONFIRM_S):
                    await channel.confirmed.wait()
            except TimeoutError as error:
                raise RedisTimeoutError(f"Redis has not confirmed a subscription for {CONFIRM_S:g} s") from error
            yield changed
        finally:
            channel.waiters.discard(changed)
            if not channel.waiters and self._channels.get(name) is channel:
                del self._channels[name]
                if self._pubsub is not None:
                    # If the connection is broken there is nothing to unsubscribe from.
                    with contextlib.suppress(RedisError, OSError):
                        await self._pubsub.unsubscribe(name, *([] if self._channels else [WATCHED]))

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (RedisError, OSError, TimeoutError) as error:
                self._outage_log.failed(error)
            self.losses += 1
            for channel in self._channels.values():
                channel.confirmed.clear()
                # Changes may be missed from here on: let everyone look at the record once more.
                channel.tell()
            await asyncio.sleep(RECONNECT_S)

    async def _listen_once(self) -> None:
        async with self._redis.pubsub() as pubsub:
            # A channel that nobody publishes to keeps the connection open while nobody waits.
            await pubsub.subscribe(CHANGES, *self._listeners)
            # From here on who comes subscribes for itself; those who came while we connected could not.
            self._pubsub = pubsub
            try:
                if self._channels:
                    await pubsub.subscribe(WATCHED, *self._channels)
                await self._pass_on(pubsub)
            finally:
                self._pubsub = None

    async def _pass_on(self, pubsub: PubSub) -> None:
        pinged = False
        while True:
            message = await pubsub.get_message(timeout=PING_S)
            if message is None:
                if pinged:
                    raise TimeoutError(f"Redis has not answered a ping for {PING_S:g} s")
                await pubsub.ping()
            elif listener := self._listeners.get(message["channel"].decode() if message["channel"] else ""):
                listener(message["data"] if message["type"] == "message" else None)
            elif (channel := self._channels.get(message["channel"].decode() if message["channel"] else "")) is not None:
                if message["type"] == "subscribe":
                    channel.confirmed.set()
                channel.tell()
            pinged = message is None
