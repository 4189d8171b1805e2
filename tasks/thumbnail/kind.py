"""The kind `thumbnail`: draws the variants of one picture, which was uploaded or is fetched from its URL.

A job whose picture is refused (see the codes in `tasks/refusal.py`) fails at once and leaves no file.
"""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from tasks import clock
from tasks.blob_ref import BlobRef
from tasks.kind import JobContext, Kind, OutputFile, Result, RetryPolicy, TryAgain
from tasks.outbound.protocol import OutboundError
from tasks.picture_result.drawn import drawn_of
from tasks.queue.jobs.same_work import result_of_same_work
from tasks.refusal import Refusal
from tasks.sandbox_output import output_file
from tasks.settings.units import MiB
from tasks.storage.protocol import LocalFile
from tasks.thumbnail.engines.render_id import render_id
from tasks.thumbnail.params import ThumbnailParams
from tasks.thumbnail.summary.looks import looks_of
from tasks.uploads.originals import keep_original

SANDBOX_MODULE = f"{__package__}.imaging"
FIRST_MEMORY_MB = 40
"""Megabytes besides those of the file itself, which some decoders read whole before they know its size. They are enough
for reading any header and for drawing most photos; the sandbox asks for more where a picture needs more."""
ABOUT = ("width", "height", "quality", "max_bytes_met", "frames", "duration_ms", "loops")
"""What a file's record says of a drawn picture, as far as `render` does."""
TRANSIENT_CODES = {
    *("dns_failed", "connect_failed", "connect_timed_out", "connection_lost", "answer_timed_out"),
    *("proxy_failed", "outbound_failed"),
}
TRANSIENT_STATUSES = {429, *range(500, 600)}
"""Failures to fetch a picture by its URL that are tried again."""


async def make_thumbnails(job: JobContext[ThumbnailParams]) -> Result:
    """Fetch the picture, draw every variant in the sandbox, and store the files; or use those of another job that has
    drawn the same.

    Raises:
        Refusal: The picture cannot be used; the job fails.
        TryAgain: The picture could not be fetched this time.
    """
    source = job.scratch.folder / "source"
    blob = job.params.upload or await _fetch(job, source)
    if (drawn_before := await _drawn_before(job, source, blob)) is not None:
        return drawn_before
    if job.params.upload:
        await _fetch(job, source)
    variants = await _with_watermarks(job)
    limits = {
        "max_pixels": job.settings.max_pixels,
        "max_watermark_pixels": job.settings.max_watermark_pixels,
        "max_side_px": job.settings.max_side_px,
        "max_frames": job.settings.max_frames,
        "max_animation_pixels": job.settings.max_animation_pixels,
        "max_animation_output_pixels": job.settings.max_animation_output_pixels,
        "max_jpeg_scans": job.settings.max_jpeg_scans,
        "max_scan_pixels": job.settings.max_scan_pixels,
        "max_output_pixels": job.settings.max_output_pixels,
        "max_memory_mb": job.settings.sandbox_budget_mb,
        "draw_truncated": int(job.params.truncated == "draw"),
    }
    answer = await job.sandbox.call(
        f"{SANDBOX_MODULE}:render",
        str(source),
        str(job.scratch.folder),
        variants,
        limits,
        job.settings.image_engine,
        job.settings.image_threads,
        list(job.params.exif or ()),
        seconds=job.settings.sandbox_seconds,
        memory_mb=FIRST_MEMORY_MB + blob.bytes // MiB,
        progress=job.progress,
    )
    drawn = drawn_of(answer)
    files = await _store(job, drawn["files"])
    about = {"bytes": blob.bytes, "sha256": blob.sha256}
    value = {"picture": drawn["picture"] | about} | looks_of(job.params.variants)
    return Result(value=value | await _keep(job, source, blob), files=files)


