"""Deliveries made by the real script, without an event job that ran."""

from arq.connections import ArqRedis

from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records import indexes
from tasks.queue.redis_keys import ENDPOINT
from tasks.queue.script import Script
from tasks.webhook.events import delivery_id

LANE_A = "endpoint:a"


async def deliveries(
    redis: ArqRedis,
    count: int,
    *,
    event: str = "event",
    endpoint: str = "a",
    owner: str = "dev",
    always: bool = True,
) -> list[str]:
    """So many deliveries to one endpoint, each of an event of its own. Returns their ids."""
    ids = []
    await enable(redis, endpoint, owner=owner)
    for number in range(count):
        one = f"{event}-{number}"
        ids.append(delivery_id(one, endpoint))
        await expand(redis, one, to(one, endpoint, owner, always=always), owner=owner)
    return ids


async def expand(redis: ArqRedis, event: str, *wanted: dict[str, object], owner: str = "dev") -> int:
    """What an `event` job says: make these deliveries. Returns how many there are more."""
    payload = {"event": event, "type": "invoice.paid", "owner": owner, "keep_ms": 60_000, "deliveries": wanted}
    made: int = await Script(redis, "submit/expand")(payload)
    return made


def to(event: str, endpoint: str, owner: str = "dev", *, always: bool = False) -> dict[str, object]:
    """One delivery as `expand.lua` takes it."""
    return {
        "id": delivery_id(event, endpoint),
        "endpoint": endpoint,
        "lane": str(LaneId("endpoint", endpoint)),
        "job_indexes": indexes.of_delivery(owner, endpoint),
        "always": always,
    }


async def enable(redis: ArqRedis, *endpoints: str, owner: str = "dev") -> None:
    """Let these endpoints be there."""
    for endpoint in endpoints:
        await redis.hset(ENDPOINT + endpoint, mapping={"enabled": "1", "owner": owner})
        await redis.expire(ENDPOINT + endpoint, 60)
