"""API keys: `/v1/keys`, for admins and for holders of the scope `keys`."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.accounts.key_views import (
    EXAMPLE_KEY,
    ApiKey,
    ApiKeys,
    ApiKeyWithSecret,
    KeyRequest,
    RotationRequest,
    new_view_of,
    view_of,
)
from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import Caller, caller_of
from api.http.json_body import documented_body, receive
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query, query_of
from tasks.accounts.key_record import KeyRecord
from tasks.accounts.key_store import Asker, KeyStore
from tasks.accounts.lifetimes import lifetime_ms
from tasks.accounts.owner_names import check_owner
from tasks.accounts.scopes import ADMIN, KEYS
from tasks.refusal import Refusal

router = APIRouter(prefix="/v1/keys", tags=["accounts"])

MAX_BODY_BYTES = 4096
BODY_REFUSALS = ("unsupported_media_type", "too_large", "redis_full")

KeyId = Annotated[str, Path(description="The key's id.", examples=[EXAMPLE_KEY])]


@router.post(
    "",
    status_code=201,
    operation_id="create_key",
    summary="Create an API key",
    response_model=ApiKeyWithSecret,
    response_description="The key, with its path in `Location`.",
    responses=documented("unauthorized", "forbidden", "invalid_request", "too_many_keys", *BODY_REFUSALS),
    openapi_extra=documented_body(
        KeyRequest,
        ci=("A key that submits pictures and reads results", {"name": "ci", "scopes": ["images", "jobs:read"]}),
        look=(
            "A key for a person who looks, for 90 days",
            {"name": "ann", "scopes": ["jobs:read"], "read_only": True, "expires": "90d"},
        ),
    ),
)
@requires(KEYS, ADMIN)
async def create_key(request: Request) -> Response:
    """The key itself is shown only in this response. If the response is lost, revoke the key and create another one.

    With a key that has the scope `keys` you make keys of your own, which may do no more and live no longer than that
    key. Admins make keys of any owner.
    """
    caller = caller_of(request)
    requested = await receive(request, KeyRequest, MAX_BODY_BYTES)
    owner = caller.acting_for(requested.owner).owner
    check_owner(owner)
    _check_scopes(caller, requested.scopes, field="scopes")
    made = await _store(caller).create(
        owner,
        requested.name,
        requested.scopes,
        _asker_of(caller, requested.scopes),
        read_only=requested.read_only,
        life_ms=lifetime_ms(requested.expires) if requested.expires else None,
    )
    return uncached(new_view_of(made), 201, Location=f"/v1/keys/{made.record.id}")


@router.get(
    "",
    operation_id="list_keys",
    summary="List API keys",
    response_model=ApiKeys,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires(KEYS, ADMIN)
async def list_keys(request: Request) -> Response:
    """All keys of the owner, those that ended in the last 30 days too. Keys of API_KEYS are not among them."""
    caller = caller_of(request)
    return uncached(ApiKeys(keys=[view_of(key) async for key in _store(caller).all(_owner_of(caller, request))]))


@router.get(
    "/{key_id}",
    operation_id="get_key",
    summary="Get an API key",
    response_model=ApiKey,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires(KEYS, ADMIN)
async def get_key(request: Request, key_id: KeyId) -> Response:
    """What it may do, when it was last used, and when it ends. Not the key itself."""
    caller = caller_of(request)
    return uncached(view_of(await _find(caller, request, key_id)))


@router.post(
    "/{key_id}/rotation",
    status_code=201,
    operation_id="rotate_key",
    summary="Rotate an API key",
    response_model=ApiKeyWithSecret,
    response_description="The new key, with its path in `Location`.",
    responses=documented(*OF_OWNER, "too_many_keys", "key_ended", "two_live_keys", *BODY_REFUSALS),
    openapi_extra=documented_query(OwnerQuery)
    | documented_body(
        RotationRequest,
        required=False,
        day=("The old key ends in a day", {}),
        hour=("The old key ends in an hour", {"grace": "1h"}),
    ),
)
@requires(KEYS, ADMIN)
async def rotate_key(request: Request, key_id: KeyId) -> Response:
    """Makes a key with the name and scopes of the old one. Both are live until the old one ends, after `grace`."""
    caller = caller_of(request)
    requested = await receive(request, RotationRequest, MAX_BODY_BYTES)
    old = await _find(caller, request, key_id)
    _check_scopes(caller, old.scopes)
    made = await _store(caller).rotate(
        old.owner,
        key_id,
        _asker_of(caller, old.scopes),
        grace_ms=lifetime_ms(requested.grace),
        life_ms=lifetime_ms(requested.expires) if requested.expires else None,
    )
    return uncached(new_view_of(made), 201, Location=f"/v1/keys/{made.record.id}")


@router.delete(
    "/{key_id}",
    status_code=204,
    operation_id="revoke_key",
    summary="Revoke an API key",
    response_class=Response,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires(KEYS, ADMIN)
async def revoke_key(request: Request, key_id: KeyId) -> Response:
    """The key opens nothing any more: at once, and after 30 s at the latest. It is listed as revoked for 30 days. Keys
    that were made with it stay; `made_by` names them.
    """
    caller = caller_of(request)
    old = await _find(caller, request, key_id)
    _check_scopes(caller, old.scopes)
    await _store(caller).revoke(key_id, old.owner)
    return Response(status_code=204)


def _store(caller: Caller) -> KeyStore:
    return KeyStore(caller.context.redis, caller.context.settings.max_keys)


def _owner_of(caller: Caller, request: Request) -> str:
    """Raises: Refusal `invalid_request`, `forbidden`."""
    return caller.acting_for(query_of(request, OwnerQuery).owner).owner


async def _find(caller: Caller, request: Request, key_id: str) -> KeyRecord:
    """Raises: Refusal `invalid_request`, `forbidden`, `not_found`."""
    return await _store(caller).find(key_id, _owner_of(caller, request))


def _check_scopes(caller: Caller, scopes: Iterable[str], field: str | None = None) -> None:
    """Check that the caller may hand out, replace or end a key with these scopes.

    Raises:
        Refusal: `forbidden`.
    """
    if caller.is_admin:
        return
    if missing := sorted(set(scopes) - caller.access.scopes):
        raise Refusal(
            "forbidden",
            f"The key that was sent lacks the scope {' and '.join(map(repr, missing))}, so it cannot make or change a "
            "key with it.",
            field=field,
        )


def _asker_of(caller: Caller, scopes: Iterable[str]) -> Asker:
    """Who asks for a key with these scopes. An admin's key bounds the life of other admins' keys alone."""
    access = caller.access
    is_bounded = not access.is_admin or ADMIN in scopes
    return Asker(
        name=access.key_id or (f"setting:{access.owner}" if access.via == "setting" else access.via),
        key_id=access.key_id,
        not_after=access.expires_at_ms if is_bounded else None,
    )
