"""Computes which region of a picture is drawn, and at what size."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from tasks.thumbnail.options.regions import GRAVITIES, crop_box
from tasks.thumbnail.options.turning import UPRIGHT, stored_box, swaps, turned, turned_box

MAX_SIDE_PX = 8192
"""Longest side of a box in pixels; also the length of a side that the box leaves open."""

Size = tuple[int, int]
Box = tuple[float, float, float, float]
Place = Callable[[float, float], tuple[float, float]]
"""Where the left and top edges of a window are, of its width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a variant is drawn.

    Args:
        box: The region of the stored picture: left, top, right and bottom in pixels.
        size: What it becomes, width and height in pixels, before it is turned.
        canvas: Width and height of the result, turned.
        orientation: The EXIF orientation (1 to 8) that turns it as far as the result wants it.
    """

    box: Box
    size: Size
    canvas: Size
    orientation: int = UPRIGHT

    @property
    def scale(self) -> float:
        """Drawn pixels for each pixel of the source, along the side that is shrunk least."""
        left, top, right, bottom = self.box
        return max(self.size[0] / (right - left), self.size[1] / (bottom - top))


class FindsWindow(Protocol):
    """Finds where a window shows most of what draws the eye; see `options.attention`."""

    def window(self, region: Box, seen: Size, degrees: int, width: float, height: float) -> tuple[float, float]:
        """Return the left and top edges of a window of `width` and `height` pixels inside a region."""


def plan(
    source: Size, variant: dict[str, Any], orientation: int = UPRIGHT, attention: FindsWindow | None = None
) -> Plan:
    """Plan how a variant draws a picture: it is turned upright, cropped, rotated and fitted into the box, in this
    order. The size never exceeds the box, and no side is 0. Without a box it is the size of the region.

    Args:
        source: Width and height of the picture as it is stored, in pixels.
        variant: The dump of a `Variant`, of which width, height, fit, enlarge, gravity, focal, crop and rotate are
            read.
        orientation: The picture's EXIF orientation, 1 to 8.
        attention: Finds the part that the gravity `attention` keeps; without it that is the middle.

    Raises:
        Refusal: `crop_outside`.
    """
    turn = turned(orientation, variant["rotate"])
    upright, seen = _swapped(source, orientation), _swapped(source, turn)
    region: Box = (0, 0, *upright)
    if variant["crop"]:
        region = crop_box(variant["crop"], upright, variant["name"])
    region = turned_box(region, seen, variant["rotate"])
    if attention and variant["gravity"] == "attention":
        place: Place = partial(attention.window, region, seen, variant["rotate"])
    else:
        place = _place(variant, upright, seen, region)
    box, size, canvas = _fitted(region, variant, place)
    return Plan(stored_box(box, source, turn), _swapped(size, turn), canvas, turn)


def _swapped(size: Size, orientation: int) -> Size:
    return (size[1], size[0]) if swaps(orientation) else size


def _place(variant: dict[str, Any], upright: Size, seen: Size, region: Box) -> Place:
    left, top, right, bottom = region
    if (focal := variant["focal"]) is None:
        across, down = GRAVITIES.get(variant["gravity"], GRAVITIES["center"])
        return lambda width, height: (left + (right - left - width) * across, top + (bottom - top - height) * down)
    x, y = focal["x"] * upright[0], focal["y"] * upright[1]
    x, y, *_ = turned_box((x, y, x, y), seen, variant["rotate"])
    return lambda width, height: (
        max(left, min(right - width, x - width / 2)),
        max(top, min(bottom - height, y - height / 2)),
    )


def _fitted(region: Box, variant: dict[str, Any], place: Place) -> tuple[Box, Size, Size]:
    """The part of the region that is drawn, the size that it is drawn in, and the size of the result."""
    width, height = round(region[2] - region[0]), round(region[3] - region[1])
    if not (variant["width"] or variant["height"]):
        return region, (width, height), (width, height)
    box = (variant["width"] or MAX_SIDE_PX, variant["height"] or MAX_SIDE_PX)
    ratios = (box[0] / width, box[1] / height)
    match variant["fit"]:
        case "exact":
            return region, box, box
        case "cover":
            return _cover((width, height), box, max(ratios), place, enlarge=variant["enlarge"])
    scale = min(ratios) if variant["enlarge"] else min(*ratios, 1.0)
    size = (_side(width * scale, box[0]), _side(height * scale, box[1]))
    return region, size, box if variant["fit"] == "pad" else size


def _cover(source: Size, box: Size, scale: float, place: Place, *, enlarge: bool) -> tuple[Box, Size, Size]:
    width, height = source
    size = box
    if scale > 1 and not enlarge:
        size = (_side(box[0] / scale, width), _side(box[1] / scale, height))
        scale = 1.0
    crop_width, crop_height = min(width, size[0] / scale), min(height, size[1] / scale)
    left, top = place(crop_width, crop_height)
    if scale == 1:  # whole pixels are copied, not blurred over half of one
        left, top = int(left), int(top)
    return (left, top, left + crop_width, top + crop_height), size, size


def within(size: Size, longest: int) -> Size:
    """Shrink a size until its longer side is this long, unless it is shorter already.

    Args:
        size: Width and height in pixels.
        longest: Pixels.
    """
    scale = min(1.0, longest / max(size))
    return _side(size[0] * scale, longest), _side(size[1] * scale, longest)


def _side(length: float, limit: int) -> int:
    return max(1, min(limit, round(length)))
