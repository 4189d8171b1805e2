"""Decodes watermarks, which are untrusted too, and draws them."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from PIL import Image

from tasks.refusal import Refusal
from tasks.thumbnail.colour.described import profile_of
from tasks.thumbnail.colour.profiles import ToSRGB, in_p3
from tasks.thumbnail.decoding import decode, open_picture, orientation_of, upright
from tasks.thumbnail.memory import MEGABYTE
from tasks.thumbnail.options.watermark import mark_box
from tasks.thumbnail.picture_file import PictureFile

_DECODING_BYTES: Final = 24
"""Bytes for a pixel of a watermark while it is decoded."""
_KEPT_BYTES: Final = 4
"""Bytes for a pixel of one that is kept until it is drawn."""


def marks_memory_mb(variants: list[dict[str, Any]], limits: dict[str, int]) -> int:
    """Check the watermarks by their headers; no pixel is decoded.

    Args:
        variants: Dumps of `Variant`, whose watermarks have a `path` to the file.
        limits: As for `open_picture`, and max_watermark_pixels.

    Returns:
        Megabytes that they take while the variants are drawn.

    Raises:
        Refusal: As `open_picture`.
    """
    pixels = []
    for path, where in _places(variants).items():
        with _naming(where), PictureFile(path) as source:
            _, picture, _ = open_picture(source, _limits(limits))
            pixels.append(picture.width * picture.height)
    return math.ceil((_KEPT_BYTES * sum(pixels) + _DECODING_BYTES * max(pixels, default=0)) / MEGABYTE)


def with_marks(variants: list[dict[str, Any]], limits: dict[str, int]) -> list[dict[str, Any]]:
    """Decode the watermarks. Arguments and errors are those of `marks_memory_mb`.

    Returns:
        The variants, whose watermarks have a `mark`, the picture in RGBA.
    """
    marks = {}
    for path, where in _places(variants).items():
        with _naming(where):
            marks[path] = _decoded(path, _limits(limits))
    return [
        variant | {"watermark": watermark | {"mark": marks[watermark["path"]]}}
        if (watermark := variant["watermark"])
        else variant
        for variant in variants
    ]


def marked(image: Image.Image, watermark: dict[str, Any], colour: str = "srgb") -> Image.Image:
    """Draw a watermark over a picture.

    Args:
        image: The picture in L, LA, RGB or RGBA.
        watermark: One of `with_marks`.
        colour: The colour space of the picture, `srgb` or `p3`.

    Returns:
        The picture in RGB, or in RGBA if it has alpha.
    """
    mark: Image.Image = watermark["mark"]
    left, top, width, height = mark_box(mark.size, image.size, watermark)
    scaled = mark.convert("RGBa").resize((width, height), Image.Resampling.LANCZOS).convert("RGBA")
    drawn = in_p3(scaled.convert("RGB")) if colour == "p3" else scaled
    drawn.putalpha(scaled.getchannel("A").point([round(level * watermark["opacity"]) for level in range(256)]))
    result = image.convert("RGBA")
    result.alpha_composite(drawn, (left, top))
    return result if "A" in image.mode else result.convert("RGB")


def _places(variants: list[dict[str, Any]]) -> dict[str, tuple[int, str]]:
    """The files of the watermarks, and the number and name of the first variant that has each."""
    places: dict[str, tuple[int, str]] = {}
    for number, variant in enumerate(variants):
        if variant["watermark"]:
            places.setdefault(variant["watermark"]["path"], (number, variant["name"]))
    return places


@contextmanager
def _naming(where: tuple[int, str]) -> Iterator[None]:
    """Name the variant in what is raised of its watermark."""
    number, name = where
    try:
        yield
    except Refusal as refusal:
        said = refusal.message.replace("(MAX_PIXELS)", "(MAX_WATERMARK_PIXELS)")  # which is the limit here
        message = f"The watermark of the variant {name!r} cannot be used. {said}"
        field = f"variants.{number}.watermark.upload"
        raise Refusal(refusal.code, message, field=field, limit=refusal.limit) from refusal


def _limits(limits: dict[str, int]) -> dict[str, int]:
    return limits | {"max_pixels": limits["max_watermark_pixels"]}


def _decoded(path: str, limits: dict[str, int]) -> Image.Image:
    with PictureFile(path) as source:
        name, picture, _ = open_picture(source, limits)
        decoded = decode(name, picture, source, limits)
        converted = ToSRGB(profile_of(picture.info, decoded.mode), decoded.mode).convert(decoded)
        return upright(converted, orientation_of(picture)).convert("RGBA")
