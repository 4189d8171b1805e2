"""Read the variants of a request: a list, or the name of a preset."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json

from api.http.caller import Caller
from api.images.watermarks import find_watermarks
from tasks.blob_ref import BlobRef
from tasks.presets import NAME, find_preset
from tasks.refusal import Refusal
from tasks.thumbnail.cost import check_requested_output
from tasks.thumbnail.params import PresetUse
from tasks.thumbnail.variants import Variant, variant_faults, variants_of
from tasks.validation import refusal_of


class ChosenVariants(NamedTuple):
    """The variants of a request. preset: which preset they are, unless it is built in. watermarks: their bytes, by the
    uploads' ids."""

    variants: tuple[Variant, ...]
    preset: PresetUse | None = None
    watermarks: Mapping[str, BlobRef] = MappingProxyType({})


async def read_variants(caller: Caller, text: str) -> ChosenVariants:
    """Read the name of a preset, or a JSON list of variants, and find their watermarks. Only for those and for an own
    preset Redis is asked.

    Raises:
        Refusal: `invalid_params` on the field at fault, and those of `find_watermarks`.
    """
    if text.lstrip().startswith(("[", "{")):
        variants = parse_variants(text, caller.context.settings.max_output_pixels)
        return ChosenVariants(variants, watermarks=await find_watermarks(caller, variants))
    if (known := caller.context.presets.get(text)) is not None:
        return ChosenVariants(known.variants, known.use, await _watermarks_of(caller, text, known.variants))
    record = await find_preset(caller.context.redis, caller.owner, text) if re.fullmatch(NAME, text) else None
    if record is None:
        presets = ", ".join(caller.context.presets)
        message = f"Preset {text!r} does not exist; the presets are {presets}, and those that you make at /v1/presets."
        raise Refusal("invalid_params", message, field="variants")
    variants = variants_of(json.loads(record.variants))
    use = PresetUse(name=record.name, version=record.version)
    return ChosenVariants(variants, use, await _watermarks_of(caller, text, variants))


async def _watermarks_of(caller: Caller, preset: str, variants: tuple[Variant, ...]) -> dict[str, BlobRef]:
    """The watermarks of a preset, whose uploads the request itself does not name."""
    try:
        return await find_watermarks(caller, variants)
    except Refusal as refusal:
        message = (
            f"Preset {preset!r} has a watermark that cannot be used. {refusal.message} Then change the preset, so that "
            "it names the new upload."
        )
        raise Refusal(refusal.code, message, field="variants") from refusal


def parse_variants(text: str, max_output_pixels: int) -> tuple[Variant, ...]:
    """Parse a JSON list of variants.

    Args:
        text: What was sent.
        max_output_pixels: Pixels of all variants together, as far as they do not depend on the picture.

    Raises:
        Refusal: `invalid_params` on the field at fault.
    """
    if text.lstrip().startswith("{"):
        raise Refusal(
            "invalid_params", "The field 'variants' must be a list, [{…}], even for one variant.", field="variants"
        )
    try:
        given = from_json(text, allow_inf_nan=False)
        variants = variants_of(given)
    except ValidationError as error:
        raise refusal_of(variant_faults(error, given), "invalid_params") from error
    except ValueError as error:
        raise Refusal(
            "invalid_params", f"The field 'variants' is neither a preset nor a JSON list: {error}.", field="variants"
        ) from error
    check_requested_output(variants, max_output_pixels)
    return variants