async def _drawn_before(job: JobContext[ThumbnailParams], source: Path, blob: BlobRef) -> Result | None:
    """What another job has drawn of the same picture, or draws now. None if this job is to draw it.

    Args:
        job: The job.
        source: The picture's file; needed only if it came from a URL.
        blob: What the picture is.
    """
    settings = job.settings
    if not settings.reuse_renders_s:
        return None
    asked_for = job.params.model_dump_json(exclude={"upload", "url", "keep_s", "preset"}, exclude_none=True)
    record = await result_of_same_work(
        job.redis,
        job.storage,
        work=render_id("" if settings.share_renders else job.owner, blob.sha256, asked_for, settings.image_engine),
        job_id=job.job_id,
        kind=THUMBNAIL.name,
        kept_s=settings.reuse_renders_s,
        patience_s=settings.sandbox_seconds,
    )
    if record is None:
        return None
    files = [
        OutputFile(file["name"], file["blob"], file["type"], file["bytes"], file.get("about", {}))
        for file in record.files
    ]
    value = {**(record.result or {}), "reused": True}
    for own in ("kept_until", "destination"):
        value.pop(own, None)
    return Result(value=value | await _keep(job, source, blob), files=tuple(files))


async def _fetch(job: JobContext[ThumbnailParams], into: Path) -> BlobRef:
    """Write the picture to a file. Returns what it is."""
    if job.params.upload is not None:
        await job.storage.fetch(job.params.upload.sha256, into)
        return job.params.upload
    try:
        fetched = await job.outbound.fetch(job.params.url or "", into, max_bytes=job.settings.max_upload_bytes)
    except OutboundError as error:
        if error.code in TRANSIENT_CODES or error.status in TRANSIENT_STATUSES:
            raise TryAgain(error.code, error.message) from error
        raise Refusal(error.code, error.message, field="url") from error
    if fetched.bytes == 0:
        raise Refusal("no_file", "The URL answers with an empty body; give the URL of a picture.", field="url")
    return BlobRef(await asyncio.to_thread(_sha256_of, into), fetched.bytes)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _with_watermarks(job: JobContext[ThumbnailParams]) -> list[dict[str, Any]]:
    """Write the watermarks to files. Returns the variants' dumps; a watermark's `path` names its file."""
    paths = {upload: job.scratch.folder / f"watermark-{upload}" for upload in job.params.watermarks}
    for upload, path in paths.items():
        await job.storage.fetch(job.params.watermarks[upload].sha256, path)
    variants = [variant.model_dump() for variant in job.params.variants]
    for variant in variants:
        if watermark := variant["watermark"]:
            watermark["path"] = str(paths[watermark["upload"]])
    return variants


async def _store(job: JobContext[ThumbnailParams], drawn: list[dict[str, Any]]) -> tuple[OutputFile, ...]:
    paths = [output_file(job.scratch.folder, one["path"]) for one in drawn]
    blobs = await job.storage.put_files(
        [LocalFile(path, one["type"], path.name) for path, one in zip(paths, drawn, strict=True)]
    )
    return tuple(
        OutputFile(
            name=path.name,
            blob=blob.sha256,
            type=one["type"],
            bytes=blob.bytes,
            about={fact: one[fact] for fact in ABOUT if fact in one},
        )
        for path, blob, one in zip(paths, blobs, drawn, strict=True)
    )


async def _keep(job: JobContext[ThumbnailParams], source: Path, blob: BlobRef) -> dict[str, str]:
    """Keep the original, if that is asked for. Returns what the result says of it."""
    if job.params.keep_s is None:
        return {}
    if job.params.upload is None:
        await job.storage.put_file(source, type="application/octet-stream", filename="original")
    try:
        kept = await keep_original(job.redis, job.storage, job.job_id, job.owner, blob, seconds=job.params.keep_s)
    except Refusal as refusal:
        if refusal.code == "unavailable":
            raise TryAgain(refusal.code, refusal.message) from refusal
        raise
    return {"kept_until": clock.rfc3339(kept.expires_at)}


THUMBNAIL = Kind(
    name="thumbnail",
    queue="media",
    params=ThumbnailParams,
    run=make_thumbnails,
    timeout_s=300,
    retry=RetryPolicy(max_tries=4, first_delay_s=2, max_delay_s=300),
    preload=(SANDBOX_MODULE,),
)
