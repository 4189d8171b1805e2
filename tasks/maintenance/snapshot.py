"""Snapshots of what lives only in Redis and nobody can submit again: endpoints, schedules, presets and API keys.

The nightly cleanup writes one into the storage, and `python -m worker restore` writes it back into a Redis that has
lost its data. A snapshot is gzipped JSON lines: what it is, then one line for each key. Secrets and header values are
in it as in Redis: encrypted with SECRET_KEY.
"""

import gzip
import io
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

from redis.asyncio import Redis

from tasks import clock
from tasks.maintenance.storage_owner import adopt_storage
from tasks.outbound.client import VERSION
from tasks.queue.account_keys import API_KEY, API_KEYS, OWNER, OWNERS, SUSPENDED
from tasks.queue.installation import find_installation, find_restored_snapshot, note_restored_snapshot
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.redis_keys import (
    DESTINATIONS,
    DISABLED,
    ENDPOINT,
    ENDPOINTS,
    LANE,
    PRESETS,
    QUEUES,
    SCHEDULE,
    SCHEDULES,
    SUBSCRIBERS,
)
from tasks.queue.redis_keys import QUEUE as QUEUE_HASH
from tasks.queue.script import Script
from tasks.settings import SYSTEM
from tasks.storage.protocol import Storage
from tasks.webhook.endpoint_record import seal_headers
from tasks.webhook.endpoints import QUEUE
from tasks.webhook.secret_box import SecretBox

FOLDER: Final = "snapshots"
SUFFIX: Final = ".jsonl.gz"
PAGE_KEYS: Final = 1000
LOAD_AT_ONCE: Final = 50
"""Keys in one script."""
VALUES_AT_ONCE: Final = 1000
"""Values of one key in one entry: Redis' Lua unpacks fewer than 8,000."""


@dataclass(frozen=True, slots=True)
class DurableKeys:
    """Keys that a snapshot has. prefix: how they begin. fields: those of a hash that are kept; None for all."""

    prefix: str
    type: Literal["hash", "zset"]
    fields: frozenset[str] | None = None


DURABLE: Final = (
    DurableKeys(ENDPOINT, "hash"),
    DurableKeys(ENDPOINTS, "zset"),
    DurableKeys(SUBSCRIBERS, "zset"),
    DurableKeys(DISABLED, "zset"),
    DurableKeys(f"{LANE}{QUEUE}:{LaneId('endpoint', '')}", "hash", frozenset({"cap", "rate", "ordered"})),
    DurableKeys(SCHEDULE, "hash"),
    DurableKeys(SCHEDULES, "zset"),
    DurableKeys(PRESETS, "hash"),
    DurableKeys(API_KEY, "hash"),
    DurableKeys(API_KEYS, "zset"),
    DurableKeys(DESTINATIONS, "hash"),
    DurableKeys(OWNER, "hash"),
    DurableKeys(OWNERS, "zset"),
    DurableKeys(SUSPENDED, "hash"),
    *(DurableKeys(f"{QUEUE_HASH}{queue}", "hash", frozenset({"suspended"})) for queue in QUEUES),
    *(DurableKeys(f"{LANE}{queue}:{LaneId('owner', '')}", "hash", frozenset({"cap"})) for queue in QUEUES),
)
"""What a snapshot has. Whoever adds something that lives only in Redis adds its keys here."""
THINGS: Final = {ENDPOINT: "endpoints", SCHEDULE: "schedules"}
"""Keys that are things of an owner, and what they are called."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restore` has written back. before: the id of the installation that owned the storage until now."""

    snapshot: str
    endpoints: int
    schedules: int
    before: str | None


async def write_snapshot(redis: "Redis[bytes]", storage: Storage, box: SecretBox, *, keep: int) -> str:
    """Write the snapshot of today, and delete those before the last few days.

    Args:
        redis: Connection.
        storage: Where snapshots are.
        box: Encrypts header values of endpoints that an earlier version has stored as plain text.
        keep: How many to keep, one a day.

    Returns:
        The snapshot's name: the day.

    Raises:
        StorageUnavailable: The storage does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    now = clock.rfc3339(clock.now_ms())
    about = {"snapshot": now, "version": VERSION, "installation": await find_installation(redis)}
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(_line(about))
        async for entry in _entries(redis, box):
            file.write(_line(entry))
    name = now[:10]
    await storage.put_object(_path(name), packed.getvalue())
    names = await snapshot_names(storage)
    await storage.delete_objects(map(_path, names[:-keep]))
    return name


async def snapshot_names(storage: Storage) -> list[str]:
    """List the snapshots, the oldest first."""
    found = (path.rpartition("/")[2] for path in await storage.object_names(FOLDER))
    return sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX))


async def restore(redis: "Redis[bytes]", storage: Storage, name: str | None = None) -> Restored:
    """Write a snapshot back into a Redis that has lost its data, and make it the owner of the storage. A restore that
    was interrupted goes on.

    Args:
        redis: Connection.
        storage: Where snapshots are.
        name: The snapshot; None for the last one.

    Raises:
        ValueError: There is no such snapshot, or Redis has endpoints or schedules already. Nothing was changed.
        StorageUnavailable: The storage does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    names = await snapshot_names(storage)
    name = name or (names[-1] if names else None)
    if name is None or name not in names:
        known = f"it has {', '.join(names)}" if names else "it has none; the nightly cleanup writes one"
        raise ValueError(f"the storage has no snapshot {name or ''}: {known}".replace(" :", ":"))
    found = await _count_things(redis)
    if found and await find_restored_snapshot(redis) != name:
        raise ValueError(
            f"Redis has {' and '.join(f'{count} {what}' for what, count in found.items())} already, so nothing was "
            "restored: a snapshot is only for a Redis that has lost its data"
        )
    packed = await storage.get_object(_path(name))
    if packed is None:
        raise ValueError(f"snapshot {name} has just been deleted")
    await note_restored_snapshot(redis, name)
    counts = await _load(redis, _read_lines(packed))
    before = await adopt_storage(redis, storage)
    await note_restored_snapshot(redis, None)
    return Restored(name, counts["endpoints"], counts["schedules"], before)


