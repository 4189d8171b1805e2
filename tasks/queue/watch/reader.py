"""Reading hashes for many jobs at once: a trip to Redis costs more than what it brings."""

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import Final

from redis.asyncio import Redis

TRIP_KEYS: Final = 256
"""Hashes that one trip brings, at most: Redis answers others in between."""
TRIPS_AT_ONCE: Final = 3
"""Trips under way, each on a connection of its own. What is asked for meanwhile goes in the next: a thousand who wake
one after the other would otherwise take every connection."""

Hash = Mapping[bytes, bytes]


class CoalescingReader:
    """The `tasks.kind.Reader` of a process. What is asked for in one turn of the event loop goes in one trip, each key
    once; who asked for the same key is given the same mapping."""

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._redis = redis
        self._asked: dict[str, list[asyncio.Future[Hash]]] = {}
        self._trips: set[asyncio.Task[None]] = set()

    async def hash(self, key: str) -> Hash:
        """The whole hash; empty if there is none. Raises: redis.exceptions.RedisError."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            # Called once every task that is ready now has had its turn.
            loop.call_soon(self._set_out)
        # A future for each who asks: one who is cancelled takes nobody else's answer along.
        answer: asyncio.Future[Hash] = loop.create_future()
        self._asked.setdefault(key, []).append(answer)
        return await answer

    def _set_out(self) -> None:
        while self._asked and len(self._trips) < TRIPS_AT_ONCE:
            asked = {key: self._asked.pop(key) for key in list(islice(self._asked, TRIP_KEYS))}
            trip = asyncio.create_task(self._fetch(asked), name="reader")
            self._trips.add(trip)
            trip.add_done_callback(self._ended)

    def _ended(self, trip: asyncio.Task[None]) -> None:
        self._trips.discard(trip)
        self._set_out()

    async def _fetch(self, asked: dict[str, list[asyncio.Future[Hash]]]) -> None:
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in asked:
                    pipe.hgetall(key)
                found = await pipe.execute(raise_on_error=False)
        except Exception as error:  # whatever it is, it is for those who asked
            found = [error] * len(asked)
        for answers, one in zip(asked.values(), found, strict=True):
            for answer in answers:
                if answer.done():  # cancelled
                    continue
                if isinstance(one, Exception):
                    answer.set_exception(one)
                else:
                    answer.set_result(one)
