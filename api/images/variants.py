"""Reading what a request says of variants."""

from pydantic import ValidationError
from pydantic_core import from_json

from tasks.refusal import Refusal
from tasks.thumbnail.variants import Variant, variants_of


def parse_variants(text: str) -> tuple[Variant, ...]:
    """A preset's name, or a JSON list. Raises: Refusal `invalid_params` that names what is wrong in it."""
    if not text.lstrip().startswith(("[", "{")):
        return variants_of(text)
    if text.lstrip().startswith("{"):
        raise Refusal("invalid_params", "variants is an object; write a list, [{…}], even for one.", field="variants")
    try:
        return variants_of(from_json(text, allow_inf_nan=False))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in ("variants", *first["loc"]))
        raise Refusal("invalid_params", f"{field}: {first['msg']}.", field=field) from error
    except ValueError as error:
        raise Refusal(
            "invalid_params", f"variants is no preset and no JSON list: {error}.", field="variants"
        ) from error
