"""The list of jobs, filtered by its URL, and actions on those that are chosen in it."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from fastapi import Response

from api.console.calls import ApiCall, ProblemError, at
from api.console.pages.jobs.filters import LIST, MAIN, MORE, STATES, JobFilterForm
from api.console.pages.jobs.listed import rows_of
from api.console.visit import ConsoleRouter, Notice, Visit, local
from tasks.maintenance.bulk import STATES as BULK_STATES
from tasks.queue.redis_keys import QUEUES

router = ConsoleRouter()

PAGE_ROWS: Final = 50
MAX_CHOSEN: Final = 200
AT_ONCE: Final = 8
"""Calls that actions on chosen jobs make at the same time."""
VERBS: Final = {"retry": "retry", "cancel": "cancellation", "delete": "deletion"}
"""What forms call an action, and the API's path of it."""
EXPLAINED: Final = (400, 403, 404, 422)
"""Statuses of a refusal that stands above the filter, whose fields stay as they were written."""


@router.page("/jobs")
async def show_jobs(visit: Visit) -> Response:
    """Jobs, newest first."""
    chosen = JobFilterForm.of(visit.query)
    if visit.access.is_admin:
        chosen = chosen.for_admin()
    cursor = visit.query.get("cursor")
    call = ApiCall("GET", "/v1/jobs", {**chosen.criteria, "limit": PAGE_ROWS, "waiting_for": True})
    found: dict[str, Any] = {"jobs": []}
    problem, status = None, 200
    try:
        found = await _listed(visit, call, cursor, counted="q" not in chosen.given)
    except ProblemError as error:
        if error.status not in EXPLAINED:
            raise
        problem, status = error.problem, error.status
    return visit.show(
        "jobs/list.html",
        status=status,
        filter=chosen,
        problem=problem,
        rows=rows_of(visit, found["jobs"]),
        counts=found.get("counts"),
        older=chosen.url(cursor=found["next"]) if found.get("next") else None,
        cursor=cursor,
        call=call,
        verbs=[verb for verb in VERBS if can_match(verb, chosen.given.get("state"))],
        states=STATES,
        main=MAIN,
        more=MORE,
        queues=QUEUES,
        kinds=sorted(visit.context.kinds),
    )


@router.action("/jobs/chosen")
async def act_on_chosen(visit: Visit) -> Response:
    """Retry, cancel or delete the chosen jobs; after a question where that destroys."""
    form = await visit.form()
    verb, back = form.get("verb", ""), local(form.get("back") or LIST)
    ids = list(dict.fromkeys(form.getlist("jobs")))[:MAX_CHOSEN]
    if verb not in VERBS or not ids:
        return visit.go(back, Notice("failed", visit.t("jobs.none_chosen")))
    destroys = verb == "delete" or (verb == "cancel" and len(ids) > 1)
    if destroys and "confirmed" not in form:
        return visit.show("jobs/chosen.html", verb=verb, ids=ids, back=back)
    refused = await _each(visit, verb, ids)
    done = len(ids) - len(refused)
    if not refused:
        return visit.go(back, Notice("done", visit.t(f"jobs.chosen_{verb}", count=done)))
    text = visit.t(f"jobs.chosen_{verb}", count=done)
    codes = ", ".join(sorted(set(refused)))
    return visit.go(back, Notice("failed", f"{text} {visit.t('jobs.chosen_refused', count=len(refused), codes=codes)}"))


def can_match(verb: str, state: str | None) -> bool:
    """Whether an action applies to any job in this state; None: in any."""
    return state is None or state in {str(one) for one in BULK_STATES[VERBS[verb]]}  # type: ignore[index]


def call_of(verb: str, job_id: str) -> ApiCall:
    """The call that does something with one job."""
    if verb == "delete":
        return ApiCall("DELETE", at("jobs", job_id))
    return ApiCall("POST", at("jobs", job_id, VERBS[verb]))


async def _listed(visit: Visit, call: ApiCall, cursor: str | None, *, counted: bool) -> Any:
    """A page of the list, with counts where the API has them: they would ignore a text."""
    query = {**call.query, "cursor": cursor}
    try:
        return await visit.api.get(call.path, **query, counts=counted)
    except ProblemError as error:
        if not counted or error.problem.get("field") != "counts":
            raise
    return await visit.api.get(call.path, **query)


async def _each(visit: Visit, verb: str, ids: Sequence[str]) -> list[str]:
    """Do it with each job. Returns the codes of those that were refused."""
    waiting, refused = iter(ids), list[str]()

    async def one_after_the_other() -> None:
        for job_id in waiting:
            try:
                await visit.api.send(call_of(verb, job_id))
            except ProblemError as error:
                refused.append(error.problem["code"])

    await asyncio.gather(*(one_after_the_other() for _ in range(min(AT_ONCE, len(ids)))))
    return refused
