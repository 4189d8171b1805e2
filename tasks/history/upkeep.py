"""Moves ended records from Redis into the storage, and deletes from there what is erased or too old.

1. `begin` gives an object a number and notes that it is being written.
2. The object is written into the storage.
3. `commit` puts its ids into the index and deletes the records from Redis, in one script. A record that has changed or
   gone since it was read is left alone.

Records of jobs with `keep` leave Redis while their time goes on. From the same script on their files are needed by what
`tasks/history/kept.py` explains.

A process that dies between the steps leaves both copies, never none. What an object has that the index does not point
to (after such a death, or a `DELETE`) is removed by `tidy`, which writes the object again: each object for which there
may be something to remove is noted in Redis until that is done.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import structlog
from redis.asyncio import Redis

from tasks import clock
from tasks.history.archive import (
    folder_of,
    ids_of,
    line_of,
    number_of,
    path_of,
    place_of,
    read_archive,
    write_archive,
)
from tasks.history.kept import kept_of_fields, kept_of_lines, outlasts
from tasks.queue.installation import find_installation, make_installation
from tasks.queue.records.indexes import BATCH
from tasks.queue.records.packing import Fields, unpack
from tasks.queue.redis_keys import HISTORY, HISTORY_IDS, HISTORY_WRITING, JOB, LINGER_MS
from tasks.queue.script import Script
from tasks.settings import MiB
from tasks.storage.protocol import Storage, StorageUnavailable

log = structlog.get_logger()

RECORDS_AT_ONCE: Final = 128
"""Records of one object, and so of one script: two milliseconds of Redis."""
BLOBS_AT_ONCE: Final = 500
"""Blobs of records with `keep` from which on an object has no further record: as much of Redis' time again."""
OBJECT_BYTES: Final = MiB
"""Bytes of lines from which on an object has no further record: a request for one record reads them all."""
WAIT_MS: Final = 3_600_000
"""Fewer records than RECORDS_AT_ONCE wait so long for others, so that a quiet installation does not write an object for
each."""
UNREADABLE: Final = b"unreadable:"
"""Prefix of the fields that note an object which expiry has left behind, since the storage did not give it."""


class UnreadableObject(StorageUnavailable):
    """The storage works, but does not give one object, such as one in an archive."""


