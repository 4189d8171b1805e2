"""One endpoint: its health, its deliveries, and what can be done with it."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Response

from api.console.calls import ApiCall, at
from api.console.formats import duration
from api.console.forms import count_in
from api.console.pages.webhooks.answers import whole_delivery, whole_endpoint
from api.console.pages.webhooks.endpoints import secret_page
from api.console.pages.webhooks.health import ShownHealth
from api.console.pages.webhooks.place import HOME, EndpointPlace
from api.console.pages.webhooks.sample import sample_request, sample_type
from api.console.visit import ConsoleRouter, Notice, Visit
from tasks import clock

router = ConsoleRouter()
AT_ONCE: Final = 50
STATES: Final = ("failed", "retrying", "succeeded")
"""By which deliveries are shown; without one, all."""
DAY_MS: Final = 86_400_000
PAGE: Final = f"{HOME}/{{id}}"


@router.page(PAGE)
async def show_endpoint(visit: Visit) -> Response:
    """The endpoint with its deliveries, newest first."""
    place, state = EndpointPlace(visit), visit.query.get("state")
    state, cursor = state if state in STATES else None, visit.query.get("cursor")
    query: dict[str, str | int | None] = {"endpoint": place.id, "state": state, "owner": place.owner}
    deliveries_call = ApiCall("GET", "/v1/deliveries", {**query, "limit": AT_ONCE, "cursor": cursor})
    read, listed = await asyncio.gather(visit.api.send(place.call("GET")), visit.api.send(deliveries_call))
    endpoint, page = whole_endpoint(read.json()), listed.json()
    health, following = ShownHealth.of(endpoint), page.get("next")
    event = {"type": sample_type(endpoint["events"]), "data": {"order": 4711}}
    return visit.show(
        "webhooks/endpoint.html",
        endpoint=endpoint,
        health=health,
        at=place,
        home=place.home,
        deliveries=[whole_delivery(one) for one in page["deliveries"]],
        delivery_page=visit.place("/jobs"),
        state=state,
        cursor=cursor,
        tabs=[(one, place.page(state=one)) for one in (None, *STATES)],
        older=place.page(state=state, cursor=following) if following else None,
        since=_since(health.since),
        sample=sample_request(endpoint),
        calls={
            "list": deliveries_call,
            "test": place.call("POST", "test"),
            "publish": ApiCall("POST", "/v1/events", body=event | _channel(endpoint)),
        },
    )


@router.action(f"{PAGE}/test")
async def check_endpoint(visit: Visit) -> Response:
    """Send a test event, and say what came back."""
    place = EndpointPlace(visit)
    answer = await visit.api.send(place.call("POST", "test"))
    if visit.is_program:
        return await visit.acted(answer, to=place.page())
    form = await visit.form()
    if answer.status == 202:
        link = visit.place(f"/jobs/{answer.headers['location'].rpartition('/')[2]}")
        notice = Notice("done", visit.t("webhooks.test_later"), link)
    else:
        delivery = whole_delivery(answer.json())
        status, took_s, error = delivery["last"]["status"], delivery["took_s"], delivery["error"] or {}
        notice = Notice(
            "done" if delivery["state"] == "succeeded" else "failed",
            visit.t("webhooks.test_answered", status=status, time=duration(took_s, visit.t))
            if status
            else visit.t("webhooks.test_failed", why=error.get("message", "")),
            visit.place(f"/jobs/{delivery['id']}"),
        )
    return visit.go(form.get("back") or place.page(), notice)


@router.action(f"{PAGE}/enable")
async def enable_endpoint(visit: Visit) -> Response:
    """Send to it again: to one that was disabled, or that is parked."""
    place = EndpointPlace(visit)
    return await visit.act(place.call("PATCH", body={"enabled": True}), to=place.page(), done="webhooks.enabled_now")


@router.action(f"{PAGE}/disable")
async def disable_endpoint(visit: Visit) -> Response:
    """Send nothing to it from now on."""
    place = EndpointPlace(visit)
    return await visit.act(place.call("PATCH", body={"enabled": False}), to=place.page(), done="webhooks.disabled_now")


@router.page(f"{PAGE}/secret")
async def confirm_rotation(visit: Visit) -> Response:
    """What a new secret means for receivers."""
    place = EndpointPlace(visit)
    endpoint = whole_endpoint((await visit.api.send(place.call("GET"))).json())
    call = place.call("POST", "secret", body={"overlap_s": 86_400})
    return visit.show("webhooks/rotation.html", endpoint=endpoint, at=place, call=call)


@router.action(f"{PAGE}/secret")
async def rotate_secret(visit: Visit) -> Response:
    """Make a new secret, which is on the page that answers, and nowhere afterwards."""
    place, form = EndpointPlace(visit), await visit.form()
    overlap_s = count_in(form.get("overlap_s", ""))
    body = {} if overlap_s is None else {"overlap_s": overlap_s}
    answer = await visit.api.send(place.call("POST", "secret", body=body))
    endpoint = whole_endpoint((await visit.api.send(place.call("GET"))).json())
    return secret_page(visit, answer, endpoint, place)


@router.page(f"{PAGE}/deletion")
async def confirm_deletion(visit: Visit) -> Response:
    """What goes with an endpoint."""
    place = EndpointPlace(visit)
    endpoint = whole_endpoint((await visit.api.send(place.call("GET"))).json())
    return visit.show(
        "webhooks/deletion.html",
        endpoint=endpoint,
        health=ShownHealth.of(endpoint),
        at=place,
        call=place.call("DELETE"),
    )


@router.action(f"{PAGE}/deletion")
async def delete_endpoint(visit: Visit) -> Response:
    """Delete it."""
    place = EndpointPlace(visit)
    return await visit.act(place.call("DELETE"), to=place.home, done="webhooks.deleted")


@router.action(f"{PAGE}/deliveries/{{delivery}}/resend")
async def resend(visit: Visit) -> Response:
    """Send one delivery again."""
    place, delivery = EndpointPlace(visit), visit.path["delivery"]
    call = ApiCall("POST", at("deliveries", delivery, "redelivery"), {"owner": place.owner})
    return await visit.act(call, to=place.page(), done="webhooks.resent")


@router.action(f"{PAGE}/deliveries/{{delivery}}/cancel")
async def give_up(visit: Visit) -> Response:
    """Try one delivery that waits no more."""
    place, delivery = EndpointPlace(visit), visit.path["delivery"]
    call = ApiCall("POST", at("deliveries", delivery, "cancellation"), {"owner": place.owner})
    return await visit.act(call, to=place.page(), done="webhooks.given_up")


def _since(failing_since: str | None) -> str:
    """From when a recovery is offered, as a field for a time takes it: the first failure in a row, or a day ago."""
    default = clock.from_ms(clock.now_ms() - DAY_MS).strftime("%Y-%m-%dT%H:%M")
    return failing_since[:16] if failing_since else default


def _channel(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    return {"channel": endpoint["channel"]} if endpoint.get("channel") else {}
