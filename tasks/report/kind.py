"""The kinds `report`, which makes the files of a spec, and `validation`, which tells what would come of it."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict

from tasks.blob_ref import BlobRef
from tasks.history.store import History
from tasks.kind import JobContext, Kind, OutputFile, Result, RetryPolicy
from tasks.refusal import Refusal
from tasks.report.render_job import RenderLimits, StoredRequest
from tasks.report.spec.document import Format
from tasks.report.spec.structs import ReportSpec, decode_spec, picture_refs
from tasks.sandbox_output import output_file
from tasks.storage.protocol import BlobMissing
from tasks.uploads.sources import RequestedSource, find_sources

FETCHES_AT_ONCE = 8
SANDBOX_MODULE = f"{__package__}.render"


class ReportParams(BaseModel):
    """What a report job is asked for: a `ReportRequest` in storage. The rest is for people to recognise it by."""

    model_config = ConfigDict(extra="forbid")

    order: BlobRef
    title: str
    formats: list[Format]


async def make_report(job: JobContext[ReportParams]) -> Result:
    """Fetch what it is made of, make its files in the sandbox, store them."""
    made = await _call(job, "render_file")
    facts = {name: made[name] for name in ("pages", "rows", "warnings")}
    return Result(value=facts, files=tuple([await _store(job, one) for one in made["files"]]))


async def validate_report(job: JobContext[ReportParams]) -> Result:
    """Read the data and plan the pages, but draw nothing."""
    return Result(value=await _call(job, "preflight_file"))


async def _call(job: JobContext[ReportParams], function: str) -> dict[str, Any]:
    job_path = await _prepare(job)
    out = job.scratch.folder / "out"
    out.mkdir()
    answer: dict[str, Any] = await job.sandbox.call(
        f"{SANDBOX_MODULE}:{function}",
        str(job_path),
        str(out),
        seconds=job.settings.report_seconds,
        memory_mb=job.settings.report_memory_mb,
        progress=job.progress,
    )
    return answer


async def _prepare(job: JobContext[ReportParams]) -> Path:
    """The job as the sandbox reads it, with everything that it names, in the scratch folder."""
    folder = job.scratch.folder
    path = folder / "request.json"
    await _fetch(job, {path: job.params.order.sha256})
    # A large spec takes a while to read; the other jobs of this process go on meanwhile.
    stored, spec = await asyncio.to_thread(_read, path)
    files = {key: file.sha256 for key, file in stored.files.items()}
    files |= await _late_files(job, spec, files)
    formats = {dataset.upload: f".{dataset.format}" for dataset in spec.datasets.values()}
    paths = {key: folder / f"{sha256}{formats.get(key, '')}" for key, sha256 in files.items()}
    await _fetch(job, {paths[key]: sha256 for key, sha256 in files.items()})
    described = {
        "spec": stored.spec,
        "datasets": {name: str(paths[dataset.upload]) for name, dataset in spec.datasets.items()},
        "images": {key: str(path) for key, path in paths.items()},
        "limits": {name: getattr(job.settings, name) for name in RenderLimits.__struct_fields__},
        "now": datetime.now(UTC),
    }
    path = folder / "job.json"
    await asyncio.to_thread(path.write_bytes, msgspec.json.encode(described))
    return path


async def _late_files(job: JobContext[ReportParams], spec: ReportSpec, known: Collection[str]) -> dict[str, str]:
    """The files of the jobs that this one came after: they were not there when it was submitted."""
    late = [(field, ref) for field, ref in picture_refs(spec) if ref.key not in known]
    wanted = [RequestedSource(field, upload=ref.upload, job=ref.job, file=ref.file) for field, ref in late]
    history = History(job.redis, job.storage, job.settings)
    found = await find_sources(job.redis, job.owner, wanted, history.find_fields)
    return {ref.key: blob.sha256 for (_, ref), blob in zip(late, found, strict=True)}


def _read(path: Path) -> tuple[StoredRequest, ReportSpec]:
    stored = msgspec.json.decode(path.read_bytes(), type=StoredRequest)
    return stored, decode_spec(stored.spec)


async def _fetch(job: JobContext[ReportParams], wanted: Mapping[Path, str]) -> None:
    waiting = iter(wanted.items())

    async def one_after_the_other() -> None:
        for path, blob in waiting:
            await job.storage.fetch(blob, path)

    fetchers = [asyncio.create_task(one_after_the_other()) for _ in range(min(FETCHES_AT_ONCE, len(wanted)))]
    try:
        await asyncio.gather(*fetchers)
    except BlobMissing as error:
        raise Refusal(
            "expired", "A file that the report uses was removed from the storage. Upload it again."
        ) from error
    finally:
        for fetcher in fetchers:
            fetcher.cancel()


async def _store(job: JobContext[ReportParams], made: Mapping[str, Any]) -> OutputFile:
    path = output_file(job.scratch.folder, made["path"])
    blob = await job.storage.put_file(path, type=made["type"], filename=made["name"])
    about = {name: int(made[name]) for name in ("width", "height") if name in made}
    return OutputFile(name=made["name"], blob=blob.sha256, type=made["type"], bytes=blob.bytes, about=about)


REPORT = Kind(
    name="report",
    queue="reports",
    params=ReportParams,
    run=make_report,
    timeout_s=1800,
    retry=RetryPolicy(max_tries=4, first_delay_s=2, max_delay_s=300),
    preload=(SANDBOX_MODULE,),
)
VALIDATION = Kind(
    name="validation",
    queue="reports",
    params=ReportParams,
    run=validate_report,
    timeout_s=1800,
    retry=RetryPolicy(max_tries=2, first_delay_s=1),
    preload=(SANDBOX_MODULE,),
    in_activity_report=False,
)
