"""Send again what an endpoint has missed since a time: first counted, then sent, and no more than was counted."""

import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Response

from api.console.calls import ProblemError, at
from api.console.forms import count_in
from api.console.pages.webhooks.answers import whole_endpoint
from api.console.pages.webhooks.endpoint import PAGE
from api.console.pages.webhooks.place import EndpointPlace
from api.console.visit import ConsoleRouter, Notice, Visit
from tasks import clock

router = ConsoleRouter()
WAIT_S: Final = 3
LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")
"""A time as a field for times sends it: without a zone; the page says that it is UTC."""


@router.action(f"{PAGE}/count")
async def count(visit: Visit) -> Response:
    """Count what would be sent."""
    place, since = EndpointPlace(visit), _since((await visit.form()).get("since", ""))
    answer = await visit.api.send(place.call("POST", "recovery", body={"since": since, "dry_run": True}))
    return await visit.acted(answer, to=place.page("recovery", since=since, job=answer.json()["id"]))


@router.page(f"{PAGE}/recovery")
async def show_count(visit: Visit) -> Response:
    """How many there are, and the button that sends them."""
    place, since = EndpointPlace(visit), visit.query.get("since", "")
    endpoint = whole_endpoint((await visit.api.send(place.call("GET"))).json())
    job: dict[str, Any] | None = None
    try:
        job = await visit.api.get(at("jobs", visit.query.get("job", "")), wait=WAIT_S, owner=place.owner)
    except ProblemError as error:
        if error.problem.get("code") != "forbidden":
            raise
    if job and not _counts(job, visit.path["id"], since):
        return visit.go(place.page(), Notice("failed", visit.t("webhooks.counted_other")))
    counted = job["result"] if job and job["state"] == "succeeded" else None
    most = counted["found"] + counted["missed"] if counted else None
    return visit.show(
        "webhooks/recovery.html",
        endpoint=endpoint,
        at=place,
        since=since,
        job=job and {"error": None, **job},
        counted=counted,
        most=most,
        call=place.call("POST", "recovery", body={"since": since, **({} if most is None else {"expect": most})}),
    )


@router.action(f"{PAGE}/recovery")
async def recover(visit: Visit) -> Response:
    """Send them."""
    place, form = EndpointPlace(visit), await visit.form()
    body: dict[str, Any] = {"since": _since(form.get("since", ""))}
    if (expect := count_in(form.get("expect", ""))) is not None:
        body["expect"] = expect
    answer = await visit.api.send(place.call("POST", "recovery", body=body))
    if visit.is_program:
        return await visit.acted(answer, to=place.page())
    link = visit.place(f"/jobs/{answer.json()['id']}")
    return visit.go(place.page(), Notice("done", visit.t("webhooks.recovering"), link))


def _counts(job: Mapping[str, Any], endpoint: str, since: str) -> bool:
    """Whether a job counts what this endpoint has missed since that time: the number of another says nothing here."""
    params = job["params"]
    try:
        since_ms = clock.to_ms(clock.read_rfc3339(since))
    except ValueError:
        return False
    counted = {"endpoint": endpoint, "since": since_ms, "dry_run": True}
    return bool(job["kind"] == "recovery" and params == counted)


def _since(text: str) -> str:
    """The time in a form, as the API takes it. What is none, the API refuses."""
    local = LOCAL.fullmatch(text)
    return f"{text}{'' if local[1] else ':00'}Z" if local else text
