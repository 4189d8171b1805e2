"""Destinations: buckets into which the outputs of an owner's jobs are copied: `/v1/destinations`."""

import re
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import admin_of, caller_for_owner
from api.http.checks import Checks
from api.http.json_body import documented_body, examined, receive_text
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query, query_of
from tasks.accounts.owner_names import check_owner
from tasks.clock import from_ms
from tasks.destinations.path import DEFAULT, FIELDS, MAX_PATH_BYTES, check_template
from tasks.destinations.record import (
    NAME,
    DestinationRecord,
    check_not_ours,
    delete_destination,
    find_destination,
    list_destinations,
    put_destination,
    seal_secret,
)
from tasks.refusal import Refusal
from tasks.validation import shown

router = APIRouter(prefix="/v1/destinations", tags=["destinations"])

EXAMPLE: Final = "archive"
MAX_BODY_BYTES: Final = 16 * 1024
_PLACE: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*)/?")

DestinationName = Annotated[str, Path(pattern=NAME, description="The destination's name.", examples=[EXAMPLE])]


class DestinationRequest(BaseModel):
    """A bucket, the credentials for it, and where in it files go."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        max_length=512,
        description="`s3://bucket` or `s3://bucket/prefix`.",
        examples=["s3://acme/press"],
        json_schema_extra={"pattern": f"^{_PLACE.pattern}$"},
    )
    endpoint: str | None = Field(
        None, max_length=512, description="URL of an S3-compatible server. Without it, Amazon's.", examples=[None]
    )
    region: str = Field("us-east-1", pattern=r"^[a-z0-9-]{1,40}$", description="The region of the bucket.")
    access_key_id: str = Field(
        # Not \w: a Unicode class 128 times over takes up 16 MB of each web process.
        pattern=r"^[A-Za-z0-9_+=,.@-]{1,128}$",
        description="The id of an access key that may put and get objects there.",
    )
    secret_access_key: SecretStr = Field(
        min_length=1, max_length=256, description="Its secret. It is stored encrypted, and never shown."
    )
    path: str = Field(
        DEFAULT,
        max_length=MAX_PATH_BYTES,
        description="The path of a file under the prefix, with the fields "
        f"{', '.join(f'`{{{one}}}`' for one in FIELDS)}.",
        examples=["{year}/{month}/{job}-{variant}.{ext}"],
    )
    overwrite: bool = Field(False, description="Whether an object of this path that is there already is replaced.")


class CopyDestination(BaseModel):
    """A bucket into which files are copied. Its secret is not shown."""

    name: str = Field(description="What `destination` of a submit calls it.", examples=[EXAMPLE])
    url: str = Field(description="The bucket and the prefix.", examples=["s3://acme/press"])
    endpoint: str | None = Field(None, description="The URL of the server, if it is not Amazon's.")
    region: str = Field(description="The region of the bucket.")
    access_key_id: str = Field(description="The id of the access key.")
    path: str = Field(description="The path of a file under the prefix.", examples=[DEFAULT])
    overwrite: bool = Field(description="Whether objects that are there already are replaced.")
    changed_at: datetime = Field(description="When it was last changed.")


class Destinations(BaseModel):
    """All destinations of an owner."""

    destinations: list[CopyDestination] = Field(description="By name.")


@router.get(
    "",
    operation_id="list_destinations",
    summary="List destinations",
    response_model=Destinations,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:read")
async def get_destinations(request: Request) -> Response:
    """Those that a submit of yours can name."""
    caller = caller_for_owner(request)
    found = await list_destinations(caller.context.redis, caller.owner)
    return uncached(Destinations(destinations=list(map(_view, found))))


@router.get(
    "/{destination_name}",
    operation_id="get_destination",
    summary="Get a destination",
    response_model=CopyDestination,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("jobs:read")
async def get_destination(request: Request, destination_name: DestinationName) -> Response:
    """Returns it without its secret."""
    caller = caller_for_owner(request)
    found = await find_destination(caller.context.redis, caller.owner, destination_name)
    if found is None:
        raise _unknown(destination_name)
    return uncached(_view(found))


@router.put(
    "/{destination_name}",
    operation_id="put_destination",
    summary="Create or change a destination",
    response_model=CopyDestination,
    response_description="The destination was changed.",
    responses={
        201: {"model": CopyDestination, "description": "The destination is new. `Location` has its path."},
        **documented(
            *("unauthorized", "forbidden", "invalid_request", "unsupported_media_type", "too_large", "invalid_url"),
            *("address_refused", "dns_failed", "too_many_destinations", "redis_full"),
        ),
    },
    openapi_extra=documented_query(OwnerQuery)
    | documented_body(
        DestinationRequest,
        bucket=(
            "A bucket of Amazon's",
            {"url": "s3://acme/press", "region": "eu-central-1", "access_key_id": "AKIA0000", "secret_access_key": "s"},
        ),
    ),
)
@requires("admin")
async def change_destination(request: Request, destination_name: DestinationName) -> Response:
    """For admins, who name the owner with `?owner=`. Jobs that name it copy their files there when they end; the files
    of the job stay as they are. Nothing is ever deleted there.
    """
    caller = admin_of(request)
    owner, context = query_of(request, OwnerQuery).owner or caller.owner, caller.context
    checks = Checks()
    if owner != caller.owner:
        checks.run(lambda: check_owner(owner))
    requested = examined(await receive_text(request, MAX_BODY_BYTES), DestinationRequest, checks)
    bucket = prefix = ""
    wrong = {fault.field.partition(".")[0] for fault in checks.faults}
    if requested is not None:
        if "url" not in wrong:
            with checks.collect():
                bucket, prefix = _place(requested.url)
        if "path" not in wrong:
            checks.run(lambda: check_template(requested.path))
        if requested.endpoint is not None and "endpoint" not in wrong:
            with checks.collect(inside="endpoint"):
                requested.endpoint = _server(await context.url_policy.check_reachable(requested.endpoint))
    checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    check_not_ours(context.settings, bucket, prefix, requested.endpoint)
    record, is_new = await put_destination(
        context.redis,
        owner,
        DestinationRecord(
            name=destination_name,
            bucket=bucket,
            prefix=prefix,
            endpoint=requested.endpoint,
            region=requested.region,
            path=requested.path,
            overwrite=requested.overwrite,
            access_key_id=requested.access_key_id,
            sealed_secret=seal_secret(
                context.box, owner, destination_name, requested.secret_access_key.get_secret_value()
            ),
        ),
        most=context.settings.max_destinations,
    )
    place = {"Location": f"/v1/destinations/{destination_name}"} if is_new else {}
    return uncached(_view(record), 201 if is_new else 200, **place)


@router.delete(
    "/{destination_name}",
    status_code=204,
    operation_id="delete_destination",
    summary="Delete a destination",
    response_class=Response,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("admin")
async def remove_destination(request: Request, destination_name: DestinationName) -> Response:
    """For admins. What was copied there stays. Jobs that name it and have not ended fail with `destination_gone`."""
    caller = admin_of(request)
    owner = query_of(request, OwnerQuery).owner or caller.owner
    if not await delete_destination(caller.context.redis, owner, destination_name):
        raise _unknown(destination_name)
    return Response(status_code=204)


def _place(url: str) -> tuple[str, str]:
    """Bucket and prefix. Raises: Refusal `invalid_request`."""
    found = _PLACE.fullmatch(url)
    if found is None:
        message = f"url: {shown(url)} is not allowed. Send s3://bucket or s3://bucket/prefix."
        raise Refusal("invalid_request", message, field="url")
    return found[1], found[2].strip("/")


def _server(url: str) -> str:
    """Raises: Refusal `invalid_url` for more than scheme, host and port."""
    parts = urlsplit(url)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Refusal("invalid_url", "The URL has more than a host. Send https://host or https://host:port.")
    return url.rstrip("/")


def _view(record: DestinationRecord) -> CopyDestination:
    return CopyDestination(
        name=record.name,
        url=record.url,
        endpoint=record.endpoint,
        region=record.region,
        access_key_id=record.access_key_id,
        path=record.path,
        overwrite=record.overwrite,
        changed_at=from_ms(record.changed_at),
    )


def _unknown(name: str) -> Refusal:
    return Refusal("not_found", f"Destination {name!r} was not found. `GET /v1/destinations` lists them.")
