"""Turns a picture by quarters: EXIF orientations, what they make of a region, and what a further turn makes of them."""

UPRIGHT = 1
"""The EXIF orientation of a picture that needs no turning."""
_CYCLES = ((1, 6, 3, 8), (2, 7, 4, 5))
"""Orientations in the order in which a quarter turn clockwise makes the next of each."""
_SWAPPED = 5
"""From this orientation on, rows are stored as columns."""
_FLIPPED_ACROSS = (2, 3, 7, 8)
_FLIPPED_DOWN = (3, 4, 6, 7)

Edges = tuple[float, float, float, float]
"""Left, top, right and bottom of a region in pixels."""


def swaps(orientation: int) -> bool:
    """Tell whether width and height change places when this EXIF orientation (1 to 8) is turned upright."""
    return orientation >= _SWAPPED


def turned(orientation: int, degrees: int) -> int:
    """Return the orientation that turns a picture upright and then further.

    Args:
        orientation: The EXIF orientation, 1 to 8.
        degrees: How far it is turned clockwise besides: 0, 90, 180 or 270.
    """
    cycle = next(one for one in _CYCLES if orientation in one)
    return cycle[(cycle.index(orientation) + degrees // 90) % 4]


def stored_box(box: Edges, stored: tuple[int, int], orientation: int) -> Edges:
    """Find the region of a stored picture that is seen at `box` once the picture is turned upright.

    Args:
        box: The region as it is seen: left, top, right and bottom in pixels.
        stored: Width and height of the picture as it is stored.
        orientation: The EXIF orientation, 1 to 8.
    """
    left, top, right, bottom = (box[1], box[0], box[3], box[2]) if swaps(orientation) else box
    if orientation in _FLIPPED_ACROSS:
        left, right = stored[0] - right, stored[0] - left
    if orientation in _FLIPPED_DOWN:
        top, bottom = stored[1] - bottom, stored[1] - top
    return left, top, right, bottom


def turned_box(box: Edges, turned_size: tuple[int, int], degrees: int) -> Edges:
    """Find where a region is once the picture is turned.

    Args:
        box: The region before: left, top, right and bottom in pixels.
        turned_size: Width and height of the picture after the turn.
        degrees: How far it is turned clockwise: 0, 90, 180 or 270.
    """
    return stored_box(box, turned_size, turned(UPRIGHT, 360 - degrees))
