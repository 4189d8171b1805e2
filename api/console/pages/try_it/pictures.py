"""Try it, pictures: choose files, and see what the service makes of them."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Response
from starlette.datastructures import QueryParams

from api.console.calls import ApiCall, FileCall, ProblemError, at
from api.console.formats import PICTURE_PX, seconds_between, shown_size
from api.console.visit import ConsoleRouter, Visit

router = ConsoleRouter()

PATH: Final = "/console/try/pictures"
IMAGES: Final = "/v1/images"
MAX_SHOWN: Final = 8
"""Pictures of one page that each have their own call, for their markup."""
MAX_LISTED: Final = 50
SHOWN_TYPES: Final = frozenset(("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif"))
"""What browsers show without running anything."""
UNSAID: Final = {"fit": "contain", "format": "auto", "background": "#ffffff", "enlarge": False}
"""What a variant is that does not say."""
CARD: Final = [{"name": "card", "width": 640, "height": 360, "fit": "cover"}]
RESPONSIVE: Final = [
    {"name": "wide", "width": 1280, "formats": ["avif", "webp", "jpeg"]},
    {"name": "narrow", "width": 640, "formats": ["avif", "webp", "jpeg"]},
]
SIMPLE: Final = {"try.card": CARD, "try.responsive": RESPONSIVE}
"""Variants that are no preset, by what they are called."""


@router.page("/try")
async def show_form(visit: Visit) -> Response:
    """Where pictures are chosen."""
    return await _form(visit)


@router.action("/try/pictures")
async def send_pictures(visit: Visit) -> Response:
    """Submit the files of the form."""
    try:
        answer = await visit.api.send_form(ApiCall("POST", IMAGES))
    except ProblemError as error:
        if visit.is_program or error.problem.get("code") == "forbidden":
            raise
        return await _form(visit, error)
    made = answer.json()
    if "batch" not in made:
        query = f"job={made['id']}"
    elif len(made["jobs"]) <= MAX_SHOWN:
        query = "&".join(f"job={job['id']}" for job in made["jobs"])
    else:
        query = f"batch={made['batch']}"
    return await visit.acted(answer, to=f"{PATH}?{query}")


@router.page("/try/pictures")
async def show_pictures(visit: Visit) -> Response:
    """What became of some pictures."""
    query = visit.query
    asked = query.getlist("job")[:MAX_SHOWN] if isinstance(query, QueryParams) else []
    presets, found = await asyncio.gather(_presets(visit), _jobs(visit, asked, query.get("batch")))
    jobs = [one for one in found if "id" in one]
    pictures = [picture_of(one) for one in jobs if one["kind"] == "thumbnail"]
    running = any(not picture["ended"] for picture in pictures)
    return visit.show(
        "try/pictures_made.html",
        tab="pictures",
        pictures=pictures,
        missing=[one for one in found if "id" not in one],
        running=running,
        shown_types=SHOWN_TYPES,
        is_batch=bool(query.get("batch")),
        call=_call_of(jobs, presets) if jobs else None,
    )


def picture_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of a job: the names of the variants until there are files, times in seconds."""
    started, finished = job.get("started_at"), job.get("finished_at")
    result = job.get("result") or {}
    original = result.get("picture") or {}
    sent = original.get("bytes") or (job["params"].get("upload") or {}).get("bytes")
    return {
        "job": job,
        "ended": job["state"] in ("succeeded", "failed", "cancelled"),
        "original": original,
        "bytes": sent,
        "markup": result.get("markup") or [],
        "variants": job["params"].get("variants", ()),
        "ran_s": seconds_between(started, finished) if started and finished else None,
        "made_bytes": sum(file["bytes"] for file in job["files"]),
        "reused": result.get("reused", False),
        "sizes": {
            file["name"]: shown_size(file["about"], width=PICTURE_PX, height=PICTURE_PX) for file in job["files"]
        },
    }


async def _form(visit: Visit, error: ProblemError | None = None) -> Response:
    presets = await _presets(visit)
    settings = visit.context.settings
    return visit.show(
        "try/pictures.html",
        status=error.status if error else 200,
        tab="pictures",
        problem=error.problem if error else None,
        presets=presets,
        simple={name: json.dumps(variants) for name, variants in SIMPLE.items()},
        max_bytes=settings.max_upload_bytes,
        max_files=settings.max_files_per_request,
        call=FileCall(IMAGES, ["photo.jpg"], {"variants": "default"}),
    )


async def _presets(visit: Visit) -> list[dict[str, Any]] | None:
    """None for a key that may not submit pictures."""
    try:
        found: list[dict[str, Any]] = (await visit.api.get("/v1/presets"))["presets"]
    except ProblemError as error:
        if error.problem.get("code") != "forbidden":
            raise
        return None
    return sorted(found, key=lambda preset: preset["name"] != "default")


async def _jobs(visit: Visit, ids: Sequence[str], batch: str | None) -> list[dict[str, Any]]:
    """The jobs in the order in which they are asked for; in place of one that cannot be shown the API's problem."""
    if batch:
        page = await visit.api.get("/v1/jobs", batch=batch, limit=MAX_LISTED)
        return list(reversed(page["jobs"]))
    if not ids:
        return []
    newest = await visit.api.get("/v1/jobs", kind="thumbnail", limit=MAX_LISTED)
    listed = {job["id"]: job for job in newest["jobs"]}
    return list(await asyncio.gather(*(_job(visit, one, listed.get(one)) for one in dict.fromkeys(ids))))


async def _job(visit: Visit, job_id: str, listed: dict[str, Any] | None) -> dict[str, Any]:
    """A job with its markup, which lists do not have. listed: the job as a list has it, if one does."""
    if listed is not None and listed["state"] != "succeeded":
        return listed
    try:
        found: dict[str, Any] = await visit.api.get(at("jobs", job_id))
    except ProblemError as error:
        if error.problem.get("code") not in ("not_found", "expired"):
            raise
        return dict(error.problem)
    return found


def _call_of(jobs: Sequence[Mapping[str, Any]], presets: Sequence[Mapping[str, Any]] | None) -> FileCall:
    """The command that does the same. The variants are the name of a preset if they are just that."""
    variants = jobs[0]["params"].get("variants", [])
    names = [preset["name"] for preset in presets or () if preset["variants"] == variants]
    said = names[0] if names else json.dumps([_brief(variant) for variant in variants])
    return FileCall(IMAGES, [job.get("name") or "photo.jpg" for job in jobs], {"variants": said})


def _brief(variant: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in variant.items() if name not in UNSAID or UNSAID[name] != value}
