"""Webhook endpoints, which subscribe to events: `/v1/endpoints`."""

from typing import Annotated, cast

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import Caller, caller_for_owner, caller_of
from api.http.checks import Checks
from api.http.json_body import documented_body, examined, receive_text
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, OwnersQuery, documented_query, query_of
from api.labels import TaggedListQuery, labels_of
from api.webhooks.channels import OWNERS_FIELDS, check_channel, headers_after
from api.webhooks.endpoint_views import (
    EXAMPLE_ENDPOINT,
    Endpoint,
    EndpointChange,
    EndpointPage,
    EndpointRequest,
    EndpointWithHealth,
    ListedEndpoint,
    NewEndpoint,
    RotatedSecret,
    SecretRequest,
    endpoint_of,
    health_of,
    path_of,
)
from tasks import clock
from tasks.accounts.owner_names import check_owner
from tasks.clock import from_ms
from tasks.webhook.custom_headers import unmasked_headers
from tasks.webhook.endpoint_record import EndpointPatch, EndpointRecord
from tasks.webhook.events import CHANNEL_CHARS
from tasks.webhook.signature import key_of

router = APIRouter(prefix="/v1/endpoints", tags=["webhooks"])

MAX_BODY_BYTES = 64 * 1024
BODY_REFUSALS = ("unauthorized", "invalid_request", "unsupported_media_type", "too_large")
URL_REFUSALS = ("invalid_url", "address_refused", "dns_failed")

EndpointId = Annotated[str, Path(description="The endpoint's id.", examples=[EXAMPLE_ENDPOINT])]


@router.post(
    "",
    status_code=201,
    operation_id="create_endpoint",
    summary="Create an endpoint",
    response_model=NewEndpoint,
    response_description="The endpoint, with its path in `Location`, and its signing secret.",
    responses=documented(
        *(*BODY_REFUSALS, "forbidden", *URL_REFUSALS, "invalid_secret", "too_many_endpoints", "redis_full")
    ),
    openapi_extra=documented_query(OwnerQuery)
    | documented_body(
        EndpointRequest,
        jobs=("An endpoint for the end of every job", {"url": "https://example.com/webhooks", "events": ["job.*"]}),
        limited=(
            "Some event types, at most five deliveries per second",
            {"url": "https://example.com/orders", "events": ["order.paid", "refund.*"], "rate_limit": 5},
        ),
    ),
)
@requires("webhooks", by_channel=True)
async def create_endpoint(request: Request) -> Response:
    """From now on, every event of the subscribed types is sent to it, signed with the `secret`. The secret is shown
    only in this response.
    """
    caller = caller_for_owner(request)
    if caller.owner != caller_of(request).owner:
        check_owner(caller.owner)
    checks = Checks()
    requested = examined(await receive_text(request, MAX_BODY_BYTES), EndpointRequest, checks)
    if requested is not None:
        if requested.secret is not None:
            checks.run(lambda: key_of(requested.secret or ""))
        checks.run(lambda: labels_of(caller.context.settings, requested))
        checks.run(lambda: unmasked_headers(requested.headers, {}))
        requested.url = await _check_url(caller, requested.url, checks)
        checks.run(lambda: check_channel(caller, requested, is_new=True))
    checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    patch = cast("EndpointPatch", requested.model_dump(exclude={"secret"}, exclude_none=True))
    if caller.channel is not None:
        patch["channel"] = caller.channel
    endpoint, secret = await caller.context.endpoints.create(
        caller.owner,
        patch,
        requested.secret,
        most=caller.quotas.endpoints if caller.quotas else None,
        channel_most=None if caller.channel is None else caller.context.settings.portal_max_endpoints,
    )
    view = NewEndpoint(**_view(caller, endpoint).model_dump(exclude_none=True), secret=secret)
    return uncached(view, 201, Location=path_of(endpoint.id))


class EndpointListQuery(TaggedListQuery, OwnersQuery):
    """The query parameters of the list of endpoints."""

    channel: str | None = Field(
        None, max_length=CHANNEL_CHARS, description="The channel of the endpoints.", examples=["customer-17"]
    )
    health: bool = Field(False, description="Whether the health of each endpoint is listed too.", examples=[True])


@router.get(
    "",
    operation_id="list_endpoints",
    summary="List endpoints",
    response_model=EndpointPage,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(EndpointListQuery),
)
@requires("webhooks", by_channel=True)
async def list_endpoints(request: Request) -> Response:
    """Newest first. With a `channel` or `tag` a page can be short or empty although more follow; continue while there
    is a `next`.
    """
    query = query_of(request, EndpointListQuery)
    caller = caller_of(request).acting_for(query.owner)
    if caller.channel is None:
        found, following = await caller.context.endpoints.page(caller.owner, query.limit, query.cursor)
    else:
        found, following = await caller.context.endpoints.page_of_channel(
            caller.owner, caller.channel, query.limit, query.cursor
        )
    found = [one for one in found if query.channel in (None, one.channel) and query.is_wanted(one.tags)]
    healths = await caller.context.endpoints.healths([one.id for one in found]) if query.health else {}
    views = [
        ListedEndpoint(
            **_view(caller, one).model_dump(exclude_none=True),
            health=health_of(healths[one.id]) if query.health else None,
        )
        for one in found
    ]
    return uncached(EndpointPage(endpoints=views, next=following))


