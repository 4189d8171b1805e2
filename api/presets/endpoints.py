"""Presets: named sets of variants: `/v1/presets`."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.http.access.scopes import requires
from api.http.answers import uncached
from api.http.caller import Caller, caller_for_owner
from api.http.checks import Checks
from api.http.json_body import documented_body, examined, receive_text
from api.http.problems import documented
from api.http.query import OF_OWNER, OwnerQuery, documented_query
from api.images.variants import parse_variants
from api.images.watermarks import find_watermarks
from tasks.accounts.owner_names import check_owner
from tasks.clock import from_ms
from tasks.presets import NAME, PresetRecord, delete_preset, find_preset, list_presets, put_preset
from tasks.refusal import Refusal
from tasks.thumbnail.variants import MAX_VARIANTS, Variant, variants_json
from tasks.validation import shown

router = APIRouter(prefix="/v1/presets", tags=["images"])

EXAMPLE_PRESET = "cards"
EXAMPLE_VARIANTS = [{"name": "card", "width": 640, "height": 360, "fit": "cover", "format": "webp"}]

PresetName = Annotated[str, Path(pattern=NAME, description="The preset's name.", examples=[EXAMPLE_PRESET])]


def _list(given: Any) -> list[Any]:
    if isinstance(given, list) and given:
        return given
    raise ValueError(f"{shown(given)} is no list of variants")


class PresetRequest(BaseModel):
    """What a preset is made of."""

    model_config = ConfigDict(extra="forbid")

    variants: Annotated[Any, BeforeValidator(_list, json_schema_input_type=list[Variant])] = Field(
        description=f"From 1 to {MAX_VARIANTS} variants, as in `POST /v1/images`."
    )


class Preset(BaseModel):
    """A named set of variants."""

    name: str = Field(description="What `variants` of `POST /v1/images` calls it.", examples=[EXAMPLE_PRESET])
    version: int | None = Field(
        None,
        description="Grows with every change of one of your presets, and is never used twice. For one of the service's "
        "settings a number that its variants decide; absent if it is built in.",
    )
    source: Literal["owner", "settings", "built_in"] = Field(description="Whose it is. Yours can be changed.")
    variants: list[dict[str, Any]] = Field(description="The variants.", examples=[EXAMPLE_VARIANTS])
    changed_at: datetime | None = Field(None, description="When it was last changed, if it is yours.")


class Presets(BaseModel):
    """All presets that can be used."""

    presets: list[Preset] = Field(description="Yours, then those of the service, each by name.")


@router.get(
    "",
    operation_id="list_presets",
    summary="List presets",
    response_model=Presets,
    responses=documented("unauthorized", "forbidden", "invalid_request"),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("images")
async def get_presets(request: Request) -> Response:
    """Your presets, and those that everyone has."""
    caller = caller_for_owner(request)
    own = [_own(record) for record in await list_presets(caller.context.redis, caller.owner)]
    return uncached(Presets(presets=[*own, *(_known(caller, name) for name in sorted(caller.context.presets))]))


@router.get(
    "/{preset_name}",
    operation_id="get_preset",
    summary="Get a preset",
    response_model=Preset,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("images")
async def get_preset(request: Request, preset_name: PresetName) -> Response:
    """Returns the preset as it is now. A job keeps the variants that it was submitted with."""
    caller = caller_for_owner(request)
    if preset_name in caller.context.presets:
        return uncached(_known(caller, preset_name))
    record = await find_preset(caller.context.redis, caller.owner, preset_name)
    if record is None:
        raise _unknown(preset_name)
    return uncached(_own(record))


@router.put(
    "/{preset_name}",
    operation_id="put_preset",
    summary="Create or change a preset",
    response_model=Preset,
    response_description="The preset was changed, or had these variants already.",
    responses={
        201: {"model": Preset, "description": "The preset is new. `Location` has its path."},
        **documented(
            *("unauthorized", "forbidden", "invalid_request", "invalid_params", "unsupported_media_type", "too_large"),
            *("not_found", "expired", "unsupported_format", "too_many_presets", "redis_full"),
        ),
    },
    openapi_extra=documented_query(OwnerQuery)
    | documented_body(PresetRequest, cards=("A preset of one variant", {"variants": EXAMPLE_VARIANTS})),
)
@requires("images")
async def change_preset(request: Request, preset_name: PresetName) -> Response:
    """From now on, `variants` of `POST /v1/images` can name it. Another set of variants is another version; what was
    drawn with an earlier one stays, and a request with `job` draws it again.
    """
    caller, checks = caller_for_owner(request), Checks()
    if caller.owner != request.scope["owner"]:
        checks.run(lambda: check_owner(caller.owner))
    settings = caller.context.settings
    requested = examined(await receive_text(request, settings.max_params_bytes), PresetRequest, checks)
    if preset_name in caller.context.presets:
        message = f"The preset {preset_name!r} is one of the service. Choose another name."
        checks.add(Refusal("invalid_request", message, field="preset_name"))
    chosen: tuple[Variant, ...] = ()
    if requested is not None:
        with checks.collect():
            chosen = parse_variants(json.dumps(requested.variants), settings.max_output_pixels)
            await find_watermarks(caller, chosen)
    checks.done()
    record, is_new = await put_preset(
        caller.context.redis, caller.owner, preset_name, variants_json(chosen), most=settings.max_presets
    )
    place = {"Location": f"/v1/presets/{preset_name}"} if is_new else {}
    return uncached(_own(record), 201 if is_new else 200, **place)


@router.delete(
    "/{preset_name}",
    status_code=204,
    operation_id="delete_preset",
    summary="Delete a preset",
    response_class=Response,
    responses=documented(*OF_OWNER),
    openapi_extra=documented_query(OwnerQuery),
)
@requires("images")
async def remove_preset(request: Request, preset_name: PresetName) -> Response:
    """Jobs that were submitted with it keep their variants. Presets of the service cannot be deleted."""
    caller = caller_for_owner(request)
    if not await delete_preset(caller.context.redis, caller.owner, preset_name):
        raise _unknown(preset_name)
    return Response(status_code=204)


def _own(record: PresetRecord) -> Preset:
    return Preset(
        name=record.name,
        version=record.version,
        source="owner",
        variants=json.loads(record.variants),
        changed_at=from_ms(record.changed_at),
    )


def _known(caller: Caller, name: str) -> Preset:
    known = caller.context.presets[name]
    variants = json.loads(variants_json(known.variants))
    if known.use is None:
        return Preset(name=name, source="built_in", variants=variants)
    return Preset(name=name, version=known.use.version, source="settings", variants=variants)


def _unknown(name: str) -> Refusal:
    return Refusal("not_found", f"Preset {name!r} was not found among yours. `GET /v1/presets` lists them.")
