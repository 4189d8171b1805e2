"""Try it, event: publish one, and see its deliveries."""

import asyncio
import json
from typing import Any, Final

from fastapi import Response

from api.console.calls import ApiCall, ProblemError, at
from api.console.forms import json_in
from api.console.visit import ConsoleRouter, Visit

router = ConsoleRouter()

EVENTS: Final = "/v1/events"
TYPE: Final = "order.paid"
DATA: Final = '{\n  "order": 4711,\n  "amount": "12.50"\n}'
MAX_ENDPOINTS: Final = 50
MAX_DELIVERIES: Final = 50


@router.page("/try/event")
async def show_event(visit: Visit) -> Response:
    """Where an event is written, and what became of the last one."""
    return await _page(visit, {"type": TYPE, "data": DATA, "channel": ""}, event=visit.query.get("event"))


@router.action("/try/event")
async def publish_event(visit: Visit) -> Response:
    """Publish the event of the form."""
    form = await visit.form()
    given = {name: form.get(name, "") for name in ("type", "data", "channel")}
    try:
        body = {"type": given["type"].strip(), "data": json_in(given["data"])}
    except ValueError as error:
        detail = visit.t("try_event.no_json", problem=str(error))
        return await _page(visit, given, problem={"detail": detail, "field": "data"}, status=422)
    body |= {"channel": given["channel"].strip()} if given["channel"].strip() else {}
    try:
        answer = await visit.api.send(ApiCall("POST", EVENTS, body=body))
    except ProblemError as error:
        if visit.is_program or error.problem.get("code") == "forbidden":
            raise
        return await _page(visit, given, problem=error.problem, status=error.status)
    return await visit.acted(answer, to=f"/console/try/event?event={answer.json()['id']}")


async def _page(
    visit: Visit, given: dict[str, str], *, event: str | None = None, problem: Any = None, status: int = 200
) -> Response:
    job = at("jobs", event) if event else None  # what it refuses would leave calls behind that nothing awaits
    endpoints, sent, deliveries = await asyncio.gather(
        _maybe(visit, "/v1/endpoints", limit=MAX_ENDPOINTS),
        _maybe(visit, job) if job else _none(),
        _maybe(visit, "/v1/deliveries", event=event, limit=MAX_DELIVERIES) if event else _none(),
    )
    if sent and sent.get("kind") == "event":
        data = json.dumps(sent["params"].get("data"), indent=2, ensure_ascii=False)
        given = {"type": sent.get("name") or "", "data": data, "channel": sent["params"].get("channel") or ""}
    found = (deliveries or {}).get("deliveries", [])
    states = {one["state"] for one in ([sent] if sent else []) + found}
    return visit.show(
        "try/event.html",
        status=status,
        tab="event",
        given=given,
        problem=problem,
        forbidden=endpoints is None,
        endpoints=(endpoints or {}).get("endpoints", []),
        urls={one["id"]: one["url"] for one in (endpoints or {}).get("endpoints", [])},
        event=sent,
        deliveries=found,
        running=bool(states & {"scheduled", "queued", "running"}),
        open=bool(states - {"succeeded", "failed", "cancelled"}),
        call=_call(given),
        new_endpoint=ApiCall("POST", "/v1/endpoints", body={"url": "https://example.com/hook", "events": ["order.*"]}),
    )


def _call(given: dict[str, str]) -> ApiCall:
    try:
        data = json_in(given["data"])
    except ValueError:
        data = json.loads(DATA)
    channel = {"channel": given["channel"]} if given["channel"] else {}
    return ApiCall("POST", EVENTS, body={"type": given["type"], "data": data, **channel})


async def _none() -> None:
    return None


async def _maybe(visit: Visit, path: str, **query: str | int | None) -> dict[str, Any] | None:
    """What the API answers; None if the key may not see it, or it is gone."""
    try:
        found: dict[str, Any] = await visit.api.get(path, **query)
    except ProblemError as error:
        if error.problem.get("code") not in ("forbidden", "not_found", "expired"):
            raise
        return None
    return found
