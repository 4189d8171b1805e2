"""Adds background and border to a drawn picture, and chooses how it is encoded."""

from typing import Any

from tasks.thumbnail.colour.icc import DISPLAY_P3
from tasks.thumbnail.colour.profiles import rgb_in_p3
from tasks.thumbnail.engines.raster import RGBA, Raster
from tasks.thumbnail.geometry import Size
from tasks.thumbnail.options.effects import effects_of
from tasks.thumbnail.options.marks import marked
from tasks.thumbnail.options.regions import GRAVITIES
from tasks.thumbnail.summary.colours import dominant_colour

# WebP at 79.4 and AVIF at 63 look like JPEG at 80. WebP's method 2 takes half the time of its default for equal bytes,
# AVIF's speed 8 a sixth (docs/decisions/0112-cost-of-pictures.md, 0127-effort-of-encoders.md).
OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 80, "optimize": True, "progressive": False, "subsampling": "4:2:0"},
    "webp": {"quality": 79.4, "method": 2},
    "avif": {"quality": 63, "speed": 8, "max_threads": 1, "subsampling": "4:2:0"},
    "png": {"compress_level": 3},
    "gif": {},
}
"""What each encoder is called with, in Pillow's words."""


def finished(raster: Raster, canvas: Size, variant: dict[str, Any]) -> Raster:
    """Apply the effects of a variant to a picture, put it on its canvas, and draw the watermark over it.

    Args:
        raster: The drawn picture, in sRGB.
        canvas: Width and height of the result in pixels; used by the fit `pad`.
        variant: The dump of a `Variant`, whose watermark has been through `with_marks`.
    """
    for effect in effects_of(variant):
        raster = raster.changed(effect)
    if variant["fit"] == "pad":
        left, top = (canvas[0] - raster.size[0], canvas[1] - raster.size[1])
        across, down = GRAVITIES[variant["gravity"]]
        raster = raster.padded(canvas, (int(left * across), int(top * down)), _background(variant, raster))
    if watermark := variant["watermark"]:
        raster = raster.changed(lambda image: marked(image, watermark, variant["colour"]))
    return raster


def formats_of(raster: Raster, variant: dict[str, Any]) -> list[str]:
    """Return the formats of a finished picture's files: jpeg, png, webp, avif or gif."""
    if variant["formats"]:
        return list(variant["formats"])
    if variant["format"] == "auto":
        return ["jpeg" if raster.is_opaque else "webp"]
    return [variant["format"]]


def encodable(raster: Raster, name: str, variant: dict[str, Any]) -> Raster:
    """Return the picture as a format can have it: without transparency in a JPEG, and where it has none."""
    if name == "jpeg" or raster.is_opaque:
        return raster.flattened(_background(variant, raster))
    return raster


def options_of(name: str, variant: dict[str, Any]) -> dict[str, Any]:
    """Return the encoder's options for a format, with what the variant asks for."""
    options = dict(OPTIONS[name])
    if variant["quality"] is not None and "quality" in options:
        options["quality"] = variant["quality"]
    if "subsampling" in options:
        options["subsampling"] = variant["subsampling"]
    if "progressive" in options:
        options["progressive"] = variant["progressive"]
    if variant["colour"] == "p3":
        options["icc_profile"] = DISPLAY_P3
    return options


def _background(variant: dict[str, Any], raster: Raster) -> RGBA:
    text = variant["background"] if variant["background"] != "auto" else dominant_colour(raster)
    digits = text.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
    if variant["colour"] == "p3" and variant["background"] != "auto":
        red, green, blue = rgb_in_p3((red, green, blue))
    return red, green, blue, alpha
