"""Jobs with `keep` whose record has left Redis while their time goes on: what needs their files meanwhile.

The blobs of such a job have a holder that says itself until when it lives and whose it is, so that the sweep and the
count of an owner's bytes need no record. It dies by itself, ten minutes after the job has expired.
"""

import json
from collections.abc import Iterable
from typing import Any

from tasks import clock
from tasks.history.archive import fields_of_line, place_of
from tasks.queue.records.packing import Fields
from tasks.queue.records.record import Record
from tasks.queue.redis_keys import LINGER_MS, SECOND_MS


def holder_of(job_id: str, owner: str, expires_at: int) -> str:
    """The name of what needs the blobs (`kept_holder` in blobs.lua reads it).

    Args:
        job_id: The job's id; its place in the index stands for it, which is as short for ids of any length.
        owner: Whose job it is.
        expires_at: When its time is over, in milliseconds since 1970.
    """
    return f"kept:{-(-expires_at // SECOND_MS)}/{owner}/{place_of(job_id).member.hex()}"


def kept_of(record: Record) -> dict[str, Any]:
    """What `erase` takes of a record: what needs its blobs while its time goes on."""
    blobs = {*record.blobs, *(file["blob"] for file in record.files)}
    holder = holder_of(record.id, record.owner, record.expires_at or 0)
    return {"holder": holder, "blobs": sorted(blobs), "owner": record.owner}


def kept_of_fields(job_id: str, fields: Fields, now_ms: int) -> dict[str, Any] | None:
    """What needs the blobs of a record from when it leaves Redis; None for one whose time is over.

    Args:
        job_id: The job's id.
        fields: The hash, not packed.
        now_ms: In milliseconds since 1970.
    """
    expires_at = int(fields[b"expires_at"])
    if expires_at + LINGER_MS <= now_ms:
        return None
    files = json.loads(fields.get(b"files", b"[]"))
    blobs = {*fields.get(b"blobs", b"").decode().split(), *(file["blob"] for file in files)}
    holder = holder_of(job_id, fields[b"owner"].decode(), expires_at)
    return {"holder": holder, "blobs": sorted(blobs), "left_ms": max(expires_at - now_ms, 0)}


def kept_of_lines(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """What needs the blobs of those records of an object whose time goes on."""
    now_ms = clock.now_ms()
    found = (kept_of_fields(*fields_of_line(line), now_ms) for line in lines)
    return [kept for kept in found if kept is not None]


def outlasts(line: bytes, before_ms: int) -> bool:
    """Whether the time of a line's record is over only after `before_ms` (since 1970)."""
    return int(fields_of_line(line)[1].get(b"expires_at", b"0")) > before_ms
