"""The endpoints, and the form that makes one or changes it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Response
from fastapi.responses import JSONResponse

from api.console.calls import ApiAnswer, ApiCall, ProblemError, with_query
from api.console.owner_choice import chosen_owner, known_owners, listed_owner
from api.console.pages.webhooks.answers import whole_endpoint
from api.console.pages.webhooks.fields import body_of, shown_endpoint, shown_form
from api.console.pages.webhooks.health import ShownHealth
from api.console.pages.webhooks.place import HOME, EndpointPlace, list_query, meant_owner
from api.console.visit import ConsoleRouter, Visit

router = ConsoleRouter()
AT_ONCE: Final = 40
CORRECTED: Final = (400, 409, 422)
"""Refusals after which the form is shown again, as it was sent."""


@router.page(HOME)
async def show_endpoints(visit: Visit) -> Response:
    """The endpoints with their health, newest first."""
    channel, owner = visit.query.get("channel") or None, listed_owner(visit)
    query: dict[str, str | int | bool | None] = {"channel": channel, "owner": owner}
    query |= {"health": True, "limit": AT_ONCE, "cursor": visit.query.get("cursor")}
    call = ApiCall("GET", "/v1/endpoints", query)
    owners, answer = await asyncio.gather(known_owners(visit), visit.api.send(call))
    found = answer.json()
    following = found.get("next")
    return visit.show(
        "webhooks/list.html",
        rows=[
            (whole_endpoint(one), ShownHealth.of(one), EndpointPlace.of(visit, one, owner).page())
            for one in found["endpoints"]
        ],
        channel=channel,
        owner=owner,
        owners=owners,
        cursor=visit.query.get("cursor"),
        home=with_query(visit.place(HOME), {"owner": owner}),
        new=with_query(visit.place(f"{HOME}/new"), list_query(visit)),
        portal=with_query(visit.place(f"{HOME}/portal"), {"channel": channel}),
        older=with_query(visit.place(HOME), {"channel": channel, "owner": owner, "cursor": following})
        if following
        else None,
        list_call=call,
        create_call=ApiCall(
            "POST",
            "/v1/endpoints",
            {"owner": list_query(visit)["owner"]},
            {"url": "https://example.com/webhooks", "events": ["job.*"]},
        ),
    )


@router.page(f"{HOME}/new")
async def new_endpoint(visit: Visit) -> Response:
    """The form of a new endpoint."""
    shown = shown_endpoint({"events": ["*"], "channel": visit.query.get("channel")})
    return await _form_page(visit, shown, None)


@router.action(f"{HOME}/new")
async def create_endpoint(visit: Visit) -> Response:
    """Make an endpoint. Its secret is on the page that answers, and nowhere afterwards."""
    form = await visit.form()
    body = {name: value for name, value in body_of(form).items() if value not in (None, {}, False)}
    if form.get("secret", "").strip():
        body["secret"] = form["secret"].strip()
    owner = meant_owner(visit, form)
    call = ApiCall("POST", "/v1/endpoints", {"owner": owner}, body)
    try:
        answer = await visit.api.send(call)
    except ProblemError as error:
        return await _again(visit, shown_form(form), error, None, owner=owner)
    endpoint = answer.json()
    return secret_page(visit, answer, endpoint, EndpointPlace(visit, endpoint["id"], form))


@router.page(f"{HOME}/{{id}}/edit")
async def edit_endpoint(visit: Visit) -> Response:
    """The form of an endpoint."""
    place = EndpointPlace(visit)
    endpoint = (await visit.api.send(place.call("GET"))).json()
    return await _form_page(visit, shown_endpoint(endpoint), place)


@router.action(f"{HOME}/{{id}}/edit")
async def change_endpoint(visit: Visit) -> Response:
    """Change an endpoint as its form says."""
    place, form = EndpointPlace(visit), await visit.form()
    try:
        answer = await visit.api.send(place.call("PATCH", body=body_of(form)))
    except ProblemError as error:
        return await _again(visit, shown_form(form), error, place)
    return await visit.acted(answer, to=place.page(), done="webhooks.changed")


def secret_page(visit: Visit, answer: ApiAnswer, endpoint: Mapping[str, Any], place: EndpointPlace) -> Response:
    """The one page that shows a secret.

    Args:
        visit: The visit.
        answer: The API's, with the `secret`.
        endpoint: Whose secret it is.
        place: Where that is.
    """
    if visit.is_program:
        return JSONResponse(answer.json(), answer.status, headers={"Cache-Control": "no-store"})
    return visit.show(
        "webhooks/secret.html", endpoint=whole_endpoint(endpoint), answer=answer.json(), back=place.page()
    )


async def _form_page(
    visit: Visit,
    shown: Mapping[str, Any],
    place: EndpointPlace | None,
    problem: Mapping[str, Any] | None = None,
    status: int = 200,
    owner: str | None = None,
) -> Response:
    sample = {"url": "https://example.com/webhooks", "events": ["job.*"]}
    owner = owner or chosen_owner(visit, visit.query)
    return visit.show(
        "webhooks/form.html",
        status=status,
        shown=shown,
        at=place,
        owner=owner,
        owners=[] if place else await known_owners(visit),
        action=place.page("edit") if place else with_query(visit.place(f"{HOME}/new"), list_query(visit)),
        back=place.page() if place else with_query(visit.place(HOME), list_query(visit)),
        problem=problem,
        call=place.call("PATCH", body={"events": ["job.*"]})
        if place
        else ApiCall("POST", "/v1/endpoints", {"owner": owner}, sample),
    )


async def _again(
    visit: Visit,
    shown: Mapping[str, Any],
    error: ProblemError,
    place: EndpointPlace | None,
    *,
    owner: str | None = None,
) -> Response:
    if error.status not in CORRECTED or visit.is_program:
        raise error
    return await _form_page(visit, shown, place, error.problem, error.status, owner)
