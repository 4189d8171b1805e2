"""Controls of queues and lanes: pause and resume a queue; park, unpark or limit a lane."""

from redis.asyncio import Redis

from tasks.queue.script import Script


class LaneControls:
    """Controls queues and lanes. A lane need not exist yet: its limits hold once it does."""

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._steer = Script(redis, "verbs/steer")

    async def pause(self, queue: str, *, by: str | None = None, reason: str | None = None) -> None:
        """Start nothing more from this queue; what runs goes on.

        Args:
            queue: The queue.
            by: The owner who pauses it.
            reason: Why, for people.
        """
        await self._steer({"verb": "pause", "queue": queue, "by": by, "reason": reason})

    async def resume(self, queue: str) -> None:
        await self._steer({"verb": "resume", "queue": queue})

    async def park(self, queue: str, lane: str, for_ms: int) -> None:
        """Start nothing more from this lane for so many milliseconds. No try is used up."""
        await self._steer({"verb": "park", "queue": queue, "lane": lane, "for_ms": for_ms})

    async def unpark(self, queue: str, lane: str) -> None:
        await self._steer({"verb": "unpark", "queue": queue, "lane": lane})

    async def limit(self, queue: str, lane: str, *, cap: int = 0, rate: float = 0, ordered: bool = False) -> None:
        """Limit a lane.

        Args:
            queue: The queue.
            lane: The lane's name.
            cap: Jobs of this lane that may run at once. 0 is no limit.
            rate: Jobs per second that may start. 0 is no limit.
            ordered: Whether its deliveries run one at a time, in the order of their events.
        """
        limits = {"cap": cap, "rate": rate, "ordered": int(ordered)}
        await self._steer({"verb": "limit", "queue": queue, "lane": lane, **limits})
