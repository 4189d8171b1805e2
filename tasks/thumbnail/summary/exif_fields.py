"""The EXIF fields that a request can ask for. `gps`, the place, is never included unless the request names it."""

from collections.abc import Collection
from typing import Final, Literal, get_args

ExifField = Literal["taken_at", "camera", "lens", "exposure", "orientation", "gps"]
EXIF_FIELDS: Final[tuple[ExifField, ...]] = get_args(ExifField)
PLACE: Final = "gps"
PLAIN_FIELDS: Final = tuple(field for field in EXIF_FIELDS if field != PLACE)
"""Those of `exif: true`."""


def exif_fields(asked: bool | Collection[str]) -> tuple[ExifField, ...]:
    """Resolve what a request says.

    Args:
        asked: True for all but the place, False for none, or names.

    Returns:
        The fields, each once, in the order of EXIF_FIELDS.

    Raises:
        ValueError: There is no such field.
    """
    if isinstance(asked, bool):
        return PLAIN_FIELDS if asked else ()
    unknown = [field for field in asked if field not in EXIF_FIELDS]
    if unknown:
        known = ", ".join(EXIF_FIELDS)
        raise ValueError(f"{unknown[0]!r} is no field that can be asked for; those are {known}")
    return tuple(field for field in EXIF_FIELDS if field in asked)
