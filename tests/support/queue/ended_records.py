"""Ended jobs of each kind, with what the service writes for each, to measure what they take up in Redis."""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from arq.connections import ArqRedis

from tasks.blob_ref import BlobRef
from tasks.kind import Notes, OutputFile, Result
from tasks.picture_result.record import BLURHASH_CHARS, BLURHASH_DIGITS, FIELD, PictureSummary
from tasks.queue.jobs.enqueue import Enqueuer
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.packer import Packer
from tasks.queue.redis_keys import BLOB, JOB, JOBS, PACK_AFTER_MS, UNPACKED
from tasks.report.kind import ReportParams
from tasks.settings import Settings
from tasks.thumbnail.params import ThumbnailParams
from tasks.thumbnail.variants import Variant
from tests.support.queue.fake_worker import FakeWorker
from tests.support.queue.fan_out import enable, expand, to
from worker.attempts.outcome import Outcome, SerializedResult
from worker.attempts.running import ClaimedJob

AT_ONCE: Final = 100
ENDPOINT_ID: Final = hashlib.sha256(b"endpoint").hexdigest()[:32]
URL: Final = "https://pressroom.example.com"
"""What an installation is called. A longer name costs its length with each job."""
KINDS: Final = ("picture", "report", "event", "delivery")
AT_MOST_BYTES: Final = {"picture": 1_200, "report": 1_200, "event": 1_200, "delivery": 1_000}
"""What one ended job may take up in Valkey 9, with all its keys."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes that one ended job takes up, by what they are. record: its own key. indexes: its share of all lists that it
    is in. blobs: the notes which files it needs."""

    record: float
    indexes: float
    blobs: float

    @property
    def total(self) -> float:
        return self.record + self.indexes + self.blobs


class EndedRecords:
    """Makes jobs by the scripts that the service uses, and ends them. They have no name, and the fewest params that
    their kind takes: what users add is not counted."""

    def __init__(self, redis: ArqRedis, settings: Settings) -> None:
        self._redis = redis
        self._enqueuer = Enqueuer(redis, settings)
        self._worker = FakeWorker(redis, settings, "web-1.example:4711:0a1b2c3d")

    async def make(self, kind: str, count: int) -> list[str]:
        """Returns their ids. Each event has one delivery, and each delivery an event."""
        if kind in ("event", "delivery"):
            return (await self._deliveries(count))[kind]
        return await self._jobs(kind, count)

    async def _jobs(self, kind: str, count: int) -> list[str]:
        ids = [(await self._enqueuer.enqueue(_submission(kind, number))).job_id for number in range(count)]
        await self._end_all({"picture": "media", "report": "reports", "event": "default"}[kind], count)
        return ids

    async def _deliveries(self, count: int) -> dict[str, list[str]]:
        events = await self._jobs("event", count)
        await enable(self._redis, ENDPOINT_ID, owner="shop")
        ids = []
        for event in events:
            wanted = to(event, ENDPOINT_ID, "shop")
            await expand(self._redis, event, wanted, owner="shop")
            ids.append(str(wanted["id"]))
        await self._end_all("webhooks", count)
        return {"event": events, "delivery": ids}

    async def _end_all(self, queue: str, count: int) -> None:
        for start in range(0, count, AT_ONCE):
            want = min(AT_ONCE, count - start)
            slots: dict[str, Any] = {queue: want}
            jobs = (await self._worker.claim(**slots)).jobs
            assert len(jobs) == want
            outcomes = [Outcome(job, "succeeded", 0.123, _result(queue, job), notes=_notes(queue)) for job in jobs]
            assert all(await self._worker.finish_all(*(one.payload(self._worker.name) for one in outcomes)))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _submission(kind: str, number: int) -> Submission:
    blob = _sha256(f"{kind} {number}")
    request_id = _sha256(f"request {number}")[:32]
    if kind == "event":
        params = json.dumps({"type": "invoice.paid", "data": {}}, separators=(",", ":"))
        return Submission("event", "default", "shop", params, name="invoice.paid", request_id=request_id, address=URL)
    if kind == "picture":
        variants = (Variant(name="small", width=256, height=256),)
        params = ThumbnailParams(upload=BlobRef(blob, 204_800), variants=variants).model_dump_json(exclude_none=True)
        return Submission("thumbnail", "media", "shop", params, blobs=(blob,), request_id=request_id, address=URL)
    params = ReportParams(order=BlobRef(blob, 2_048), title="Report", formats=["pdf"]).model_dump_json()
    return Submission("report", "reports", "shop", params, blobs=(blob,), request_id=request_id, address=URL)


