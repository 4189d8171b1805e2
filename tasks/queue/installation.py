"""Which Pressroom this Redis belongs to: a random id, made once. The storage carries the same id as a marker."""

from typing import Final

from redis.asyncio import Redis

from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import INSTALLATION
from tasks.queue.script import Script

STORAGE_OWNER: Final = "storage_of"
"""The field of INSTALLATION with the id of the other installation to which the storage belongs, if it does, as the last
cleanup found it."""


async def find_installation(redis: "Redis[bytes]") -> str | None:
    """Read the id of the installation. Returns None for a Redis that is new, or has lost its data."""
    found = await redis.hget(INSTALLATION, "id")
    return None if found is None else found.decode()


async def make_installation(redis: "Redis[bytes]") -> str:
    """Read the id of the installation, and make one if there is none."""
    installation: str = await Script(redis, "upkeep/install")({"verb": "make", "id": new_id()})
    return installation


async def note_storage_owner(redis: "Redis[bytes]", installation: str | None) -> None:
    """Note that the storage belongs to another installation, or with None that it is this one's."""
    await Script(redis, "upkeep/install")({"verb": "note", "storage_of": installation})


async def find_restored_snapshot(redis: "Redis[bytes]") -> str | None:
    """Read the name of the snapshot whose restore has begun and not ended; or None."""
    found = await redis.hget(INSTALLATION, "restoring")
    return None if found is None else found.decode()


async def note_restored_snapshot(redis: "Redis[bytes]", name: str | None) -> None:
    """Note that a snapshot is being restored, or with None that none is any more."""
    await Script(redis, "upkeep/install")({"verb": "restore", "snapshot": name})
