"""Where the events of streams come from. Each source looks once a second for all who follow it in this process, and
not at all while nobody does.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.changes.events import (
    AlertChanges,
    AlertNumbers,
    JobsUpdate,
    LatestUpdate,
    QueueChanges,
    QueueNumbers,
    Ready,
    Update,
)
from tasks.clock import from_ms, maybe_from_ms
from tasks.maintenance.alerts import find_alerts, read_state
from tasks.queue.feed_keys import FEED_MS
from tasks.queue.lanes.stats import QueueStats
from tasks.queue.records.record import State
from tasks.queue.redis_keys import ENDS_MS, ENDS_SLOT_MS, SECOND_MS
from tasks.queue.watch.feeds import Feed, FeedReader, Sort
from tasks.queue.watch.watch import Watch
from tasks.queue.watch.workers import read_workers
from tasks.settings import Settings
from tasks.stopping import stop
from tasks.storage.protocol import Storage

log = structlog.get_logger()

LOOK_S: Final = 1.0
"""Seconds between two looks at jobs and queues."""
FEED_S: Final = 0.01
"""Seconds between two looks at jobs for each feed, from a hundred feeds on: those of 200 owners are looked at every two
seconds, which takes 2 % of Redis."""
MOST_LOOK_S: Final = FEED_MS / SECOND_MS / 4
"""Seconds between two looks at jobs, at most: after half of what feeds keep, a look would count as late."""
ALERTS_S: Final = 10.0
"""Seconds between two looks at the alerts: that the storage works takes a request to it."""
MAX_ALERTS: Final = 20
"""Alerts that one event lists, the first ones found."""


class Follower:
    """One who follows: what is still to be sent, of each event one at most, so that who reads slowly takes no memory.

    Args:
        changed: Is set when something is to be sent.
        feeds: Of the topics whose jobs are followed.
    """

    def __init__(self, changed: asyncio.Event, feeds: Mapping[Sort, Feed]) -> None:
        self.feeds = feeds
        self.begun: set[Feed] = set()
        self._changed = changed
        self._pending: dict[str, Update] = {}

    def put(self, update: Update) -> None:
        """Have something sent."""
        earlier = self._pending.pop(update.name, None)
        self._pending[update.name] = update if earlier is None else update.after(earlier)
        self._changed.set()

    async def take(self, seconds: float) -> list[Update]:
        """What is to be sent, once there is something, the connection to Redis was lost or is there again, or the
        watch has closed; after so many seconds it may be nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()
        pending, self._pending = self._pending, {}
        return list(pending.values())

    def hold(self, updates: Iterable[Update]) -> None:
        """Keep what was taken and could not be sent for the next time."""
        for update in updates:
            later = self._pending.get(update.name)
            self._pending[update.name] = update if later is None else later.after(update)