async def _load(redis: "Redis[bytes]", entries: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Write entries into Redis. Returns how many things of each sort there were, without built-in schedules."""
    script, counts = Script(redis, "upkeep/load"), dict.fromkeys(THINGS.values(), 0)
    while part := list(islice(entries, LOAD_AT_ONCE)):
        holders = []
        for entry in part:
            prefix = next((prefix for prefix in THINGS if entry["key"].startswith(prefix)), None)
            if prefix is None:
                continue
            fields = dict(zip(entry["values"][::2], entry["values"][1::2], strict=True))
            counts[THINGS[prefix]] += fields.get("owner", SYSTEM) != SYSTEM
            if prefix == SCHEDULE:
                blobs = json.loads(fields.get("blobs", "[]"))
                holders.append({"holder": f"schedule:{entry['key'].removeprefix(prefix)}", "blobs": blobs})
        await script({"entries": part, "holders": holders})
    return counts


async def _count_things(redis: "Redis[bytes]") -> dict[str, int]:
    """How many things of owners there are in Redis, by what they are called. Workers install built-in schedules again
    by themselves."""
    found: dict[str, int] = {}
    async for keys in _pages(redis, tuple(THINGS)):
        async with redis.pipeline(transaction=False) as pipe:
            for key, _ in keys:
                pipe.hget(key, "owner")
            owners = await pipe.execute()
        for (_, prefix), owner in zip(keys, owners, strict=True):
            if owner is not None and owner.decode() != SYSTEM:
                found[THINGS[prefix]] = found.get(THINGS[prefix], 0) + 1
    return found


async def _entries(redis: "Redis[bytes]", box: SecretBox) -> AsyncIterator[dict[str, Any]]:
    """The keys and their values, as lines of a snapshot have them."""
    durable = {one.prefix: one for one in DURABLE}
    async for keys in _pages(redis, tuple(durable)):
        async with redis.pipeline(transaction=False) as pipe:
            for key, prefix in keys:
                if durable[prefix].type == "hash":
                    pipe.hgetall(key)
                else:
                    pipe.zrange(key, 0, -1, withscores=True)
            values = await pipe.execute()
        for (key, prefix), value in zip(keys, values, strict=True):
            for flat in _parts(_flat(key, durable[prefix], value, box)):
                yield {"key": key, "type": durable[prefix].type, "values": flat}


def _flat(key: str, durable: DurableKeys, value: Any, box: SecretBox) -> list[str]:
    """The values of a key as they are in a line: name, value, … of a hash; score, member, … of a zset."""
    if durable.type == "zset":
        return [text for member, score in value for text in (f"{score:.17g}", _text(member))]
    fields = {_text(name): _text(text) for name, text in value.items()}
    if durable.fields is not None:
        fields = {name: text for name, text in fields.items() if name in durable.fields}
    if durable.prefix == ENDPOINT:
        fields = seal_headers(fields, key.removeprefix(ENDPOINT), box)
    return [text for pair in fields.items() for text in pair]


def _parts(flat: list[str]) -> Iterable[list[str]]:
    return (flat[start : start + VALUES_AT_ONCE] for start in range(0, len(flat), VALUES_AT_ONCE))


async def _pages(redis: "Redis[bytes]", prefixes: tuple[str, ...]) -> AsyncIterator[list[tuple[str, str]]]:
    """All keys that begin with one of the prefixes, once, each with its prefix."""
    cursor: int | None = None
    seen: set[str] = set()
    while cursor != 0:
        cursor, keys = await redis.scan(cursor or 0, count=PAGE_KEYS)
        names = {_text(key) for key in keys} - seen
        seen |= (found := {name for name in names if name.startswith(prefixes)})
        yield [(name, next(prefix for prefix in prefixes if name.startswith(prefix))) for name in sorted(found)]


def _read_lines(packed: bytes) -> Iterable[dict[str, Any]]:
    lines = iter(gzip.decompress(packed).splitlines())
    next(lines)  # what it is
    return (json.loads(line) for line in lines)


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _path(name: str) -> str:
    return f"{FOLDER}/{name}{SUFFIX}"


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