@router.get(
    "/{endpoint_id}",
    operation_id="get_endpoint",
    summary="Get an endpoint",
    response_model=EndpointWithHealth,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("webhooks", by_channel=True)
async def get_endpoint(request: Request, endpoint_id: EndpointId) -> Response:
    """Returns the endpoint with its failures in a row, whether it is parked, and its deliveries by state."""
    caller = caller_for_owner(request)
    endpoint = await caller.context.endpoints.read(caller.owner, endpoint_id, channel=caller.channel)
    health = health_of(await caller.context.endpoints.health(endpoint_id))
    return uncached(EndpointWithHealth(**_view(caller, endpoint).model_dump(exclude_none=True), health=health))


@router.patch(
    "/{endpoint_id}",
    operation_id="change_endpoint",
    summary="Update an endpoint",
    response_model=Endpoint,
    responses=documented(*BODY_REFUSALS, "forbidden", "not_found", *URL_REFUSALS),
    openapi_extra=documented_query(OwnerQuery)
    | documented_body(
        EndpointChange,
        required=False,
        enable=("Enable the endpoint again", {"enabled": True}),
        events=("Change the types and remove the rate limit", {"events": ["*"], "rate_limit": None}),
    ),
)
@requires("webhooks", by_channel=True)
async def change_endpoint(request: Request, endpoint_id: EndpointId) -> Response:
    """Changes only the fields that are sent. Waiting deliveries use the values that hold when they are sent."""
    caller = caller_for_owner(request)
    checks, url_was = Checks(), None
    requested = examined(await receive_text(request, MAX_BODY_BYTES), EndpointChange, checks)
    if requested is not None:
        checks.run(lambda: labels_of(caller.context.settings, requested))
        checks.run(lambda: check_channel(caller, requested))
    if requested is not None and {"url", "headers"} & requested.model_fields_set:
        stored = await caller.context.endpoints.read(caller.owner, endpoint_id, channel=caller.channel)
        url_was = url = stored.url
        if "url" in requested.model_fields_set:  # and nobody may look up names without an endpoint of theirs
            requested.url = url = await _check_url(caller, requested.url, checks)
        given = requested.headers if "headers" in requested.model_fields_set else None
        headers = headers_after(caller, url, given, stored)
        if headers is not None:
            requested.headers = checks.run(lambda: unmasked_headers(headers, stored.headers)) or {}
    checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    patch = cast("EndpointPatch", requested.model_dump(exclude_unset=True))
    changed = await caller.context.endpoints.change(
        caller.owner,
        endpoint_id,
        patch,
        channel=caller.channel,
        url_was=None if caller.channel is None else url_was,
    )
    return uncached(_view(caller, changed))


@router.delete(
    "/{endpoint_id}",
    status_code=204,
    operation_id="delete_endpoint",
    summary="Delete an endpoint",
    response_class=Response,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("webhooks", by_channel=True)
async def delete_endpoint(request: Request, endpoint_id: EndpointId) -> Response:
    """Its waiting deliveries fail with `endpoint_gone` when they are due."""
    caller = caller_for_owner(request)
    await caller.context.endpoints.delete(caller.owner, endpoint_id, channel=caller.channel)
    return Response(status_code=204)


@router.post(
    "/{endpoint_id}/secret",
    operation_id="rotate_secret",
    summary="Rotate an endpoint's secret",
    response_model=RotatedSecret,
    responses=documented(*BODY_REFUSALS, "forbidden", "not_found", "invalid_secret", "too_many_secrets"),
    openapi_extra=documented_query(OwnerQuery)
    | documented_body(
        SecretRequest,
        required=False,
        plain=("Generate a new secret", {}),
        at_once=("Replace a leaked secret at once", {"overlap_s": 0}),
    ),
)
@requires("webhooks", by_channel=True)
async def rotate_secret(request: Request, endpoint_id: EndpointId) -> Response:
    """The old secrets stay valid for `overlap_s`, so that receivers can change to the new one in the meantime."""
    caller = caller_for_owner(request)
    checks = Checks()
    requested = examined(await receive_text(request, MAX_BODY_BYTES), SecretRequest, checks)
    if requested is not None and requested.secret is not None:
        checks.run(lambda: key_of(requested.secret or ""))
    checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    secret, until_ms = await caller.context.endpoints.rotate(
        caller.owner, endpoint_id, requested.secret, requested.overlap_s, channel=caller.channel
    )
    return uncached(RotatedSecret(secret=secret, old_secrets_until=from_ms(until_ms)))


async def _check_url(caller: Caller, url: str | None, checks: Checks) -> str:
    """The URL as it is sent. url: None if it is no text."""
    if url is not None:
        with checks.collect():
            return await caller.context.url_policy.check_reachable(url)
    return ""


def _view(caller: Caller, endpoint: EndpointRecord) -> Endpoint:
    view = endpoint_of(endpoint, caller.base_url, clock.now_ms())
    hidden = dict.fromkeys(("owner", *OWNERS_FIELDS))
    return view if caller.channel is None else view.model_copy(update=hidden)