class Source(ABC):
    """Looks while somebody follows."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self._followers: set[Follower] = set()
        self._task: asyncio.Task[None] | None = None
        self._away = False

    @abstractmethod
    async def refresh(self) -> None:
        """Look once, and tell the followers what is new."""

    def begin(self, follower: Follower) -> None:  # noqa: B027 - most have nothing to say
        """Tell a new follower what is known already."""

    def forget(self) -> None:  # noqa: B027 - most know nothing
        """What was known is not true any more."""

    @contextmanager
    def joined(self, follower: Follower) -> Iterator[None]:
        """Tell a follower until the block ends."""
        if self._away:
            follower.put(LatestUpdate("unavailable"))
        self.begin(follower)
        self._followers.add(follower)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._loop(), name=type(self).__name__)
        try:
            yield
        finally:
            self._followers.discard(follower)

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            await stop(self._task)

    def tell(self, update: Update) -> None:
        """Have something sent to all followers."""
        for follower in self._followers:
            follower.put(update)

    async def _loop(self) -> None:
        loop = asyncio.get_running_loop()
        while self._followers:
            began = loop.time()
            try:
                await self.refresh()
                self._away = False
            except (RedisError, OSError, TimeoutError):
                self._fail()
            except Exception:
                log.exception("changes.failed", source=type(self).__name__)
                self._fail()
            await asyncio.sleep(max(began + self.period_s - loop.time(), self.period_s / 10))
        self.forget()

    def _fail(self) -> None:
        self.forget()
        if not self._away:
            self._away = True
            self.tell(LatestUpdate("unavailable"))


class JobSource(Source):
    """Jobs and deliveries that change.

    Args:
        redis: Connection.
        watch: Which has the followed feeds noted.
    """

    def __init__(self, redis: "Redis[bytes]", watch: Watch) -> None:
        super().__init__(LOOK_S)
        self._redis = redis
        self._reader = FeedReader(redis)
        self._watch = watch
        self._since: dict[Feed, int] = {}
        self._losses = watch.losses
        self._read_at = 0.0

    def forget(self) -> None:
        """Have everyone read their lists again."""
        self._since = {}

    async def refresh(self) -> None:
        """Read what changed in all feeds that are followed."""
        now = asyncio.get_running_loop().time()
        followers = list(self._followers)  # those who come meanwhile are told at the next look
        if self._losses != self._watch.losses or now - self._read_at > FEED_MS / SECOND_MS / 2:
            self._losses = self._watch.losses
            self.forget()
        wanted = {feed for follower in followers for feed in follower.feeds.values()}
        since = {feed: self._since.get(feed) for feed in wanted if self._watch.hears(feed.name)}
        if wanted and not since:
            await self._redis.ping()  # there is nothing to read, and it is to be said if that is since Redis is away
        found = await self._reader.read(since)
        self._read_at = now
        self.period_s = min(max(LOOK_S, len(found) * FEED_S), MOST_LOOK_S)
        self._since = {feed: changes.until_ms for feed, changes in found.items()}
        updates = {
            feed: JobsUpdate.of(_sort_of(feed), changes)
            for feed, changes in found.items()
            if changes.jobs or changes.made or changes.more
        }
        for follower in followers:
            for feed in follower.feeds.values():
                if feed in found and (since[feed] is None or feed not in follower.begun):
                    follower.begun.add(feed)
                    follower.put(LatestUpdate("ready", Ready(at=from_ms(found[feed].until_ms))))
                elif feed in updates:
                    follower.put(updates[feed])


def _sort_of(feed: Feed) -> Sort:
    return "deliveries" if feed.name.endswith("/deliveries") else "jobs"


class QueueSource(Source):
    """The numbers of the queues.

    Args:
        redis: Connection.
        queue_stats: Reads them.
    """

    def __init__(self, redis: "Redis[bytes]", queue_stats: QueueStats) -> None:
        super().__init__(LOOK_S)
        self._redis = redis
        self._queue_stats = queue_stats
        self._known: list[QueueNumbers] = []
        self._update: LatestUpdate | None = None
        self._failed: dict[str, int] = {}
        self._failed_at = 0.0

    def begin(self, follower: Follower) -> None:
        """Tell the numbers."""
        if self._update is not None:
            follower.put(self._update)

    def forget(self) -> None:
        """Tell the numbers again, though they have not changed."""
        self._known, self._update = [], None

    async def refresh(self) -> None:
        """Read the numbers of all queues."""
        now = asyncio.get_running_loop().time()
        if not self._failed or now - self._failed_at >= ENDS_SLOT_MS / SECOND_MS:
            hour = await self._queue_stats.queues(ENDS_MS // SECOND_MS)
            self._failed = {queue.name: queue.ended.get(State.FAILED, 0) for queue in hour.queues}
            self._failed_at = now
        snapshot, registry = await self._queue_stats.queues(), await read_workers(self._redis)
        numbers = [
            QueueNumbers(
                name=queue.name,
                paused=queue.paused_ms is not None,
                due=queue.due,
                running=queue.jobs[State.RUNNING],
                scheduled=queue.jobs[State.SCHEDULED],
                retrying=queue.jobs[State.RETRYING],
                oldest_age_s=round(snapshot.age_s(queue), 1),
                rate_per_s=round(snapshot.rate(queue), 2),
                failed_last_hour=self._failed.get(queue.name, 0),
                workers=registry.serving(queue.name),
            )
            for queue in snapshot.queues
        ]
        if numbers != self._known:
            self._known = numbers
            self._update = LatestUpdate("queues", QueueChanges(at=from_ms(snapshot.now_ms), queues=numbers))
            self.tell(self._update)


class AlertSource(Source):
    """What is wrong.

    Args:
        redis: Connection.
        settings: The limits.
        storage: Whether it works is one of the questions.
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings, storage: Storage) -> None:
        super().__init__(ALERTS_S)
        self._redis = redis
        self._settings = settings
        self._storage = storage
        self._known: Sequence[AlertNumbers] | None = None
        self._update: LatestUpdate | None = None

    def begin(self, follower: Follower) -> None:
        """Tell the alerts."""
        if self._update is not None:
            follower.put(self._update)

    def forget(self) -> None:
        """Tell the alerts again, though they have not changed."""
        self._known, self._update = None, None

    async def refresh(self) -> None:
        """Look for alerts, as `GET /v1/alerts` does."""
        snapshot, registry = await read_state(self._redis, self._settings)
        holding = await find_alerts(self._redis, self._settings, self._storage, snapshot, registry)
        alerts = [
            AlertNumbers(code=one.alert, subject=one.subject, since=maybe_from_ms(one.since_ms), value=one.value)
            for one in holding[:MAX_ALERTS]
        ]
        if alerts != self._known:
            self._known = alerts
            more = len(holding) - len(alerts)
            self._update = LatestUpdate("alerts", AlertChanges(at=from_ms(snapshot.now_ms), alerts=alerts, more=more))
            self.tell(self._update)
