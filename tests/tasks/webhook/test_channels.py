"""The index of an owner's endpoints by channel, by which portals list and count them."""

import pytest
from arq.connections import ArqRedis

from tasks.queue.portal_keys import CHANNEL_ENDPOINTS, CHANNEL_INDEX_S
from tasks.queue.redis_keys import ENDPOINT, ENDPOINTS, SECOND_MS, SUBSCRIBERS
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.webhook.endpoint_record import EndpointPatch
from tasks.webhook.endpoints import Endpoints

MINE, OTHER = "customer-1", "customer-17"
INDEX = CHANNEL_ENDPOINTS + "dev"


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None)


async def made(endpoints: Endpoints, channel: str | None = MINE, channel_most: int | None = None) -> str:
    patch: EndpointPatch = {"url": "https://example.com/hook", "events": ["*"]}
    if channel is not None:
        patch["channel"] = channel
    return (await endpoints.create("dev", patch, channel_most=channel_most))[0].id


async def listed(endpoints: Endpoints, channel: str = MINE, limit: int = 50) -> list[str]:
    """Ids of all pages, which have no more than so many each."""
    found, cursor = await endpoints.page_of_channel("dev", channel, limit, None)
    while cursor is not None:
        assert len(found) % limit == 0, "a page before the last is full"
        more, cursor = await endpoints.page_of_channel("dev", channel, limit, cursor)
        assert 0 < len(more) <= limit
        found += more
    return [one.id for one in found]


async def held(endpoints: Endpoints, channel: str = MINE) -> set[str]:
    """As `listed`: those of one millisecond stand in any order."""
    return set(await listed(endpoints, channel))


