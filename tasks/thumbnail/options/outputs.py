"""The pictures that a list of variants asks for: one for each pixel density, and one file for each format."""

from collections.abc import Iterable
from typing import Any


def drawn_variants(variants: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make one variant of each density that a variant has.

    Args:
        variants: Dumps of `Variant`.

    Returns:
        Dumps whose name and box are those of one density; lengths in pixels grow with it.
    """
    return [_of_density(variant, factor) for variant in variants for factor in variant["dpr"]]


def _of_density(variant: dict[str, Any], factor: int) -> dict[str, Any]:
    if factor == 1:
        return variant
    lengths = ("width", "height", "blur")
    grown: dict[str, Any] = {length: variant[length] and variant[length] * factor for length in lengths}
    if watermark := variant["watermark"]:
        grown["watermark"] = watermark | {"margin": watermark["margin"] * factor}
    return variant | grown | {"name": f"{variant['name']}@{factor}x"}
