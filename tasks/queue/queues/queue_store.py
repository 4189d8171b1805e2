"""Queues that are made by naming them, and what is set of any queue."""

from typing import Any, Final, Literal

from redis.asyncio import Redis

from tasks.queue.redis_keys import APPLICATION, QUEUES
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings.queues import queue_fault

MAX_SLOTS: Final = 100_000
"""Jobs that a queue may be set to run at once."""
Rank = Literal["high", "normal", "low"]


class QueueStore:
    """Makes, changes and deletes queues.

    Args:
        redis: The client.
        max_queues: How many may be made (MAX_QUEUES).
    """

    def __init__(self, redis: "Redis[bytes]", max_queues: int) -> None:
        self._change = Script(redis, "queues/change")
        self._max_queues = max_queues

    async def put(
        self, queue: str, *, owner: str, concurrency: int | None, max_running: int | None, rank: Rank
    ) -> None:
        """Set all of a queue, which is made if there is none.

        Args:
            queue: Its name.
            owner: Who makes it.
            concurrency: Jobs that one worker runs at once, unless the worker says itself.
            max_running: Jobs that all workers run at once.
            rank: When it is served, of the queues that share a worker's slots.

        Raises:
            Refusal: `invalid_request`, `too_many_queues`.
        """
        if queue.startswith(APPLICATION):
            raise Refusal(
                "invalid_request",
                f"queue: {queue!r} is an ARQ application's. Set max_jobs in its WorkerSettings; pause it by /pause.",
                field="queue",
            )
        if queue not in QUEUES and (fault := queue_fault(queue)):
            raise Refusal("invalid_request", f"queue: {fault}", field="queue")
        values = {"concurrency": concurrency, "max_running": max_running, "rank": None if rank == "normal" else rank}
        fields: dict[str, Any] = {name: value or False for name, value in values.items()}
        rules = {"owner": owner, "max_queues": self._max_queues}
        if await self._change({"verb": "put", "queue": queue, "set": fields, **rules}) == "too_many_queues":
            raise Refusal(
                "too_many_queues",
                f"queue: As many queues are there as may be made (MAX_QUEUES, {self._max_queues}). Delete one first.",
                field="queue",
                limit=self._max_queues,
            )

    async def delete(self, queue: str) -> None:
        """Delete a queue that is empty.

        Args:
            queue: One that there is.

        Raises:
            Refusal: `queue_in_use`.
        """
        if queue in QUEUES:
            raise Refusal(
                "queue_in_use", f"queue: The queue {queue!r} is always there. Pause it instead.", field="queue"
            )
        if await self._change({"verb": "delete", "queue": queue}) == "in_use":
            message = f"queue: Jobs of the queue {queue!r} have not ended. Cancel them first, or wait for their ends."
            raise Refusal("queue_in_use", message, field="queue")

    async def expire(self) -> list[str]:
        """Remove the queues that are empty and have not been served for a day. Returns their names."""
        return list(await self._change({"verb": "expire"}))
