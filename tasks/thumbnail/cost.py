"""Checks how many pixels are drawn of a picture, before one is decoded."""

import math
from collections.abc import Sequence
from typing import Any

from tasks.refusal import Refusal
from tasks.thumbnail.geometry import Plan
from tasks.thumbnail.variants import Variant

LONGEST_SIDE_PX = {"jpeg": 65_500, "webp": 16_383, "avif": 65_536, "gif": 65_535}
"""Pixels of a side that the formats, or their encoders, can write."""


def check_output(plans: Sequence[Plan], variants: Sequence[dict[str, Any]], limits: dict[str, int]) -> None:
    """Check how many pixels all variants of a picture have together; one counts for each of its formats.

    Args:
        plans: What is drawn.
        variants: The variant of each plan, as a dump.
        limits: max_output_pixels.

    Raises:
        Refusal: `too_many_pixels`.
    """
    total = sum(
        math.prod(plan.canvas) * len(variant["formats"] or [variant["format"]])
        for plan, variant in zip(plans, variants, strict=True)
    )
    if total > (limit := limits["max_output_pixels"]):
        raise Refusal("too_many_pixels", _too_many_drawn(total, limit), limit=limit)


def check_sides(plans: Sequence[Plan], variants: Sequence[dict[str, Any]], automatic: str) -> None:
    """Check that each format can have the sides of its variant, which are the picture's own where there is no box.

    Args:
        plans: What is drawn.
        variants: The variant of each plan, as a dump.
        automatic: The format that `auto` may become.

    Raises:
        Refusal: `side_too_long`.
    """
    for plan, variant in zip(plans, variants, strict=True):
        for asked in variant["formats"] or [variant["format"]]:
            name = automatic if asked == "auto" else asked
            width, height = plan.canvas
            if max(width, height) > (limit := LONGEST_SIDE_PX.get(name, math.inf)):
                message = (
                    f"The variant {variant['name']!r} would have {width} × {height} pixels; the limit for a side of a "
                    f"{name} is {limit:,}. Give it a width or a height, or another format."
                )
                raise Refusal("side_too_long", message, limit=int(limit))


def check_requested_output(variants: Sequence[Variant], limit: int) -> None:
    """Check the pixels of those variants whose size does not depend on the picture.

    Args:
        variants: What is asked for.
        limit: MAX_OUTPUT_PIXELS.

    Raises:
        Refusal: `invalid_params`.
    """
    total = 0
    for one in variants:
        if one.width and one.height and (one.fit in ("pad", "exact") or (one.fit == "cover" and one.enlarge)):
            densities = sum(factor**2 for factor in one.dpr)
            total += one.width * one.height * densities * len(one.formats or (one.format,))
    if total > limit:
        raise Refusal("invalid_params", _too_many_drawn(total, limit), field="variants", limit=limit)


def _too_many_drawn(total: int, limit: int) -> str:
    return (
        f"The variants have {total:,} pixels together; the limit is {limit:,} (MAX_OUTPUT_PIXELS). "
        "Ask for smaller or fewer ones."
    )