async def without_index(redis: ArqRedis, channel: str, first: int, last: int) -> list[str]:
    """Endpoints as a process makes them that does not know the index, newest first, two in each millisecond."""
    ids = [f"{n:032x}" for n in range(first, last)]
    async with redis.pipeline(transaction=False) as pipe:
        for n, one in enumerate(ids):
            fields: dict[str | bytes, str | bytes | int | float] = {
                "owner": "dev",
                "channel": channel,
                "url": "https://example.com/",
            }
            fields |= {"events": '["*"]', "enabled": 1, "secrets": "[]", "changed_at": 1_000}
            fields["created_at"] = 1_000 + n // 2
            pipe.hset(ENDPOINT + one, mapping=fields)
            pipe.zadd(ENDPOINTS + "dev", {one: 1_000 + n // 2})
        await pipe.execute()
    return ids[::-1]


async def commands(redis: ArqRedis) -> int:
    """How many Redis has run, those of scripts included."""
    return sum(int(stats["calls"]) for stats in (await redis.info("commandstats")).values())


async def test_endpoints_of_other_channels_cost_a_portal_nothing(endpoints: Endpoints, redis: ArqRedis) -> None:
    await without_index(redis, OTHER, 0, 300)
    mine = await made(endpoints)
    assert await listed(endpoints) == [mine]
    before = await commands(redis)
    assert await listed(endpoints) == [mine]
    assert await commands(redis) - before < 20
    before = await commands(redis)
    second = await made(endpoints, channel_most=2)
    assert await commands(redis) - before < 40
    assert await held(endpoints) == {second, mine}
    before = await commands(redis)
    with pytest.raises(Refusal, match="PORTAL_MAX_ENDPOINTS"):
        await made(endpoints, channel_most=2)
    assert await commands(redis) - before < 20


async def test_pages_go_on_to_the_last_endpoint(endpoints: Endpoints, redis: ArqRedis) -> None:
    mine = await without_index(redis, MINE, 0, 7)
    others = await without_index(redis, OTHER, 7, 1_300)  # one command does not take all entries
    for limit in (1, 2, 3, 7, 50):
        assert await listed(endpoints, MINE, limit) == mine
    assert await listed(endpoints, OTHER, 200) == others
    assert await listed(endpoints, "customer") == []


async def test_a_page_goes_on_where_it_ended_though_its_last_endpoint_is_gone(
    endpoints: Endpoints, redis: ArqRedis
) -> None:
    mine = await without_index(redis, MINE, 0, 5)
    found, cursor = await endpoints.page_of_channel("dev", MINE, 2, None)
    await endpoints.delete("dev", found[-1].id)
    await made(endpoints)
    found, cursor = await endpoints.page_of_channel("dev", MINE, 3, cursor)
    assert ([one.id for one in found], cursor) == (mine[2:], None)
    with pytest.raises(Refusal, match="cursor"):
        await endpoints.page_of_channel("dev", MINE, 3, "made-up")


async def test_a_change_is_seen_at_once(endpoints: Endpoints, redis: ArqRedis) -> None:
    assert await held(endpoints) == set()
    assert await redis.exists(INDEX), "it is known that there are none"
    first, moved, free = await made(endpoints), await made(endpoints), await made(endpoints, None)
    assert await held(endpoints) == {moved, first}
    await endpoints.change("dev", moved, {"channel": OTHER})
    await endpoints.change("dev", free, {"channel": MINE})
    await endpoints.disable(free, "owner")
    assert (await held(endpoints), await held(endpoints, OTHER)) == ({free, first}, {moved})
    await endpoints.change("dev", first, {"channel": None})
    assert await held(endpoints) == {free}
    await endpoints.delete("dev", free, channel=MINE)
    assert await held(endpoints) == set()
    assert await redis.zcard(INDEX) == 2, "the empty entry, and the one that was moved"


async def test_what_changes_while_the_index_is_made_is_in_it(endpoints: Endpoints, redis: ArqRedis) -> None:
    mine = await without_index(redis, MINE, 0, 1_200)
    payload = {"owner": "dev", "channel": MINE, "limit": 1}
    assert await Script(redis, "read/channel")(payload) is False, "others get a turn"
    for one in (mine[0], mine[499], mine[500], mine[-1]):
        await endpoints.delete("dev", one)
    await endpoints.change("dev", mine[700], {"channel": OTHER})
    new = await made(endpoints)
    assert await held(endpoints) == {new, *mine} - {mine[0], mine[499], mine[500], mine[-1], mine[700]}
    assert await listed(endpoints, OTHER) == [mine[700]]
    assert await redis.zcard(INDEX) == 1_200 - 4 + 1 + 1, "all of them, and the empty entry"


async def test_what_the_index_does_not_know_is_right_after_it_expired(endpoints: Endpoints, redis: ArqRedis) -> None:
    gone, moved, kept = await made(endpoints), await made(endpoints), await made(endpoints)
    assert await held(endpoints) == {kept, moved, gone}
    await redis.pexpire(INDEX, 60_000)
    await redis.delete(ENDPOINT + gone)
    await redis.zrem(ENDPOINTS + "dev", gone)
    await redis.zrem(ENDPOINTS + "*", gone)
    await redis.hset(ENDPOINT + moved, "channel", OTHER)
    await redis.zrem(f"{SUBSCRIBERS}dev:*#{MINE}", gone, moved)
    [added] = await without_index(redis, MINE, 0, 1)
    assert await held(endpoints) == {kept}
    last = await made(endpoints, channel_most=2)
    assert await held(endpoints) == {last, kept}, "what is not true counts for nothing"
    assert await redis.pttl(INDEX) <= 60_000, "no use lets it live longer"
    await redis.delete(INDEX)
    with pytest.raises(Refusal, match="PORTAL_MAX_ENDPOINTS"):
        await made(endpoints, channel_most=3)
    assert await held(endpoints) == {last, kept, added}
    assert await held(endpoints, OTHER) == {moved}
    assert 60_000 < await redis.pttl(INDEX) <= CHANNEL_INDEX_S * SECOND_MS
