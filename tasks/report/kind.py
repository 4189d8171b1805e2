"""The kinds `report`, which makes the files of a spec, and `validation`, which tells what would come of it."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tasks.blob_ref import BlobRef
from tasks.kind import JobContext, Kind, OutputFile, Result, RetryPolicy
from tasks.refusal import Refusal
from tasks.report.request import ReportRequest
from tasks.report.spec.document import Dataset, Format
from tasks.report.spec.parts import FileRef
from tasks.report.spec.references import references
from tasks.settings import Settings
from tasks.storage.protocol import BlobMissing
from tasks.uploads.sources import RequestedSource, find_sources

FETCHES_AT_ONCE = 8
SANDBOX_MODULE = "tasks.report.entry"
LIMITS = (
    "max_report_rows",
    "max_report_cells",
    "max_cell_chars",
    "max_report_pages",
    "max_pixels",
    "max_side_px",
    "max_frames",
    "max_jpeg_scans",
)
"""The settings that the sandbox is told."""


class ReportParams(BaseModel):
    """What a report job is asked for: a `ReportRequest` in storage. The rest is for people to recognise it by."""

    model_config = ConfigDict(extra="forbid")

    order: BlobRef
    title: str
    formats: list[Format]


async def make_report(job: JobContext[ReportParams]) -> Result:
    """Fetch what it is made of, make its files in the sandbox, store them."""
    made = await _call(job, "make")
    facts = {name: made[name] for name in ("pages", "rows", "warnings")}
    return Result(value=facts, files=tuple([await _store(job, one) for one in made["files"]]))


async def validate_report(job: JobContext[ReportParams]) -> Result:
    """Read the data and plan the pages, but draw nothing."""
    return Result(value=await _call(job, "look"))


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
    # A large spec takes a while to check; the other jobs of this process go on meanwhile.
    report_request = await _complete(job, await asyncio.to_thread(_read, path))
    formats = {dataset.upload: f".{dataset.format}" for dataset in report_request.spec.datasets.values()}
    paths = {key: folder / f"{source.sha256}{formats.get(key, '')}" for key, source in report_request.files.items()}
    await _fetch(job, {paths[key]: source.sha256 for key, source in report_request.files.items()})
    job_path = folder / "job.json"
    await asyncio.to_thread(_write, job_path, report_request, paths, job.settings)
    return job_path


async def _complete(job: JobContext[ReportParams], report_request: ReportRequest) -> ReportRequest:
    """The request with the files of the jobs that this one came after: they were not there when it was submitted."""
    late = [(field, one) for field, one in references(report_request.spec) if key_of(one) not in report_request.files]
    found = await find_sources(job.redis, job.owner, [wanted_of(field, one) for field, one in late])
    files = {key_of(one): blob for (_, one), blob in zip(late, found, strict=True)}
    return report_request.model_copy(update={"files": {**report_request.files, **files}})


def wanted_of(field: str, one: FileRef | Dataset) -> RequestedSource:
    """What a reference of a spec asks for."""
    if isinstance(one, Dataset):
        return RequestedSource(field, upload=one.upload)
    return RequestedSource(field, upload=one.upload, job=one.job, file=one.file)


def key_of(one: FileRef | Dataset) -> str:
    """Under which key a request has the file of a reference."""
    return one.upload if isinstance(one, Dataset) else one.key


def _read(path: Path) -> ReportRequest:
    return ReportRequest.model_validate_json(path.read_bytes())


def _write(job_path: Path, report_request: ReportRequest, paths: Mapping[str, Path], settings: Settings) -> None:
    datasets = report_request.spec.datasets
    said = {
        "spec": report_request.spec.model_dump(mode="json"),
        "datasets": {name: str(paths[dataset.upload]) for name, dataset in datasets.items()},
        "images": {key: str(path) for key, path in paths.items()},
        "limits": {name: getattr(settings, name) for name in LIMITS},
        "now": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    job_path.write_text(json.dumps(said), encoding="utf-8")


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
    blob = await job.storage.put_file(Path(made["path"]), type=made["type"], filename=made["name"])
    about = {"pages": made["pages"]} if "pages" in made else {}
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
