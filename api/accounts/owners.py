"""Owners, their quotas, and their suspension: `/v1/owners`, for admins."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import Caller, admin_of
from api.http.json_body import documented_body, receive
from api.http.problems import documented
from api.http.query import ListQuery, Page, documented_query, query_of
from tasks.accounts.owners import OwnerRecord, OwnerStore
from tasks.accounts.quotas import Quotas
from tasks.clock import from_ms, maybe_from_ms
from tasks.refusal import Refusal
from tasks.settings.owners import MAX_NAME_CHARS, OWNER, owner_fault
from tasks.settings.units import FOREVER_S
from tasks.validation import JsonInteger

router = APIRouter(prefix="/v1/owners", tags=["accounts"])

MAX_BODY_BYTES = 16 * 1024
MAX_NUMBER = 2**53 - 1
"""The largest number that JSON and Lua pass on unchanged."""
FOR_ADMINS = ("unauthorized", "forbidden")
OF_BODY = ("invalid_request", "unsupported_media_type", "too_large")

OwnerName = Annotated[str, Path(description="The owner's name.", examples=["acme"])]
Note = Annotated[str | None, Field(max_length=500, description="A note for the operators.", examples=["Trial"])]
_Positive = Annotated[JsonInteger | None, Field(ge=1, le=MAX_NUMBER)]
_Any = Annotated[JsonInteger | None, Field(ge=0, le=MAX_NUMBER)]


class QuotaChange(BaseModel):
    """Quotas of one owner. One that is null, or is not sent for a new owner, is what the settings say."""

    model_config = ConfigDict(extra="forbid")

    requests_per_second: _Any = Field(None, description="Requests per second, on average; 0 is no limit.")
    request_burst: _Positive = Field(None, description="Requests that may come at once; else two seconds' worth.")
    waiting_jobs: _Positive = Field(None, description="Jobs that may wait, deliveries apart.")
    scheduled_jobs: _Positive = Field(None, description="Jobs that may be scheduled or wait for other jobs.")
    running_jobs: _Positive = Field(None, description="Jobs that may run at once in each queue.")
    deliveries_per_minute: _Any = Field(
        None, description="Deliveries (events × endpoints) that its events may make per minute; 0 is no limit."
    )
    endpoints: _Any = Field(None, description="Endpoints that it may have.")
    schedules: _Any = Field(None, description="Schedules that it may have.")
    stored_bytes: _Any = Field(None, description="Bytes that it may have in the storage; 0 is no limit.")
    bytes_per_day: _Any = Field(
        None, description="Bytes that it may send and its jobs may make in one day (UTC); 0 is no limit."
    )
    keep_seconds: Annotated[JsonInteger | None, Field(ge=0, le=FOREVER_S)] = Field(
        None, description="Seconds for which `keep` may keep a job with its files; 3153600000 allows `forever`."
    )
    queues: _Any = Field(None, description="Queues that it may make by naming them in a submit.")


class OwnerRequest(BaseModel):
    """An owner that is to have a record."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=1,
        max_length=MAX_NAME_CHARS,
        description="Its name: letters, digits, - and _. It may have keys and jobs already.",
        examples=["acme"],
        json_schema_extra={"pattern": OWNER},
    )
    note: Note = None
    quotas: QuotaChange = Field(default_factory=QuotaChange, description="Quotas that differ from the settings.")


