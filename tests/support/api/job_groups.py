"""Jobs that belong together: the deliveries of an endpoint, the jobs of a batch, the runs of a schedule."""

from typing import Any, Final

import httpx
from arq.connections import ArqRedis

from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import JOB
from tests.support.api.pictures import PNG
from tests.support.api.specs import spec
from tests.support.queue.fan_out import deliveries

GROUPS: Final = ("endpoint", "batch", "schedule")
"""The criteria that find them."""
KINDS_AND_QUEUES: Final = {
    "endpoint": ("delivery", "webhooks"),
    "batch": ("thumbnail", "media"),
    "schedule": ("report", "reports"),
}
DAILY: Final[dict[str, Any]] = {"cron": "@daily", "job": {"kind": "report", **spec()}}


async def make_group(
    criterion: str, client: httpx.AsyncClient, redis: ArqRedis, owner: str, count: int
) -> tuple[str, list[str]]:
    """Make a group of jobs that wait.

    Args:
        criterion: One of GROUPS.
        client: The owner's.
        redis: Connection.
        owner: Whose jobs they are.
        count: How many.

    Returns:
        The id that the criterion takes, and those of the jobs, newest first.
    """
    match criterion:
        case "endpoint":
            group = new_id()
            ids = await deliveries(redis, count, event=new_id(), endpoint=group, owner=owner)
        case "batch":
            group = await _post(client, "/v1/batches")
            ids = [
                await _post(client, "/v1/images", params={"batch": group}, content=PNG + number.to_bytes())
                for number in range(count)
            ]
        case _:
            group = await _post(client, "/v1/schedules", json=DAILY)
            ids = [await _post(client, f"/v1/schedules/{group}/runs") for _ in range(count)]
    made = {one: int(await redis.hget(JOB + one, "created_at") or 0) for one in ids}
    return group, sorted(ids, key=lambda one: (made[one], one), reverse=True)


async def _post(client: httpx.AsyncClient, path: str, **request: Any) -> str:
    answer = await client.post(path, **request)
    assert answer.is_success, answer.text
    made: str = answer.json()["id"]
    return made
