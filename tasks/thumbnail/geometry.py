"""Computes which region of a picture is drawn, and at what size."""

from dataclasses import dataclass
from typing import Any

MAX_SIDE_PX = 8192
"""Longest side of a drawn picture in pixels; also the length of a side that the box leaves open."""

Size = tuple[int, int]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """The region `box` of the source (pixels: left, top, right, bottom) becomes `size`, centred on `canvas`."""

    box: Box
    size: Size
    canvas: Size

    @property
    def scale(self) -> float:
        """Drawn pixels for each pixel of the source, along the side that is shrunk least."""
        left, top, right, bottom = self.box
        return max(self.size[0] / (right - left), self.size[1] / (bottom - top))


def plan(source: Size, variant: dict[str, Any]) -> Plan:
    """Plan how a variant draws a picture. The size never exceeds the box, and no side is 0.

    Args:
        source: Width and height of the picture in pixels.
        variant: The dump of a `Variant`, of which width, height, fit and enlarge are read.
    """
    width, height = source
    box = (variant["width"] or MAX_SIDE_PX, variant["height"] or MAX_SIDE_PX)
    ratios = (box[0] / width, box[1] / height)
    if variant["fit"] == "cover":
        return _cover(source, box, max(ratios), enlarge=variant["enlarge"])
    scale = min(ratios) if variant["enlarge"] else min(*ratios, 1.0)
    size = (_side(width * scale, box[0]), _side(height * scale, box[1]))
    return Plan((0, 0, width, height), size, box if variant["fit"] == "pad" else size)


def _cover(source: Size, box: Size, scale: float, *, enlarge: bool) -> Plan:
    width, height = source
    size = box
    if scale > 1 and not enlarge:
        size = (_side(box[0] / scale, width), _side(box[1] / scale, height))
        scale = 1.0
    crop_width, crop_height = min(width, size[0] / scale), min(height, size[1] / scale)
    left, top = (width - crop_width) / 2, (height - crop_height) / 2
    if scale == 1:  # whole pixels are copied, not blurred over half of one
        left, top = int(left), int(top)
    return Plan((left, top, left + crop_width, top + crop_height), size, size)


def _side(length: float, limit: int) -> int:
    return max(1, min(limit, round(length)))
