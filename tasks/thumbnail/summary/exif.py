"""Reads what a photo's EXIF says of its taking, as far as it is asked for."""

import contextlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

from PIL import ExifTags, Image
from PIL.ExifTags import GPS, Base
from PIL.ImageFile import ImageFile

from tasks.thumbnail.decoding import orientation_of

MAX_CHARS: Final = 100
"""Characters of a text that are kept."""
MAX_NUMBER: Final = 2**32 - 1
"""The largest number that EXIF itself can hold; some programs write numbers as text of any length."""
Tags = Mapping[int, Any]


def exif_of(picture: ImageFile, fields: Collection[str]) -> dict[str, Any]:
    """Read the fields that are asked for. What the file does not say, or says in a way that makes no sense, is absent.

    Args:
        picture: The opened picture.
        fields: Names of READERS, and `orientation`.
    """
    try:
        exif = picture.getexif() if "exif" in picture.info or picture.format == "TIFF" else Image.Exif()
        tags: Tags = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
        places: Tags = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # damaged metadata is no reason to refuse the picture it came with
        return {}
    found: dict[str, Any] = {}
    for field in fields:
        with contextlib.suppress(ArithmeticError, LookupError, TypeError, ValueError):
            if field == "orientation":
                found[field] = orientation_of(picture)
            elif value := READERS[field](places if field == "gps" else tags):
                found[field] = value
    return found


def _taken_at(tags: Tags) -> str | None:
    """ISO 8601; with the offset from UTC if the camera knew it."""
    taken = datetime.strptime(_text(tags[Base.DateTimeOriginal]), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - see below
    offset = _text(tags.get(Base.OffsetTimeOriginal, ""))
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(f"{taken.isoformat()}{offset}").isoformat()
    return taken.isoformat()


def _camera(tags: Tags) -> str:
    maker, model = (_text(tags.get(tag, "")) for tag in (Base.Make, Base.Model))
    return model if model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()[:MAX_CHARS]


def _exposure(tags: Tags) -> dict[str, Any]:
    readers: dict[str, tuple[int, Callable[[Any], Any]]] = {
        "time": (Base.ExposureTime, _seconds),
        "aperture": (Base.FNumber, _number),
        "iso": (Base.ISOSpeedRatings, _whole),
        "focal_length_mm": (Base.FocalLength, _number),
    }
    found = {}
    for name, (tag, read) in readers.items():
        with contextlib.suppress(ArithmeticError, LookupError, TypeError, ValueError):
            found[name] = read(tags[tag])
    return found


def _gps(tags: Tags) -> dict[str, Any]:
    found = {
        "latitude": _degrees(tags[GPS.GPSLatitude], _text(tags[GPS.GPSLatitudeRef]) == "S", 90),
        "longitude": _degrees(tags[GPS.GPSLongitude], _text(tags[GPS.GPSLongitudeRef]) == "W", 180),
    }
    with contextlib.suppress(ArithmeticError, LookupError, TypeError, ValueError):
        below = tags.get(GPS.GPSAltitudeRef, 0) in (1, b"\x01")
        found["altitude_m"] = (-1 if below else 1) * _number(tags[GPS.GPSAltitude])
    return found


def _degrees(parts: Any, negative: bool, limit: int) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    if not 0 <= value <= limit:
        raise ValueError(f"{value} degrees")
    return round(-value if negative else value, 6)


def _number(value: Any) -> float:
    number = round(float(value), 2)
    if not abs(number) <= MAX_NUMBER:  # true of NaN too
        raise ValueError(f"{number} is no number of EXIF")
    return number


def _whole(value: Any) -> int:
    number = int(value[0] if isinstance(value, tuple) else value)
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError(f"{number} is no number of EXIF")
    return number


def _seconds(value: Any) -> str:
    seconds = float(value)
    if not 1 / MAX_NUMBER <= seconds <= MAX_NUMBER:
        raise ValueError(f"{seconds} seconds")
    return f"1/{round(1 / seconds)}" if seconds < 0.4 else f"{seconds:g}"


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_CHARS]


READERS: Final[Mapping[str, Callable[[Tags], Any]]] = {
    "taken_at": _taken_at,
    "camera": _camera,
    "lens": lambda tags: _text(tags[Base.LensModel]),
    "exposure": _exposure,
    "gps": _gps,
}
