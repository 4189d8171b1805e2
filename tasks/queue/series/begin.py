"""The sample with which a worker begins, so that what it runs is counted from its first job on."""

from redis.asyncio import Redis

from tasks.queue.lanes.stats import QueueStats
from tasks.queue.series.depth import depths_of
from tasks.queue.series.rings import sample
from tasks.settings import Settings


async def begin_series(redis: "Redis[bytes]", settings: Settings) -> bool:
    """Sample now, unless this minute has a sample. Where no worker was, the next would come up to a minute later: what
    ended by then would be in no step, and nobody would have seen how long jobs had waited for the worker.

    Args:
        redis: Connection.
        settings: Of the service.

    Returns:
        Whether a sample was taken.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    snapshot = await QueueStats(redis, settings).queues()
    return await sample(redis, snapshot.now_ms, depths_of(snapshot))
