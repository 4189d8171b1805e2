"""Draws every size of a picture from one decoded copy, each from the smallest copy that is still twice as large."""

from collections.abc import Sequence
from typing import NamedTuple

from tasks.thumbnail.engines.raster import Raster
from tasks.thumbnail.geometry import Box, Plan, Size

FINER = 2
"""How many times larger a copy should be than what is drawn from it; with less, the loss of quality is visible."""
_ROUNDING_PX = 1
"""Pixels that a copy may lack, since its sides are rounded: 439 is twice as large as 220."""

_LEFT_OUT_PX = 0.175
"""Pixels of the result that are left out at either edge, at most, where a side is rounded down: a third in all."""

Extent = tuple[float, float]
"""Width and height of a whole picture in pixels of a copy; the last pixel of a scaled JPEG may be partial."""


class Copy(NamedTuple):
    """One copy of the whole picture."""

    raster: Raster
    extent: Extent


class Pyramid:
    """The copies of one picture in several sizes. Draw the largest first: smaller ones are drawn from what was drawn.

    Args:
        decoded: The picture, or a scaled-down copy of it.
        source: Width and height of the picture itself in pixels, which regions refer to.
        scale_denominator: How far `decoded` is scaled down: 1, 2, 4 or 8.
    """

    def __init__(self, decoded: Raster, source: Size, scale_denominator: int) -> None:
        self._source = source
        extent = (source[0] / scale_denominator, source[1] / scale_denominator)
        self._copies = [Copy(decoded, extent)]

    def drawn(self, plan: Plan) -> Raster:
        """Draw the region of a plan in its size. Each call asks for a smaller scale than the one before."""
        fine = [number for number, copy in enumerate(self._copies) if _is_fine(copy.extent, self._source, plan)]
        del self._copies[: fine[-1] if fine else 0]  # larger copies are not needed any more
        copy = self._copies[0]
        box, is_whole = _on(copy.extent, self._source, plan.box), plan.box == (0, 0, *self._source)
        result = copy.raster.resized(plan.size, _in_proportion(box, plan.size) if is_whole else box)
        if is_whole:
            self._copies.append(Copy(result, plan.size))
        return result


def in_order(plans: Sequence[Plan]) -> list[int]:
    """Return the numbers of the plans in the order that `Pyramid.drawn` wants: the largest scale first."""
    return sorted(range(len(plans)), key=lambda number: -plans[number].scale)


def reads_of_source(plans: Sequence[Plan], source: Size) -> int:
    """Count how many of the plans are drawn from the decoded picture itself, not from what was drawn before.

    Args:
        plans: What will be drawn.
        source: Width and height of the picture in pixels.
    """
    reads = 0
    drawn: list[Size] = []
    for number in in_order(plans):
        plan = plans[number]
        reads += not any(_is_fine(size, source, plan) for size in drawn)
        if plan.box == (0, 0, *source):
            drawn.append(plan.size)
    return reads


def _is_fine(extent: Extent, source: Size, plan: Plan) -> bool:
    left, top, right, bottom = _on(extent, source, plan.box)
    width, height = plan.size
    return right - left + _ROUNDING_PX >= FINER * width and bottom - top + _ROUNDING_PX >= FINER * height


def _in_proportion(box: Box, size: Size) -> Box:
    """Leave out what the shorter side of a result lacks since it was rounded down, half of it at either edge, so that
    both sides are scaled by one factor: 341.33 rows become 341 of the same height, not 341 that are a little lower.
    Where more than _LEFT_OUT_PX would be left out, everything is squeezed in."""
    left, top, right, bottom = box
    factor = max(size) / ((right - left) if size[0] >= size[1] else (bottom - top))
    lacks = [(side * factor - rounded) / 2 for side, rounded in zip((right - left, bottom - top), size, strict=True)]
    across, down = (lack / factor if 0 < lack < _LEFT_OUT_PX else 0 for lack in lacks)
    return left + across, top + down, right - across, bottom - down


def _on(extent: Extent, source: Size, box: Box) -> Box:
    """The region of a copy that shows `box` of the source."""
    across, down = extent[0] / source[0], extent[1] / source[1]
    return (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
