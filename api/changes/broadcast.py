"""The streams of one process: how many there are, and what each follows."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

from redis.asyncio import Redis

from api.changes.events import Topic
from api.changes.sources import AlertSource, Follower, JobSource, QueueSource, Source
from tasks.kind import Kind
from tasks.queue.lanes.stats import QueueStats
from tasks.queue.watch.feeds import Feed, Sort
from tasks.queue.watch.watch import Watch
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.protocol import Storage

SHARE: Final = 4
"""One owner may have this part of the streams of a process: no single key leaves none to the others."""
SORTS: Final[tuple[Sort, ...]] = ("jobs", "deliveries")


class Broadcast:
    """Gives each stream what changes. One for each process, however many streams there are.

    Args:
        settings: How many streams there may be, and the limits of alerts.
        redis: Connection.
        watch: The one subscription of the process.
        queue_stats: Reads the numbers of queues.
        storage: Whose failures are an alert.
        kinds: Those of this process.
    """

    def __init__(
        self,
        settings: Settings,
        redis: "Redis[bytes]",
        watch: Watch,
        queue_stats: QueueStats,
        storage: Storage,
        kinds: Mapping[str, Kind[Any]],
    ) -> None:
        self._limit = settings.max_change_streams
        self._share = max(self._limit // SHARE, 1)
        self._watch = watch
        self._kinds = kinds
        jobs = JobSource(redis, watch)
        self._sources: dict[Topic, Source] = {
            "jobs": jobs,
            "deliveries": jobs,
            "queues": QueueSource(redis, queue_stats),
            "alerts": AlertSource(redis, settings, storage),
        }
        self._of_owners: Counter[str | None] = Counter()

    @property
    def closed(self) -> bool:
        """Whether the process ends, and all streams with it."""
        return self._watch.closed

    def check_room(self, holder: str | None) -> None:
        """Check that there may be one stream more.

        Args:
            holder: The owner in whose share it is; None for one who has no limit but that of the process.

        Raises:
            Refusal: `too_many_streams`.
        """
        if self._of_owners.total() >= self._limit:
            raise Refusal(
                "too_many_streams",
                f"This process has {self._limit} streams of changes, as many as MAX_CHANGE_STREAMS allows. Ask for "
                "the lists from time to time, or try again later.",
                limit=self._limit,
            )
        if holder is not None and self._of_owners[holder] >= self._share:
            raise Refusal(
                "too_many_streams",
                f"You have {self._share} streams of changes at this process, an owner's share of MAX_CHANGE_STREAMS. "
                "Close one, or ask for the lists from time to time.",
                limit=self._share,
            )

    @contextmanager
    def claimed(self, holder: str | None) -> Iterator[bool]:
        """Have one stream more until the block ends, if there is room: the block is given whether there is. A stream
        claims its place as it begins to be sent, and not before: one that never begins would keep it.

        Args:
            holder: As `check_room`.
        """
        try:
            self.check_room(holder)
        except Refusal:
            yield False
            return
        self._of_owners[holder] += 1
        try:
            yield True
        finally:
            self._of_owners[holder] -= 1
            if not self._of_owners[holder]:
                del self._of_owners[holder]

    @asynccontextmanager
    async def follow(self, owner: str, topics: Sequence[Topic]) -> AsyncIterator[Follower]:
        """Follow some topics until the block ends.

        Args:
            owner: Whose jobs and deliveries, or EVERYONE.
            topics: What is followed.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        feeds = {sort: Feed.of(owner, sort, self._kinds) for sort in SORTS if sort in topics}
        async with self._watch.feeds(*(feed.name for feed in feeds.values())) as changed:
            follower = Follower(changed, feeds)
            with ExitStack() as stack:
                for source in dict.fromkeys(self._sources[topic] for topic in topics):
                    stack.enter_context(source.joined(follower))
                yield follower

    async def close(self) -> None:
        """Stop looking."""
        for source in dict.fromkeys(self._sources.values()):
            await source.close()
