"""A job as one line of a list: what is said of it, how long it took, and why it waits."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from api.console.formats import moment, seconds_between, when
from api.console.texts import Text
from api.console.visit import Visit

MESSAGE_CHARS: Final = 160
"""Of an error, in a list."""
WAITING: Final = ("scheduled", "queued", "retrying")
Job = Mapping[str, Any]


def rows_of(visit: Visit, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """What the macro `row` of `jobs/rows.html` shows of jobs of the API."""
    return [
        {
            "job": job,
            "name": job.get("name") or job["id"][:8],
            "when": job.get("finished_at") or job.get("due_at") or job.get("started_at") or job["created_at"],
            "took": seconds_between(job["started_at"], job.get("finished_at")) if _has_run(job) else None,
            "attempt": job["attempts"][-1]["number"] if job["attempts"] else None,
            "tries": tries_of(job),
            "error": error_of(job),
            "reason": first_reason(job, visit.t),
            "share": share_of(job),
            "bytes": sum(file["bytes"] for file in job["files"]),
        }
        for job in jobs
    ]


def tries_of(job: Job) -> int | None:
    """How many attempts count at most; None of a kind that this service does not have, or that is tried once."""
    most: int | None = job.get("max_tries")
    return most if most and most > 1 else None


def error_of(job: Job) -> dict[str, str] | None:
    """The error of a job, cut for a list."""
    if not (error := job.get("error")):
        return None
    message = str(error["message"])
    return {"code": error["code"], "message": message[:MESSAGE_CHARS] + ("…" if len(message) > MESSAGE_CHARS else "")}


def share_of(job: Job) -> float | None:
    """How much of a running job is done, between 0 and 1; None if it does not say."""
    progress = job.get("progress")
    if job["state"] != "running" or not progress or not progress.get("total"):
        return None
    return min(float(progress["done"] / progress["total"]), 1.0)


def first_reason(job: Job, t: Text) -> str | None:
    """Why a job waits, in a sentence: the first reason of its `waiting_for`."""
    reasons = reasons_of(job, t)
    return reasons[0]["text"] if reasons else None


def reasons_of(job: Job, t: Text) -> list[dict[str, Any]]:
    """Why a job waits: for each reason of its `waiting_for` a sentence, and the page where one does something about it.

    Args:
        job: The job, or the delivery.
        t: The texts of the reader.
    """
    return [
        {
            "name": reason["reason"],
            "text": t(
                f"job_page.why_{reason['reason']}",
                queue=job.get("queue", "webhooks"),
                until=_plain(reason.get("until"), t),
                since=_plain(reason.get("since"), t),
                count=len(reason.get("jobs", ())),
                cap=reason.get("cap", ""),
                running=reason.get("running", ""),
                ahead=reason.get("ahead", ""),
            ),
            "link": PAGES.get(reason["reason"]),
        }
        for reason in job.get("waiting_for") or ()
    ]


PAGES: Final = {
    "paused_queue": "/console/queues",
    "no_worker": "/console/workers",
    "parked_lane": "/console/webhooks",
    "rate_limit": "/console/webhooks",
    "order": "/console/webhooks",
    "cap": "/console/queues",
    "owner_cap": "/console/queues",
    "turn": "/console/queues",
    "suspect": "/console/workers",
}
"""Reason → the page on which one sees more of it."""


def _has_run(job: Job) -> bool:
    return bool(job.get("started_at")) and job["state"] not in WAITING


def _plain(time: str | None, t: Text) -> str:
    """A time within a sentence."""
    return Markup(when(moment(time), t)).striptags()  # noqa: S704 - our own element, of a time
