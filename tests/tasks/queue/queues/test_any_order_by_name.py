"""The random walk of the queue's books, with a queue that was made by naming it: it is limited, goes and comes back."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from arq.connections import ArqRedis

from tasks.queue.jobs.uniqueness import Uniqueness
from tasks.queue.queues.queue_store import QueueStore
from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.queue.submissions import record_of
from tests.tasks.queue.lanes.test_any_order import Walk, walk_to_the_end

MADE = "emails"


class MadeQueueWalk(Walk):
    """One of its queues may go at any time at which it is empty."""

    queues = ("default", MADE)

    def __init__(self, redis: ArqRedis, settings: Settings, seed: int) -> None:
        super().__init__(redis, settings, seed)
        self._store = QueueStore(redis, max_queues=1)

    def more_moves(self) -> list[Callable[[], Awaitable[None]]]:
        return [self.change_queue]

    def chosen_key(self) -> Uniqueness | None:
        """None: the other walk is about unique keys."""
        return None

    async def make_queue(self, max_running: int | None = None) -> None:
        await self._store.put(MADE, owner="a", concurrency=None, max_running=max_running, rank="normal")

    async def change_queue(self) -> None:
        """It gets a limit, or goes and is made again; while it has jobs, it stays."""
        with suppress(Refusal):
            await self._store.delete(MADE)
            for job_id in self.ids:
                record = await record_of(self._redis, job_id)
                assert record.queue != MADE or record.state.ended
        await self.make_queue(self._chance.choice([None, 1, 2]))
        assert await self._store.expire() == []

    async def end(self) -> None:
        await self.make_queue()
        await super().end()


@pytest.mark.parametrize("seed", range(2))
async def test_the_books_of_a_queue_that_was_made_stay_right(redis: ArqRedis, settings: Settings, seed: int) -> None:
    walk = MadeQueueWalk(redis, settings, seed)
    await walk.make_queue()
    await walk_to_the_end(redis, walk)