class HistoryUpkeep:
    """Moves, removes and expires records. An object that cannot be read holds up no other: it is logged, noted in
    `unreadable`, and tried again with the next run.

    Args:
        redis: Connection.
        storage: Where the history is.
    """

    def __init__(self, redis: "Redis[bytes]", storage: Storage) -> None:
        self.unreadable: set[str] = set()
        self._redis = redis
        self._storage = storage
        self._script = Script(redis, "upkeep/history")

    async def move(
        self, ids: Sequence[str], until: float, *, in_redis_ms: int | None = None, wait_ms: int = WAIT_MS
    ) -> AsyncIterator[int]:
        """Move records whose time in Redis is over.

        Args:
            ids: Of jobs that may be due; others are left alone.
            until: When to stop (`time.monotonic()`).
            in_redis_ms: Milliseconds for which a job with `keep` is in Redis after its end; None: while it is kept.
            wait_ms: Milliseconds that fewer records than an object may have wait for others.

        Yields:
            How many were moved with each object.

        Raises:
            StorageUnavailable: The storage does not answer; what is not moved stays in Redis.
            redis.exceptions.RedisError: Redis does not answer.
        """
        due: dict[str, Fields] = {}
        for start in range(0, len(ids), RECORDS_AT_ONCE):
            due |= await self._due(ids[start : start + RECORDS_AT_ONCE], in_redis_ms)
            while len(due) >= RECORDS_AT_ONCE:
                if time.monotonic() > until:
                    return
                yield await self._move_some(due)
        before = await self._now_ms() - wait_ms
        while time.monotonic() < until and any(_leaves_at(fields, in_redis_ms) <= before for fields in due.values()):
            yield await self._move_some(due)

    async def tidy(self, until: float) -> int:
        """Write objects again without what was erased from them. Returns how many lines were removed.

        Args:
            until: When to stop (`time.monotonic()`).

        Raises:
            StorageUnavailable: The storage does not answer.
            redis.exceptions.RedisError: Redis does not answer.
        """
        removed, skipped = 0, set[int]()
        while found := await self._script({"verb": "pending"}):
            left = [one for one in found if int(one["number"]) not in skipped]
            if not left:
                break
            for one in left:
                if time.monotonic() > until:
                    return removed
                try:
                    removed += await self._rewrite(int(one["number"]))
                except UnreadableObject:
                    skipped.add(int(one["number"]))
                    await self._script({"verb": "tidied", **one, "seen": ""})  # behind the others
                else:
                    await self._script({"verb": "tidied", **one})
        return removed

    async def expire(self, keep_ms: int) -> int:
        """Delete objects that were written too long ago, the oldest first. Records whose own time is not over for as
        long are carried into a new one. Returns how many were deleted.

        Args:
            keep_ms: Milliseconds for which records are kept after they left Redis.

        Raises:
            StorageUnavailable: The storage does not answer.
            redis.exceptions.RedisError: Redis does not answer.
        """
        noted = await self._redis.hgetall(HISTORY)
        first, last = int(noted.get(b"first", 0)), int(noted.get(b"last", 0))
        left_behind = [int(name.removeprefix(UNREADABLE)) for name in noted if name.startswith(UNREADABLE)]
        written = await self._redis.zrange(HISTORY_WRITING, 0, -1)
        last = min([last, *(int(number) - 1 for number in written)])
        expired = 0
        for number in [*sorted(left_behind), *range(first + 1, last + 1)]:
            try:
                found = await self._read(number)
            except UnreadableObject:
                await self._script({"verb": "expired", "number": number, "unreadable": True})
                continue
            if found is not None:
                written_at, lines = found
                if written_at + keep_ms > await self._now_ms():
                    if number <= first:
                        continue
                    break
                carried = await self._carry(number, lines, await self._now_ms() - keep_ms)
                await self._script({"verb": "forget", "number": number, "places": _places_of(lines)})
                await self._storage.delete_objects([await self._path(number)])
                expired += len(lines) - carried
            await self._script({"verb": "expired", "number": number})
        return expired

    async def take_over(self, installation: str) -> int:
        """Make the history of an installation whose Redis is lost this one's. Returns how many records it had.

        Args:
            installation: The id of the other.

        Raises:
            StorageUnavailable: The storage does not answer. Begun again, it goes on.
            redis.exceptions.RedisError: Redis does not answer.
        """
        taken = 0
        for name in await self._storage.object_names(folder_of(installation)):
            try:
                content = await self._get(name)
            except UnreadableObject:
                continue
            if content is not None:
                written_at, lines = await asyncio.to_thread(read_archive, content)
                number = await self._create(lines, written_at)
                payload = {"number": number, "places": _places_of(lines), "kept": kept_of_lines(lines)}
                await self._script({"verb": "index", **payload})
                await self._storage.delete_objects([name])
                await self._script({"verb": "written", "number": number})
                taken += len(lines)
        return taken

    async def exists(self) -> bool:
        """Whether this installation has ever had a history."""
        return bool(await self._redis.exists(HISTORY))

    async def _carry(self, number: int, lines: Sequence[bytes], before_ms: int) -> int:
        """Move the records of an object that still have time into a new one. Returns how many."""
        numbers = await self._numbers_of(ids_of(lines))
        kept = [line for line, its in zip(lines, numbers, strict=True) if its == number and outlasts(line, before_ms)]
        if not kept:
            return 0
        payload = {"number": await self._create(kept), "former": number, "places": _places_of(kept)}
        return int(await self._script({"verb": "carry", **payload}))

    async def _due(self, ids: Sequence[str], in_redis_ms: int | None) -> dict[str, Fields]:
        """The hashes of those that are to be moved."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hgetall(JOB + job_id)
            found = await pipe.execute()
        now_ms = await self._now_ms()
        return {
            job_id: fields
            for job_id, fields in zip(ids, found, strict=True)
            if fields.get(b"expires_at") and _is_due(fields, in_redis_ms, now_ms)
        }

    async def _move_some(self, due: dict[str, Fields]) -> int:
        """Move the first of these in one object, and take them out."""
        lines, notes = await asyncio.to_thread(_lines_of, due, await self._now_ms())
        number = await self._create(lines)
        moved = int(await self._script({"verb": "commit", "number": number, "records": notes}))
        for note in notes:
            del due[note["id"]]
        return moved

    async def _create(self, lines: Sequence[bytes], written_at: int | None = None) -> int:
        """Write a new object. written_at: in milliseconds since 1970; None is now. Returns its number."""
        above = 0
        while True:
            begun = await self._script({"verb": "begin", "above": above})
            number = int(begun["number"])
            content = await asyncio.to_thread(write_archive, written_at or int(begun["now"]), lines)
            path = await self._path(number)
            if await self._storage.create_object(path, content):
                return number
            # Redis has lost its last writes, and gives numbers that were used. What has this one is left alone.
            await self._script({"verb": "written", "number": number})
            names = await self._storage.object_names(path.rpartition("/")[0])
            above = max(map(number_of, names), default=number)

    async def _rewrite(self, number: int) -> int:
        found = await self._read(number)
        if found is None:
            return 0
        written_at, lines = found
        numbers = await self._numbers_of(ids_of(lines))
        kept = [line for line, its in zip(lines, numbers, strict=True) if its == number]
        if not kept:
            await self._storage.delete_objects([await self._path(number)])
        elif len(kept) < len(lines):
            content = await asyncio.to_thread(write_archive, written_at, kept)
            await self._storage.put_object(await self._path(number), content)
        return len(lines) - len(kept)

    async def _read(self, number: int) -> tuple[int, list[bytes]] | None:
        """When an object was written, and its lines; None if it is gone from a storage that is otherwise well. Raises
        UnreadableObject if it is there and cannot be read."""
        content = await self._get(await self._path(number))
        if content is None:
            await self._storage.check()
            return None
        return await asyncio.to_thread(read_archive, content)

    async def _get(self, path: str) -> bytes | None:
        """The bytes of an object. Raises UnreadableObject if the storage does not give this one, but works."""
        try:
            return await self._storage.get_object(path)
        except StorageUnavailable as error:
            await self._storage.check()
            self.unreadable.add(path)
            log.warning("history.unreadable", object=path, error=str(error))
            raise UnreadableObject(f"The storage does not give {path}.") from error

    async def _numbers_of(self, ids: Iterable[str]) -> list[int | None]:
        """In which objects the index has these."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for place in map(place_of, ids):
                pipe.hget(HISTORY_IDS + place.bucket, place.member)
            return [None if number is None else int(number) for number in await pipe.execute()]

    async def _now_ms(self) -> int:
        return clock.of_redis(await self._redis.time())

    async def _path(self, number: int) -> str:
        return path_of(await find_installation(self._redis) or await make_installation(self._redis), number)