class OwnerChange(BaseModel):
    """Changes of an owner. What is not sent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    note: Note = Field(None, description="A note for the operators; empty removes it.")
    quotas: QuotaChange = Field(
        default_factory=QuotaChange, description="Quotas that change; null is what the settings say from now on."
    )


class SuspensionRequest(BaseModel):
    """Why an owner is suspended."""

    model_config = ConfigDict(extra="forbid")

    reason: str | None = Field(
        None, max_length=500, description="The reason, for the operators.", examples=["Unpaid since May"]
    )


class OwnerQuotas(BaseModel):
    """The quotas that hold for an owner."""

    requests_per_second: int = Field(description="Requests per second, on average; 0 is no limit.")
    request_burst: int = Field(description="Requests that may come at once.")
    waiting_jobs: int = Field(description="Jobs that may wait, deliveries apart.")
    scheduled_jobs: int = Field(description="Jobs that may be scheduled or wait for other jobs.")
    running_jobs: int | None = Field(
        None, description="Jobs that may run at once in each queue; absent is what OWNER_MAX_RUNNING says."
    )
    deliveries_per_minute: int = Field(description="Deliveries that its events may make per minute; 0 is no limit.")
    endpoints: int = Field(description="Endpoints that it may have.")
    schedules: int = Field(description="Schedules that it may have.")
    stored_bytes: int = Field(description="Bytes that it may have in the storage; 0 is no limit.")
    bytes_per_day: int = Field(description="Bytes that it may send and its jobs may make in one day; 0 is no limit.")
    keep_seconds: int = Field(description="Seconds for which `keep` may keep a job with its files; 0 refuses `keep`.")
    queues: int = Field(description="Queues that it may make by naming them in a submit.")


class Owner(BaseModel):
    """An owner: who has keys, jobs, endpoints and all else."""

    name: str = Field(description="Its name.", examples=["acme"])
    note: str | None = Field(None, description="A note for the operators.")
    suspended: bool = Field(
        description="Whether it is suspended: its requests are refused, its jobs and schedules stand still."
    )
    suspended_at: datetime | None = Field(None, description="Since when.")
    suspended_reason: str | None = Field(None, description="Why, for the operators.")
    quotas: OwnerQuotas = Field(description="The quotas that hold for it: its own, else those of the settings.")
    own_quotas: list[str] = Field(
        description="Names of those quotas that are its own, not of the settings.", examples=[["endpoints"]]
    )
    created_at: datetime = Field(description="When its record was made.")
    changed_at: datetime = Field(description="When its record was changed last.")


class OwnerPage(Page):
    """A page of owners, newest first."""

    owners: list[Owner] = Field(description="The owners that have a record.")


@router.post(
    "",
    status_code=201,
    operation_id="create_owner",
    summary="Create an owner",
    response_model=Owner,
    response_description="The owner, with its path in `Location`.",
    responses=documented(*FOR_ADMINS, *OF_BODY, "owner_exists", "redis_full"),
    openapi_extra=documented_body(
        OwnerRequest,
        trial=(
            "An owner with quotas of its own",
            {"name": "acme", "note": "Trial", "quotas": {"requests_per_second": 5, "stored_bytes": 1_000_000_000}},
        ),
    ),
)
@requires("admin")
async def create_owner(request: Request) -> Response:
    """For admins. An owner needs a record only to be suspended or to have other quotas than those of the settings."""
    caller = admin_of(request)
    body = await receive(request, OwnerRequest, MAX_BODY_BYTES)
    record = await _store(caller).create(body.name, body.quotas.model_dump(exclude_unset=True), body.note)
    return uncached(_owner(caller, record), 201, Location=f"/v1/owners/{record.name}")


@router.get(
    "",
    operation_id="list_owners",
    summary="List owners",
    response_model=OwnerPage,
    responses=documented(*FOR_ADMINS, "invalid_request"),
    openapi_extra=documented_query(ListQuery),
)
@requires("admin")
async def list_owners(request: Request) -> Response:
    """For admins. Lists the owners that have a record, newest first."""
    query, caller = query_of(request, ListQuery), admin_of(request)
    records, following = await _store(caller).list(limit=query.limit, cursor=query.cursor)
    return uncached(OwnerPage(owners=[_owner(caller, one) for one in records], next=following))


@router.get(
    "/{owner}",
    operation_id="get_owner",
    summary="Get an owner",
    response_model=Owner,
    responses=documented(*FOR_ADMINS, "not_found"),
)
@requires("admin")
async def get_owner(request: Request, owner: OwnerName) -> Response:
    """For admins."""
    caller = admin_of(request)
    return uncached(_owner(caller, await _store(caller).read(_known(owner))))


@router.patch(
    "/{owner}",
    operation_id="change_owner",
    summary="Update an owner",
    response_model=Owner,
    responses=documented(*FOR_ADMINS, *OF_BODY, "not_found"),
    openapi_extra=documented_body(
        OwnerChange, more=("Another quota, and one less", {"quotas": {"endpoints": 50, "stored_bytes": None}})
    ),
)
@requires("admin")
async def change_owner(request: Request, owner: OwnerName) -> Response:
    """For admins. Each web process goes by the new quotas at once, or after ACCOUNT_CACHE_S at the latest."""
    caller = admin_of(request)
    body = await receive(request, OwnerChange, MAX_BODY_BYTES)
    quotas = body.quotas.model_dump(exclude_unset=True)
    note = body.note or "" if "note" in body.model_fields_set else None
    return uncached(_owner(caller, await _store(caller).change(_known(owner), quotas, note)))


@router.post(
    "/{owner}/suspension",
    operation_id="suspend_owner",
    summary="Suspend an owner",
    response_model=Owner,
    responses=documented(*FOR_ADMINS, *OF_BODY, "not_found"),
    openapi_extra=documented_body(
        SuspensionRequest, required=False, unpaid=("With a reason", {"reason": "Unpaid since May"})
    ),
)
@requires("admin")
async def suspend_owner(request: Request, owner: OwnerName) -> Response:
    """For admins. Its keys and tokens are refused with 403 `owner_suspended`, at once or after ACCOUNT_CACHE_S at the
    latest. Its jobs and schedules stand still, and say so; jobs that run end. Admins of the settings are let in always.
    """
    caller = admin_of(request)
    body = await receive(request, SuspensionRequest, MAX_BODY_BYTES)
    return uncached(_owner(caller, await _store(caller).suspend(_known(owner), body.reason)))


@router.delete(
    "/{owner}/suspension",
    operation_id="resume_owner",
    summary="Resume an owner",
    response_model=Owner,
    responses=documented(*FOR_ADMINS, "not_found"),
)
@requires("admin")
async def resume_owner(request: Request, owner: OwnerName) -> Response:
    """For admins. Its requests are let in again, and its jobs go on within seconds. Runs of schedules that were due
    meanwhile are not made up for."""
    caller = admin_of(request)
    return uncached(_owner(caller, await _store(caller).resume(_known(owner))))


def _store(caller: Caller) -> OwnerStore:
    return OwnerStore(caller.context.redis)


def _known(owner: str) -> str:
    """A name that an owner can have. Raises: Refusal `not_found`."""
    if owner_fault(owner):
        raise Refusal("not_found", f"Owner {owner[:MAX_NAME_CHARS]!r} has no record.")
    return owner


def _owner(caller: Caller, record: OwnerRecord) -> Owner:
    quotas = Quotas.of(caller.context.settings, record.quotas)
    return Owner(
        name=record.name,
        note=record.note,
        suspended=record.suspended_at is not None,
        suspended_at=maybe_from_ms(record.suspended_at),
        suspended_reason=record.reason,
        quotas=OwnerQuotas(**{name: getattr(quotas, name) for name in OwnerQuotas.model_fields}),
        own_quotas=sorted(record.quotas),
        created_at=from_ms(record.created_at),
        changed_at=from_ms(record.changed_at),
    )
