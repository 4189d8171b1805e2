"""Parse which fields of EXIF a request asks for."""

from tasks.refusal import Refusal
from tasks.thumbnail.summary.exif_fields import ExifField, exif_fields

EXIF = (
    "What of the photo's EXIF the result has: `true` for `taken_at`, `camera`, `lens`, `exposure` and `orientation`, "
    "or names of these and of `gps`, which is where it was taken."
)


def parse_exif(text: str) -> tuple[ExifField, ...]:
    """Parse `true`, `false`, or names of fields between commas.

    Raises:
        Refusal: `invalid_params`.
    """
    word = text.strip().lower()
    asked = word == "true" if word in ("true", "false") else [name.strip() for name in text.split(",")]
    try:
        return exif_fields(asked)
    except ValueError as error:
        raise Refusal("invalid_params", f"The field 'exif' is true, false or names: {error}.", field="exif") from error
