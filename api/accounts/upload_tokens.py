"""Upload tokens: what lets a web page without an API key upload: `/v1/upload-tokens`."""

import json
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.accounts.expiring import life_s, page_of
from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import Caller, caller_of
from api.http.checks import Checks
from api.http.durations import DURATION
from api.http.json_body import documented_body, examined, receive_text
from api.http.problems import documented
from api.http.query import ListQuery, Page, documented_query, query_of
from api.images.variants import read_variants
from api.labels import LabelFields, Labels, ShownMetadata, ShownTags, labels_of
from tasks.accounts.tokens.upload_tokens import Target, UploadGrant, UploadToken
from tasks.clock import from_ms
from tasks.refusal import Refusal
from tasks.thumbnail.signatures import MEDIA_TYPES
from tasks.thumbnail.variants import Variant
from tasks.validation import JsonInteger, shown

router = APIRouter(prefix="/v1/upload-tokens", tags=["browsers"])

EXAMPLE_ORIGIN: Final = "https://app.example.com"
EXAMPLE_ID: Final = "7c1f0a9be2d84c6f95a3d1b07e42c8aa"
EXAMPLE: Final[dict[str, Any]] = {
    "origin": EXAMPLE_ORIGIN,
    "variants": "avatar",
    "max_bytes": 500_000,
    "types": ["image/jpeg", "image/png"],
    "metadata": {"user": 42},
    "uses": 3,
    "expires": "15m",
}
DEFAULT_LIFE: Final = "1h"

TokenId = Annotated[str, Path(description="The token's id.", examples=[EXAMPLE_ID])]


def _preset_or_list(given: Any) -> Any:
    if given is None or isinstance(given, str | list):
        return given
    raise ValueError(f"{shown(given)} is neither the name of a preset nor a list of variants")


class UploadTokenRequest(LabelFields):
    """What a page may do with the token. It cannot change any of this."""

    model_config = ConfigDict(extra="forbid")

    origin: str = Field(
        max_length=300,
        description="The origin of the page, one of CORS_ORIGINS, or that of PUBLIC_URL.",
        examples=[EXAMPLE_ORIGIN],
    )
    target: Target = Field(
        "images",
        description="Where the page uploads: `images` makes a job at once (`POST /v1/images`), `uploads` stores the "
        "file, for a job that you submit with its id (`POST /v1/uploads`).",
    )
    variants: Annotated[Any, BeforeValidator(_preset_or_list, json_schema_input_type=str | list[Variant] | None)] = (
        Field(
            None,
            description="The name of a preset, or a list of up to 20 variants, as in `POST /v1/images`. Without it the "
            "preset `default`; not with `uploads`.",
        )
    )
    max_bytes: Annotated[JsonInteger, Field(ge=1)] | None = Field(
        None, description="Bytes that one file may have. At most, and without it, MAX_UPLOAD_BYTES (52428800)."
    )
    types: list[Literal[MEDIA_TYPES]] | None = Field(  # type: ignore[valid-type]
        None,
        min_length=1,
        description="Media types that a file may have, by its content. Without it any that is read; with `uploads` "
        "any.",
    )
    uses: Annotated[JsonInteger, Field(ge=1)] = Field(
        1, description="Uploads that the token is good for. One that is refused uses up nothing."
    )
    expires: str = Field(
        DEFAULT_LIFE,
        description="After which time it ends: a number and `s`, `m` or `h`, at most 24 hours (UPLOAD_TOKEN_MAX_S).",
        examples=["15m"],
        json_schema_extra={"pattern": f"^{DURATION}$"},
    )


