"""Retry, cancel or delete every job that matches: counted first, asked about, and then done by a job of its own."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from fastapi import Response
from itsdangerous import BadSignature

from api.console.calls import ApiCall, ProblemError, at
from api.console.forms import count_in
from api.console.pages.jobs.filters import LIST, STATES, JobFilterForm
from api.console.pages.jobs.list import VERBS
from api.console.visit import ConsoleRouter, Notice, Visit
from tasks.refusal import Refusal

router = ConsoleRouter()

BULK: Final = f"{LIST}/bulk"
COUNT_WAIT_S: Final = 2
"""Seconds that the page waits for the count: it takes milliseconds for what an index answers."""
PURPOSE: Final = "pressroom bulk count"
"""What a page's URL signs: the job that counted, with what it counted. Another job's count says nothing here."""
TYPED_FROM: Final = 1_000
"""Jobs from which on one types how many there are."""


@dataclass(frozen=True, slots=True)
class MatchCount:
    """How many jobs match.

    Attributes:
        job_id: The job that counts.
        matched: How many match, or at least so many.
        is_done: Whether it has ended.
        is_counted: Whether it has ended well, so that one may act on it.
        is_exact: Whether no more match.
        share: How much of it is done, between 0 and 1; None if that is not known.
        error: Why it ended without a number.
    """

    job_id: str
    matched: int
    is_done: bool
    is_counted: bool
    is_exact: bool
    share: float | None
    error: Mapping[str, Any] | None

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> Self:
        """What a job that counts (`dry_run`) says by now."""
        has_ended = job["state"] in ("succeeded", "failed", "cancelled")
        counted = job.get("result") or job.get("progress") or {}
        progress = job.get("progress") or {}
        return cls(
            job["id"],
            counted.get("matched", 0),
            has_ended,
            job["state"] == "succeeded",
            job["state"] == "succeeded" and counted.get("complete", True),
            min(progress["done"] / progress["total"], 1) if progress.get("total") and not has_ended else None,
            None if job["state"] == "succeeded" or not has_ended else job.get("error"),
        )


@router.action("/jobs/bulk/{verb}/count")
async def count_matching(visit: Visit) -> Response:
    """Have a job count those that match, and lead to the page that asks."""
    form = await visit.form()
    verb, chosen = _verb(visit), JobFilterForm.of(form).fixed
    answer = await visit.api.send(ApiCall("POST", at("jobs", VERBS[verb]), body=chosen.body(dry_run=True)))
    return visit.go(chosen.url(f"{BULK}/{verb}", count=_signed(visit, verb, chosen, answer.json()["id"])))


@router.page("/jobs/bulk/{verb}")
async def confirm_bulk(visit: Visit) -> Response:
    """Say how many match, and ask."""
    verb, chosen = _verb(visit), JobFilterForm.of(visit.query)
    state = chosen.given.get("state", STATES[0])
    if state not in STATES:
        raise Refusal("invalid_request", f"state: {state!r} is none. Use one of {', '.join(STATES)}.", field="state")
    counting = _counted(visit, verb, chosen)
    if counting is None:
        return visit.go(chosen.url(), Notice("failed", visit.t("jobs.counted_other")))
    job = await visit.api.get(at("jobs", counting), wait=COUNT_WAIT_S)
    count = MatchCount.of(job)
    expected = {"expect": count.matched} if count.is_exact else {}
    return visit.show(
        "jobs/bulk.html",
        filter=chosen,
        verb=verb,
        count=count,
        signed=visit.query["count"],
        typed_from=TYPED_FROM,
        call=ApiCall("POST", at("jobs", VERBS[verb]), body=chosen.body(**expected)),
    )


@router.action("/jobs/bulk/{verb}")
async def act_in_bulk(visit: Visit) -> Response:
    """Do it with all that match, unless more do than were counted."""
    form = await visit.form()
    verb, chosen, counted = _verb(visit), JobFilterForm.of(form), count_in(form.get("matched", ""))
    back = chosen.url(f"{BULK}/{verb}", count=form.get("count", ""))
    if counted is None:
        raise Refusal("invalid_request", "matched: Send how many jobs match.", field="matched")
    if counted >= TYPED_FROM and form.get("typed", "").replace(",", "").strip() != str(counted):
        return visit.go(back, Notice("failed", visit.t("jobs.typed_wrong", count=counted)))
    if not form.get("exact") and not form.get("all"):
        return visit.go(back, Notice("failed", visit.t("jobs.all_unconfirmed")))
    options = {"expect": counted} if form.get("exact") else {}
    try:
        answer = await visit.api.send(ApiCall("POST", at("jobs", VERBS[verb]), body=chosen.body(**options)))
    except ProblemError as error:
        if error.status == 403:
            raise
        return visit.go(back, Notice("failed", error.problem["detail"]))
    return visit.go(chosen.job_url(answer.json()["id"]), Notice("done", visit.t(f"jobs.bulk_started_{verb}")))


def _verb(visit: Visit) -> str:
    """What is to be done. Raises: Refusal `not_found`."""
    verb = visit.path["verb"]
    if verb not in VERBS:
        raise Refusal("not_found", "There is no such action. Go back to the list of jobs.", field="verb")
    return verb


def _signed(visit: Visit, verb: str, chosen: JobFilterForm, job_id: str) -> str:
    """What the URL of the question has: the job that counts, and for which verb and criteria."""
    return str(visit.context.sessions.serializer(PURPOSE).dumps([job_id, _digest(verb, chosen)]))


def _counted(visit: Visit, verb: str, chosen: JobFilterForm) -> str | None:
    """The job that has counted exactly this; None if the URL names none."""
    try:
        job_id, digest = visit.context.sessions.serializer(PURPOSE).loads(visit.query.get("count", ""))
    except BadSignature:
        return None
    return str(job_id) if digest == _digest(verb, chosen) else None


def _digest(verb: str, chosen: JobFilterForm) -> str:
    return hashlib.sha256(json.dumps([verb, dict(chosen.given)], sort_keys=True).encode()).hexdigest()
