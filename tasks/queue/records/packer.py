"""Packs the records of ended jobs, some minutes after their end, and restores those with which something is to be
done."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.asyncio import Redis

from tasks import clock
from tasks.queue.jobs.retention import keep_ms
from tasks.queue.process_registry import form_for_all
from tasks.queue.records.packing import FIRST, Fields, is_packed, pack, pieces_of, unpack
from tasks.queue.redis_keys import JOB, PACK_AFTER_MS
from tasks.queue.script import Script
from tasks.settings import Settings

AT_ONCE: Final = 50
"""Records in one script: a millisecond or two of Redis' time."""


class Packer:
    """Packs what is due, from the oldest end on.

    Args:
        redis: Connection.
        settings: How long jobs are kept.
        after_ms: Milliseconds after its end a job is due.
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings, after_ms: int = PACK_AFTER_MS) -> None:
        self._after_ms = after_ms
        self._redis = redis
        self._pack = Script(redis, "upkeep/pack")
        keep = keep_ms(settings)
        self._keep = {name: keep[name] for name in ("delivered", "missed", "tombstone")}
        self._records: list[dict[str, Any]] = []

    async def step(self) -> tuple[int, bool]:
        """Write what the last step has compressed, and compress what comes next.

        Returns:
            How many records it packed, and whether more are due.
        """
        before = clock.now_ms() - self._after_ms
        payload = {"records": self._records, "take": AT_ONCE, "before": before, "keep": self._keep}
        answer = await self._pack(payload)
        hashes = await _hashes(self._redis, answer["ids"])
        form = await form_for_all(self._redis)
        self._records = [record for job_id, fields in hashes.items() if (record := _packed(job_id, fields, form))]
        return int(answer["packed"]), bool(answer["ids"])


async def restore(redis: "Redis[bytes]", ids: Sequence[str]) -> None:
    """Write packed records as they were, and those of the batches that they are part of."""
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hmget(JOB + job_id, FIRST, "batch")
        found = dict(zip(ids, await pipe.execute(), strict=True))
    batches = {batch for _, batch in found.values() if batch}
    if packed := [job_id for job_id, (first, _) in found.items() if first]:
        hashes = {job_id: fields for job_id, fields in (await _hashes(redis, packed)).items() if is_packed(fields)}
        whole = {job_id: unpack(fields) for job_id, fields in hashes.items()}
        records = [
            {"id": one, "first": hashes[one][FIRST], "pieces": pieces_of(hashes[one]), "fields": _flat(whole[one])}
            for one in hashes
        ]
        await Script(redis, "upkeep/restore")({"records": records})
        batches |= {fields[b"batch"] for fields in whole.values() if b"batch" in fields}
    if batches:
        await restore(redis, [batch.decode() for batch in batches])


async def _hashes(redis: "Redis[bytes]", ids: Sequence[str]) -> dict[str, Fields]:
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hgetall(JOB + job_id)
        return dict(zip(ids, await pipe.execute(), strict=True))


def _packed(job_id: str, fields: Fields, form: int) -> dict[str, Any] | None:
    """What `pack.lua` takes of one record."""
    # One that failed since another did not succeed (`lost`) runs by itself once that has, and its batch (`has_lost`)
    # goes on then: scripts must find both whole.
    stays = not fields.get(b"finished_at") or fields.keys() & {b"lost", b"has_lost"}
    packed = None if stays else pack(fields, form)
    if packed is None:
        return None
    return {
        "id": job_id,
        "finished_at": fields[b"finished_at"],
        "dropped": packed.dropped,
        "pieces": packed.pieces,
        "stand_ins": _flat(packed.stand_ins),
        "blobs": fields.get(b"blobs", b"").decode().split(),
    }


def _flat(fields: Mapping[bytes, bytes]) -> list[bytes]:
    return [part for pair in fields.items() for part in pair]
