"""Parse the variants of a request."""

from pydantic import ValidationError
from pydantic_core import from_json

from tasks.refusal import Refusal
from tasks.thumbnail.cost import check_requested_output
from tasks.thumbnail.variants import Variant, variants_of
from tasks.validation import faults_of, refusal_of


def parse_variants(text: str, max_output_pixels: int) -> tuple[Variant, ...]:
    """Parse the name of a preset, or a JSON list of variants.

    Args:
        text: What was sent.
        max_output_pixels: Pixels of all variants together, as far as they do not depend on the picture.

    Raises:
        Refusal: `invalid_params` on the field at fault.
    """
    if not text.lstrip().startswith(("[", "{")):
        return variants_of(text)
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
