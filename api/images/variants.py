"""Read the variants of a request: a list, or the name of a preset."""

import json
import re
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json

from api.http.caller import Caller
from tasks.presets import NAME, find_preset
from tasks.refusal import Refusal
from tasks.thumbnail.cost import check_requested_output
from tasks.thumbnail.params import PresetUse
from tasks.thumbnail.variants import Variant, variants_of
from tasks.validation import faults_of, refusal_of


class ChosenVariants(NamedTuple):
    """The variants of a request. preset: which preset they are, unless it is built in."""

    variants: tuple[Variant, ...]
    preset: PresetUse | None = None


async def read_variants(caller: Caller, text: str) -> ChosenVariants:
    """Read the name of a preset, or a JSON list of variants. Only for an own preset Redis is asked.

    Raises:
        Refusal: `invalid_params` on the field at fault.
    """
    if text.lstrip().startswith(("[", "{")):
        return ChosenVariants(parse_variants(text, caller.context.settings.max_output_pixels))
    if (known := caller.context.presets.get(text)) is not None:
        return ChosenVariants(known.variants, known.use)
    record = await find_preset(caller.context.redis, caller.owner, text) if re.fullmatch(NAME, text) else None
    if record is None:
        presets = ", ".join(caller.context.presets)
        message = f"Preset {text!r} does not exist; the presets are {presets}, and those that you make at /v1/presets."
        raise Refusal("invalid_params", message, field="variants")
    variants = variants_of(json.loads(record.variants))
    return ChosenVariants(variants, PresetUse(name=record.name, version=record.version))


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
        variants = variants_of(from_json(text, allow_inf_nan=False))
    except ValidationError as error:
        raise refusal_of(faults_of(error, inside="variants"), "invalid_params") from error
    except ValueError as error:
        raise Refusal(
            "invalid_params", f"The field 'variants' is neither a preset nor a JSON list: {error}.", field="variants"
        ) from error
    check_requested_output(variants, max_output_pixels)
    return variants
