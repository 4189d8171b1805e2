"""What `python -m worker` does besides running jobs: `restore` and `adopt`, after Redis has lost its data."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from redis.asyncio import Redis

from tasks.kind import Kind
from tasks.maintenance.snapshot import restore
from tasks.maintenance.storage_owner import adopt_storage
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from worker.resources import open_resources


async def _restore(redis: "Redis[bytes]", storage: Storage, arguments: Sequence[str]) -> str:
    done = await restore(redis, storage, *arguments)
    return (
        f"Snapshot {done.snapshot} is restored: {done.endpoints} endpoints, {done.schedules} schedules. The storage "
        "belongs to this Redis now; the next cleanup deletes the files of jobs that are lost."
    )


async def _adopt(redis: "Redis[bytes]", storage: Storage, arguments: Sequence[str]) -> str:
    if arguments:
        raise ValueError("adopt takes no argument")
    before = await adopt_storage(redis, storage)
    was = "had no owner" if before is None else f"was that of installation {before}"
    return (
        f"The storage {storage.description} {was}, and belongs to this Redis now. The next cleanup deletes the files "
        "that no job of this Redis needs."
    )


COMMANDS: Final[Mapping[str, Callable[["Redis[bytes]", Storage, Sequence[str]], Awaitable[str]]]] = {
    "restore": _restore,
    "adopt": _adopt,
}


async def run_command(settings: Settings, kinds: Mapping[str, Kind[Any]], name: str, arguments: Sequence[str]) -> str:
    """Run a command, and return what to tell the operator.

    Args:
        settings: The settings of the process.
        kinds: The kinds by name.
        name: A key of COMMANDS.
        arguments: Of `restore`: the snapshot, or nothing for the last one.

    Raises:
        ValueError: It cannot be done; the message is one line. Nothing was changed.
        StorageUnavailable: The storage does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    if len(arguments) > 1:
        raise ValueError(f"{name} takes one argument at most")
    resources = open_resources(settings, kinds)
    try:
        return await COMMANDS[name](resources.redis, resources.storage, arguments)
    finally:
        await resources.close()
