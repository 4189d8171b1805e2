"""Which Pressroom this Redis belongs to: a random id, made once. The storage carries the same id as a marker."""

from redis.asyncio import Redis

from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import INSTALLATION
from tasks.queue.script import Script


async def find_installation(redis: "Redis[bytes]") -> str | None:
    """Read the id of the installation. Returns None for a Redis that is new, or has lost its data."""
    found = await redis.hget(INSTALLATION, "id")
    return None if found is None else found.decode()


async def make_installation(redis: "Redis[bytes]") -> str:
    """Read the id of the installation, and make one if there is none."""
    installation: str = await Script(redis, "upkeep/install")({"id": new_id()})
    return installation


async def adopt_installation(redis: "Redis[bytes]", installation: str) -> None:
    """Take over an id: from now on this Redis owns the storage that carries it.

    Args:
        redis: Connection.
        installation: The id.
    """
    await Script(redis, "upkeep/install")({"id": installation, "adopt": True})
