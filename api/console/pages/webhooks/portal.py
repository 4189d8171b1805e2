"""Links that open the portal of a channel, for the customer whose it is."""

from typing import Final

from fastapi import Response
from fastapi.responses import JSONResponse

from api.console.calls import ApiCall, at, with_query
from api.console.pages.webhooks.place import HOME
from api.console.visit import ConsoleRouter, Visit

router = ConsoleRouter()
LINKS: Final = f"{HOME}/portal"
AT_ONCE: Final = 50


@router.page(LINKS)
async def show_links(visit: Visit) -> Response:
    """The links that have not ended, and the form of a new one."""
    return await _links_page(visit, None)


@router.action(LINKS)
async def create_link(visit: Visit) -> Response:
    """Make a link. Its URL is on the page that answers, and nowhere afterwards."""
    form = await visit.form()
    body = {"channel": form.get("channel", "").strip(), "expires": form.get("expires", "1h")}
    answer = await visit.api.send(ApiCall("POST", "/v1/portal-links", body=body))
    if visit.is_program:
        return JSONResponse(answer.json(), 201, headers={"Cache-Control": "no-store"})
    return await _links_page(visit, answer.json()["url"])


@router.action(f"{LINKS}/{{link}}/revoke")
async def revoke_link(visit: Visit) -> Response:
    """End a link."""
    call = ApiCall("DELETE", at("portal-links", visit.path["link"]))
    return await visit.act(call, to=visit.place(LINKS), done="webhooks.portal_revoked")


async def _links_page(visit: Visit, url: str | None) -> Response:
    channel = {"channel": visit.query.get("channel")}
    call = ApiCall("GET", "/v1/portal-links", {"limit": AT_ONCE, "cursor": visit.query.get("cursor")})
    found = (await visit.api.send(call)).json()
    following = found.get("next")
    return visit.show(
        "webhooks/portal.html",
        links=found["portal_links"],
        url=url,
        home=with_query(visit.place(HOME), channel),
        links_path=visit.place(LINKS),
        action=with_query(visit.place(LINKS), channel),
        channel=channel["channel"] or "",
        older=with_query(visit.place(LINKS), {**channel, "cursor": following}) if following else None,
        call=ApiCall("POST", "/v1/portal-links", body={"channel": "customer-17", "expires": "2h"}),
    )