def _result(queue: str, job: ClaimedJob) -> SerializedResult:
    match queue:
        case "media":
            file = OutputFile("small.jpg", _sha256(job.id), "image/jpeg", 20_480, {"width": 256, "height": 171})
            return SerializedResult.of(Result(_picture(job), (file,)), {"done": 1, "total": 1, "note": "small"})
        case "reports":
            file = OutputFile("report.pdf", _sha256(job.id), "application/pdf", 40_960, {"pages": 3})
            return SerializedResult.of(
                Result({"pages": 3, "rows": 40, "warnings": []}, (file,)), {"done": 3, "total": 3, "note": "pages"}
            )
        case "default":
            return SerializedResult.of(Result({"deliveries": 1}), {"done": 1, "total": 1, "note": "deliveries"})
    return SerializedResult.of(Result())


def _picture(job: ClaimedJob) -> dict[str, Any]:
    """The result of a photo. Its hashes and colours are as random as those of real ones."""
    dice = random.Random(job.id)  # noqa: S311 - the same for the same job
    summary = PictureSummary(
        thumbhash=dice.randbytes(21),
        blurhash="".join(dice.choices(BLURHASH_DIGITS, k=BLURHASH_CHARS)),
        palette=[f"#{dice.randbytes(3).hex()}" for _ in range(5)],
        phash=dice.getrandbits(64),
    )
    header: dict[str, Any] = {
        "format": "jpeg",
        "type": "image/jpeg",
        "width": 3000,
        "height": 2000,
        "frames": 1,
        "mode": "RGB",
    }
    header |= {"has_alpha": False, "orientation": 1, FIELD: summary.packed()}
    upload = json.loads(job.params)["upload"]
    return {"picture": header | {"bytes": upload["bytes"], "sha256": upload["blob"]}}


def _notes(queue: str) -> Notes | None:
    if queue != "webhooks":
        return None
    timing = {"dns": 1.2, "connect": 32.5, "wait": 41.7, "read": 0.2, "total": 75.9}
    url = "https://receiver.example.com/hooks/pressroom"
    notes = Notes()
    notes.about |= {"url": url, "status": 200, "address": "203.0.113.7", "timing": timing, "answer": "ok"}
    notes.receiver_ok = True
    return notes


async def measure(redis: ArqRedis, ids: Sequence[str]) -> Sizes:
    """What these take up. The list of an event's deliveries is the event's. ARQ's copies, which are gone after an hour,
    are not counted."""
    keys = [key async for key in redis.scan_iter(count=1_000)]
    own = {(JOB + one).encode() for one in ids}
    held = {one.encode() for one in ids}
    found: Counter[str] = Counter()
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        async with redis.pipeline(transaction=False) as pipe:
            for key in some:
                pipe.memory_usage(key, samples=0)
            sizes = await pipe.execute()
        for key, size in zip(some, sizes, strict=True):
            if key in own:
                found["record"] += size
            elif key.startswith(BLOB.encode()) and held & await redis.smembers(key):
                found["blobs"] += size
            elif key.startswith(f"{JOBS}event/".encode()):
                found["indexes"] += size if key.removeprefix(f"{JOBS}event/".encode()) in held else 0
            elif key.startswith(JOBS.encode()):
                members = await redis.zrange(key, 0, -1)
                found["indexes"] += size * len(held.intersection(members)) / len(members)
    return Sizes(*(found[name] / len(ids) for name in ("record", "indexes", "blobs")))


async def pack_all(redis: ArqRedis, settings: Settings) -> int:
    """What the reconciliation does when everything that has ended is due. Returns how many records it packed."""
    for job_id in [one.decode() for one in await redis.lrange(UNPACKED, 0, -1)]:
        if await redis.exists(JOB + job_id):
            await redis.hincrby(JOB + job_id, "finished_at", -PACK_AFTER_MS)
    packer, packed, more = Packer(redis, settings), 0, True
    while more:
        count, more = await packer.step()
        packed += count
    return packed