class UploadTokenInfo(BaseModel):
    """An upload token, without the token itself."""

    id: str = Field(description="Its id, which opens nothing.", examples=[EXAMPLE_ID])
    origin: str = Field(description="The origin of the page that may use it.", examples=[EXAMPLE_ORIGIN])
    target: Target = Field(description="Where it uploads.")
    variants: str | list[dict[str, Any]] | None = Field(None, description="What is drawn of each image.")
    max_bytes: int = Field(description="Bytes that one file may have.")
    types: list[str] | None = Field(None, description="Media types that a file may have; absent where any may come.")
    tags: ShownTags = None
    metadata: ShownMetadata = None
    uses: int = Field(description="Uploads that it is good for.")
    used: int = Field(description="Uploads that were accepted.")
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime = Field(description="When it ends.")


class NewUploadToken(UploadTokenInfo):
    """An upload token, as it is answered once."""

    token: str = Field(
        description="The token. The page sends it as `Authorization: Bearer <token>`. It is shown only here.",
        examples=["pr_up_…"],
    )


class UploadTokenPage(Page):
    """Upload tokens, the one that ends next first."""

    upload_tokens: list[UploadTokenInfo] = Field(description="The tokens that have not ended.")


@router.post(
    "",
    status_code=201,
    operation_id="create_upload_token",
    summary="Create an upload token",
    response_model=NewUploadToken,
    response_description="The token, with the path of its description in `Location`.",
    responses=documented(
        *("unauthorized", "forbidden", "invalid_request", "invalid_params", "unsupported_media_type", "too_large"),
        *("not_found", "expired", "unsupported_format", "too_many_upload_tokens", "redis_full"),
    ),
    openapi_extra=documented_body(UploadTokenRequest, avatar=("Three portraits from one page", EXAMPLE)),
)
@requires("images", "reports")
async def create_upload_token(request: Request) -> Response:
    """Lets a web page upload without an API key. Your own server asks for it, and hands it to the page.

    The jobs and uploads that are made with it are yours, and count towards your limits. It ends with the key that made
    it. The page can send the file and its name, and nothing else.
    """
    caller, checks = caller_of(request), Checks()
    settings = caller.context.settings
    requested = examined(await receive_text(request, settings.max_params_bytes), UploadTokenRequest, checks)
    if requested is None:
        checks.done()
    assert requested is not None  # noqa: S101 - else the checks have failed
    checks.run(lambda: _check_scope(caller, requested.target))
    checks.run(lambda: _check_origin(caller, requested.origin))
    seconds = checks.run(lambda: life_s(requested.expires, settings.upload_token_max_s, "UPLOAD_TOKEN_MAX_S"))
    labels = checks.run(lambda: labels_of(settings, requested)) or Labels()
    max_bytes = checks.run(lambda: _max_bytes(caller, requested)) or 0
    checks.run(lambda: _check_uses(requested.uses, settings.upload_token_max_uses))
    variants = None
    with checks.collect():
        variants = await _variants(caller, requested)
    checks.done()
    grant = UploadGrant(
        origin=requested.origin,
        target=requested.target,
        max_bytes=max_bytes,
        types=tuple(dict.fromkeys(requested.types or ())),
        variants=variants,
        uses=requested.uses,
        metadata=labels.metadata,
        tags=labels.tags,
    )
    token, made = await caller.context.upload_tokens.create(
        caller.owner, caller.access.key_id, grant, seconds=seconds or 0, setting_key=caller.access.setting_key
    )
    view = NewUploadToken(token=token, **_view(made).model_dump())
    return uncached(view, 201, Location=f"/v1/upload-tokens/{made.id}")


@router.get(
    "",
    operation_id="list_upload_tokens",
    summary="List upload tokens",
    response_model=UploadTokenPage,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(ListQuery),
)
@requires("images", "reports")
async def list_upload_tokens(request: Request) -> Response:
    """Returns your tokens that have not ended, without the tokens themselves."""
    caller, query = caller_of(request), query_of(request, ListQuery)
    shown_tokens, next_cursor = await page_of(caller.context.upload_tokens, caller.owner, query)
    return uncached(UploadTokenPage(upload_tokens=list(map(_view, shown_tokens)), next=next_cursor))


