"""Many who read at once make one trip, and none of them is in another's way."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from arq.connections import ArqRedis
from redis.exceptions import RedisError, ResponseError

from tasks.kind import Reader
from tasks.queue.connect import close, connect
from tasks.queue.watch.reader import TRIP_KEYS, TRIPS_AT_ONCE, CoalescingReader
from tests.support.queue.trips import Trips
from tools.servers import Valkey


@pytest.fixture
def reader(redis: ArqRedis) -> CoalescingReader:
    return CoalescingReader(redis)


async def keep(redis: ArqRedis, keys: Sequence[str]) -> None:
    """A hash for each key, which says whose it is."""
    async with redis.pipeline() as pipe:
        for key in keys:
            pipe.hset(key, mapping={"name": key, "empty": ""})
            pipe.expire(key, 60)
        await pipe.execute()


async def ask(reader: Reader, keys: Sequence[str]) -> list[Mapping[bytes, bytes]]:
    return await asyncio.gather(*(reader.hash(key) for key in keys))


async def test_a_hundred_who_ask_at_once_are_answered_by_one_trip(redis: ArqRedis, reader: CoalescingReader) -> None:
    keys = [f"h:{n}" for n in range(100)]
    await keep(redis, keys)
    trips = Trips(redis)
    await trips.begin()
    found = await ask(reader, keys)
    assert await trips.since() == (1, 100)
    assert found == [{b"name": key.encode(), b"empty": b""} for key in keys]


async def test_a_thousand_who_ask_one_after_the_other_take_few_connections(redis: ArqRedis, valkey: Valkey) -> None:
    keys = [f"h:{n}" for n in range(1_000)]
    await keep(redis, keys)
    few = connect(valkey.url, max_connections=TRIPS_AT_ONCE + 1)
    trips = Trips(redis)
    await trips.begin()
    try:
        await ask_one_after_the_other(few, keys)
    finally:
        await close(few)
    count, hashes = await trips.since()
    assert hashes == len(keys)
    # How many wait for one trip depends on how fast the machine is.
    assert count < len(keys) * 3 / 4


async def ask_one_after_the_other(few: ArqRedis, keys: list[str]) -> None:
    """Each in a turn of its own, as who is woken by a message of its own."""
    reader = CoalescingReader(few)
    asking = []
    for key in keys:
        asking.append(asyncio.create_task(reader.hash(key)))
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await few.ping()  # one connection is always free
        found = await asyncio.gather(*asking)
    assert [one[b"name"].decode() for one in found] == keys
    assert len(few.connection_pool._available_connections) <= TRIPS_AT_ONCE + 1  # noqa: SLF001


async def test_a_key_that_many_ask_for_is_read_once(redis: ArqRedis, reader: CoalescingReader) -> None:
    await keep(redis, ["h:1", "h:2"])
    trips = Trips(redis)
    await trips.begin()
    found = await ask(reader, ["h:1", "h:2"] * 50)
    assert await trips.since() == (1, 2)
    assert [one[b"name"] for one in found] == [b"h:1", b"h:2"] * 50


async def test_a_trip_has_room_for_so_many_keys(redis: ArqRedis, reader: CoalescingReader) -> None:
    keys = [f"h:{n}" for n in range(2 * TRIP_KEYS + 1)]
    await keep(redis, keys)
    await ask(reader, keys)  # opens the connections
    trips = Trips(redis)
    await trips.begin()
    found = await ask(reader, keys)
    assert await trips.since() == (3, len(keys))
    assert [one[b"name"] for one in found] == [key.encode() for key in keys]


async def test_who_asks_later_sees_what_is_there_later(redis: ArqRedis, reader: CoalescingReader) -> None:
    await keep(redis, ["h:1"])
    assert (await reader.hash("h:1"))[b"empty"] == b""
    await redis.hset("h:1", "empty", "no more")
    assert (await reader.hash("h:1"))[b"empty"] == b"no more"


async def test_a_hash_that_is_not_there_is_empty(reader: CoalescingReader) -> None:
    assert await reader.hash("h:nowhere") == {}


async def test_what_is_no_hash_is_an_error_for_those_alone_who_asked_for_it(
    redis: ArqRedis, reader: CoalescingReader
) -> None:
    await keep(redis, ["h:1"])
    await redis.set("s:1", "text", ex=60)
    keys = ["s:1", "h:1", "s:1"]
    found = await asyncio.gather(*(reader.hash(key) for key in keys), return_exceptions=True)
    assert [type(one) for one in found] == [ResponseError, dict, ResponseError]


@pytest.mark.parametrize("turns", [1, 3])  # before the trip has set out, and while it is under way
async def test_who_is_cancelled_takes_nobody_along(redis: ArqRedis, reader: CoalescingReader, turns: int) -> None:
    await keep(redis, ["h:1", "h:2"])
    tasks = [asyncio.create_task(reader.hash(key)) for key in ("h:1", "h:1", "h:2")]
    for _ in range(turns):
        await asyncio.sleep(0)
    tasks[0].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert [one[b"name"] for one in done[1:] if not isinstance(one, BaseException)] == [b"h:1", b"h:2"]


@pytest.mark.parametrize("turns", [1, 3])
async def test_when_all_are_cancelled_nobody_is_missed(redis: ArqRedis, reader: CoalescingReader, turns: int) -> None:
    await keep(redis, ["h:1"])
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
    await redis.set("s:1", "text", ex=60)
    tasks = [asyncio.create_task(reader.hash(key)) for key in ("h:1", "s:1")]
    for _ in range(turns):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (await reader.hash("h:1"))[b"name"] == b"h:1"
    assert complaints == []


async def test_everyone_hears_that_redis_is_away_and_is_answered_when_it_is_back() -> None:
    with Valkey() as server:
        client = connect(server.url)
        reader = CoalescingReader(client)
        await keep(client, ["h:1"])
        server.kill()
        found = await asyncio.gather(*(reader.hash(f"h:{n}") for n in range(3)), return_exceptions=True)
        assert all(isinstance(one, RedisError | OSError) for one in found)
        server.start()
        assert await reader.hash("h:1") == {}
        await close(client)
