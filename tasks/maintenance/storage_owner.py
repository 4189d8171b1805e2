"""Whose files the storage holds: a marker in the storage has the id of the installation that owns it.

A cleanup deletes what its own Redis does not need. In a storage of another installation, or after Redis has lost its
data, that would be every file. So it deletes files only where the marker has the id of its Redis; the first cleanup of
an installation writes the marker. `python -m worker adopt` replaces it, `python -m worker restore` too.
"""

import json
from typing import Final

import structlog
from redis.asyncio import Redis

from tasks import clock
from tasks.history.upkeep import HistoryUpkeep
from tasks.queue.installation import find_installation, make_installation, note_storage_owner
from tasks.storage.protocol import Storage

log = structlog.get_logger()

MARKER: Final = "installation.json"
HINT: Final = (
    "If Redis has lost its data, run `python -m worker restore`, or `python -m worker adopt` to go on without it. If "
    "two installations use this storage, give each its own prefix in STORAGE_URL."
)


async def read_marker(storage: Storage) -> str | None:
    """Read the id of the installation that owns the storage. Returns None for a storage without a marker.

    Raises:
        StorageUnavailable: The storage does not answer.
    """
    text = await storage.get_object(MARKER)
    return None if text is None else str(json.loads(text)["installation"])


async def owns_storage(redis: "Redis[bytes]", storage: Storage, *, dry_run: bool = False) -> bool:
    """Tell whether this installation owns the storage, and note it for `/readyz` and the alerts if not. A storage
    without a marker becomes its own.

    Args:
        redis: Connection.
        storage: The storage.
        dry_run: Write no marker.

    Raises:
        StorageUnavailable: The storage does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    marker, own = await read_marker(storage), await find_installation(redis)
    if marker is None:
        if not dry_run:
            await adopt_storage(redis, storage)
        return True
    if marker == own:
        await note_storage_owner(redis, None)
        return True
    await note_storage_owner(redis, marker)
    log.error("cleanup.foreign_storage", storage_of=marker, installation=own, hint=HINT)
    return False


async def adopt_storage(redis: "Redis[bytes]", storage: Storage) -> str | None:
    """Make this installation the owner of the storage, and of the history that the owner before has there.

    Returns:
        The id of the installation that owned it before, or None.
    """
    before, own = await read_marker(storage), await make_installation(redis)
    if before != own:
        if before is not None:
            log.info("history.taken_over", records=await HistoryUpkeep(redis, storage).take_over(before), before=before)
        marker = {"installation": own, "since": clock.rfc3339(clock.now_ms())}
        await storage.put_object(MARKER, json.dumps(marker).encode())
    await note_storage_owner(redis, None)
    return before