@router.get(
    "/{token_id}",
    operation_id="get_upload_token",
    summary="Get an upload token",
    response_model=UploadTokenInfo,
    responses=documented("unauthorized", "forbidden", "not_found"),
)
@requires("images", "reports")
async def get_upload_token(request: Request, token_id: TokenId) -> Response:
    """Returns what it allows and how often it was used, not the token itself."""
    caller = caller_of(request)
    found = await caller.context.upload_tokens.find(caller.owner, token_id)
    if found is None:
        raise _unknown(token_id)
    return uncached(_view(found))


@router.delete(
    "/{token_id}",
    status_code=204,
    operation_id="revoke_upload_token",
    summary="Revoke an upload token",
    response_class=Response,
    responses=documented("unauthorized", "forbidden", "not_found"),
)
@requires("images", "reports")
async def revoke_upload_token(request: Request, token_id: TokenId) -> Response:
    """The token ends at once. Jobs that were made with it go on, and their tokens still show them."""
    caller = caller_of(request)
    if not await caller.context.upload_tokens.revoke(caller.owner, token_id):
        raise _unknown(token_id)
    return Response(status_code=204)


def _check_scope(caller: Caller, target: Target) -> None:
    """A token opens nothing that its key does not."""
    if target == "images" and "images" not in caller.access.scopes:
        message = "target: A token that makes images needs a key with the scope 'images'. Ask for 'uploads'."
        raise Refusal("forbidden", message, field="target")


def _check_origin(caller: Caller, origin: str) -> None:
    known = caller.context.cors.page_origins
    if origin not in known:
        advice = f"They are {', '.join(sorted(known))}." if known else "There are none yet."
        message = f"origin: {shown(origin)} is not among the origins of CORS_ORIGINS. {advice} Its operator adds one."
        raise Refusal("invalid_request", message, field="origin")


def _max_bytes(caller: Caller, requested: UploadTokenRequest) -> int:
    settings = caller.context.settings
    is_image = requested.target == "images"
    limit = settings.max_upload_bytes if is_image else settings.max_dataset_bytes
    most = limit if requested.max_bytes is None else requested.max_bytes
    if most > limit:
        setting = "MAX_UPLOAD_BYTES" if is_image else "MAX_DATASET_BYTES"
        message = f"max_bytes: {most} is more than the limit of {limit} bytes ({setting}). Send less."
        raise Refusal("invalid_request", message, field="max_bytes", limit=limit)
    return most


def _check_uses(uses: int, limit: int) -> None:
    if uses > limit:
        message = f"uses: {uses} is more than the limit of {limit} (UPLOAD_TOKEN_MAX_USES). Send less."
        raise Refusal("invalid_request", message, field="uses", limit=limit)


async def _variants(caller: Caller, requested: UploadTokenRequest) -> str | None:
    """What is stored of them; they were read once, so that a page is not the first to learn what is wrong."""
    given = requested.variants
    if requested.target == "uploads":
        if given is not None:
            message = "variants: A token for 'uploads' draws nothing. Leave the field out, or ask for 'images'."
            raise Refusal("invalid_request", message, field="variants")
        return None
    text = "default" if given is None else given if isinstance(given, str) else json.dumps(given)
    await read_variants(caller, text)
    return text


def _view(token: UploadToken) -> UploadTokenInfo:
    grant = token.grant
    variants = grant.variants
    return UploadTokenInfo(
        id=token.id,
        origin=grant.origin,
        target=grant.target,
        variants=json.loads(variants) if variants and variants.lstrip().startswith("[") else variants,
        max_bytes=grant.max_bytes,
        types=list(grant.types) or None,
        tags=list(grant.tags) or None,
        metadata=json.loads(grant.metadata) if grant.metadata else None,
        uses=grant.uses,
        used=token.used,
        created_at=from_ms(token.created_at),
        expires_at=from_ms(token.expires_at),
    )


def _unknown(token_id: str) -> Refusal:
    return Refusal("not_found", f"Upload token {token_id!r} was not found, or has ended.")
