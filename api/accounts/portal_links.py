"""Portal links: what lets a customer see and change the endpoints of one channel: `/v1/portal-links`."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.accounts.expiring import life_s, page_of
from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import caller_of
from api.http.durations import DURATION
from api.http.json_body import documented_body, receive
from api.http.problems import documented
from api.http.query import ListQuery, Page, documented_query, query_of
from tasks.accounts.tokens.portal_links import PortalLink
from tasks.clock import from_ms
from tasks.refusal import Refusal
from tasks.webhook.events import CHANNEL, CHANNEL_CHARS

router = APIRouter(prefix="/v1/portal-links", tags=["webhooks"])

MAX_BODY_BYTES: Final = 16 * 1024
EXAMPLE_LINK: Final = "3b9f1d7c5a2e4860b4c6d8e0f1a2b3c4"
EXAMPLE: Final[dict[str, Any]] = {"channel": "customer-17", "expires": "2h"}

LinkId = Annotated[str, Path(description="The link's id.", examples=[EXAMPLE_LINK])]


class PortalLinkRequest(BaseModel):
    """Whose endpoints a customer is to see."""

    model_config = ConfigDict(extra="forbid")

    channel: str = Field(
        pattern=CHANNEL,
        max_length=CHANNEL_CHARS,
        description="The channel whose endpoints the link shows, such as your id of the customer.",
        examples=["customer-17"],
    )
    expires: str = Field(
        "1h",
        description="After which time it ends: a number and `s`, `m` or `h`, at most 24 hours (PORTAL_LINK_MAX_S).",
        examples=["2h"],
        json_schema_extra={"pattern": f"^{DURATION}$"},
    )


class PortalLinkInfo(BaseModel):
    """A portal link, without its URL."""

    id: str = Field(description="Its id, which opens nothing.", examples=[EXAMPLE_LINK])
    channel: str = Field(description="The channel whose endpoints it shows.", examples=["customer-17"])
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime = Field(description="When it ends.")


class NewPortalLink(PortalLinkInfo):
    """A portal link, as it is answered once."""

    url: str = Field(
        description="The link for the customer. It is shown only here.",
        examples=["https://pressroom.example/portal/links/pr_portal_…"],
    )


class PortalLinkPage(Page):
    """Portal links, the one that ends next first."""

    portal_links: list[PortalLinkInfo] = Field(description="The links that have not ended.")


@router.post(
    "",
    status_code=201,
    operation_id="create_portal_link",
    summary="Create a portal link",
    response_model=NewPortalLink,
    response_description="The link, with the path of its description in `Location`.",
    responses=documented(
        *("unauthorized", "forbidden", "invalid_request", "unsupported_media_type", "too_large"),
        *("too_many_portal_links", "redis_full"),
    ),
    openapi_extra=documented_body(PortalLinkRequest, customer=("A portal for one customer", EXAMPLE)),
)
@requires("webhooks")
async def create_portal_link(request: Request) -> Response:
    """Lets a customer of yours look after the endpoints of one channel in a browser: see their deliveries, create,
    change and test endpoints, rotate secrets and send deliveries again. Hand the URL to the customer alone.

    Opening the link changes nothing; a click begins a session, which ends with the link. The link ends with the key
    that made it.
    """
    caller = caller_of(request)
    requested = await receive(request, PortalLinkRequest, MAX_BODY_BYTES)
    seconds = life_s(requested.expires, caller.context.settings.portal_link_max_s, "PORTAL_LINK_MAX_S")
    token, link = await caller.context.portal_links.create(
        caller.owner,
        requested.channel,
        seconds=seconds,
        key_id=caller.access.key_id,
        setting_key=caller.access.setting_key,
    )
    view = NewPortalLink(url=f"{caller.base_url}/portal/links/{token}", **_view(link).model_dump())
    return uncached(view, 201, Location=f"/v1/portal-links/{link.id}")


@router.get(
    "",
    operation_id="list_portal_links",
    summary="List portal links",
    response_model=PortalLinkPage,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(ListQuery),
)
@requires("webhooks")
async def list_portal_links(request: Request) -> Response:
    """Returns your links that have not ended, without their URLs."""
    caller, query = caller_of(request), query_of(request, ListQuery)
    shown_links, next_cursor = await page_of(caller.context.portal_links, caller.owner, query)
    return uncached(PortalLinkPage(portal_links=list(map(_view, shown_links)), next=next_cursor))


@router.get(
    "/{link_id}",
    operation_id="get_portal_link",
    summary="Get a portal link",
    response_model=PortalLinkInfo,
    responses=documented("unauthorized", "forbidden", "not_found"),
)
@requires("webhooks")
async def get_portal_link(request: Request, link_id: LinkId) -> Response:
    """Returns its channel and its end, not its URL."""
    caller = caller_of(request)
    found = await caller.context.portal_links.find(caller.owner, link_id)
    if found is None:
        raise _unknown(link_id)
    return uncached(_view(found))


@router.delete(
    "/{link_id}",
    status_code=204,
    operation_id="revoke_portal_link",
    summary="Revoke a portal link",
    response_class=Response,
    responses=documented("unauthorized", "forbidden", "not_found"),
)
@requires("webhooks")
async def revoke_portal_link(request: Request, link_id: LinkId) -> Response:
    """The link ends at once, and so does every session that was begun with it."""
    caller = caller_of(request)
    if not await caller.context.portal_links.revoke(caller.owner, link_id):
        raise _unknown(link_id)
    return Response(status_code=204)


def _view(link: PortalLink) -> PortalLinkInfo:
    return PortalLinkInfo(
        id=link.id, channel=link.channel, created_at=from_ms(link.created_at), expires_at=from_ms(link.expires_at)
    )


def _unknown(link_id: str) -> Refusal:
    return Refusal("not_found", f"Portal link {link_id!r} was not found, or has ended.")