def _places_of(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [place_of(job_id)._asdict() for job_id in ids_of(lines)]


def _is_due(fields: Fields, in_redis_ms: int | None, now_ms: int) -> bool:
    """Whether a record is to be moved now."""
    leaves_at = _leaves_at(fields, in_redis_ms)
    # Downloads of files that go with the record can end.
    return leaves_at <= (now_ms if leaves_at < int(fields[b"expires_at"]) else now_ms - LINGER_MS)


def _leaves_at(fields: Fields, in_redis_ms: int | None) -> int:
    """When a record's time in Redis is over, in milliseconds since 1970."""
    expires_at = int(fields[b"expires_at"])
    if in_redis_ms is None or b"keep" not in fields or fields.get(b"kind") == BATCH.encode():
        return expires_at
    return min(expires_at, expires_at - int(fields[b"keep_ms"]) + in_redis_ms)


def _lines_of(due: Mapping[str, Fields], now_ms: int) -> tuple[list[bytes], list[dict[str, Any]]]:
    """The lines of one object, and what `commit` takes of each."""
    lines, notes, size, blobs = list[bytes](), list[dict[str, Any]](), 0, 0
    for job_id, fields in islice(due.items(), RECORDS_AT_ONCE):
        if size >= OBJECT_BYTES or blobs >= BLOBS_AT_ONCE:
            break
        whole = unpack(fields)
        lines.append(line_of(job_id, whole))
        size += len(lines[-1])
        notes.append(_note(job_id, whole, now_ms))
        blobs += len(notes[-1]["kept"]["blobs"]) if notes[-1]["kept"] else 0
    return lines, notes


def _note(job_id: str, fields: Fields, now_ms: int) -> dict[str, Any]:
    """What `commit` takes of a record."""
    state, job_indexes = fields[b"state"], fields.get(b"shelves", b"")
    indexes = [index + b":" + state for index in job_indexes.split()]
    whole = [what + b"/" + fields[what] for what in (b"event", b"batch") if what in fields]
    expires_at, kind = fields[b"expires_at"], fields.get(b"kind", b"")
    place = place_of(job_id)._asdict()
    note = {"id": job_id, "state": state, "expires_at": expires_at, "kind": kind, "job_indexes": job_indexes}
    return {**note, **place, "indexes": indexes + whole, "kept": kept_of_fields(job_id, fields, now_ms)}
