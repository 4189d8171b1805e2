"""Puts the parts of an animation together to whole pictures, as browsers do."""

from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from PIL import Image

from tasks.thumbnail.geometry import Size

SHORTEST_MS = 10
"""Browsers show a frame of this length and shorter for DEFAULT_MS."""
DEFAULT_MS = 100
LONGEST_MS = 655_350
"""The longest time that a frame of a GIF can have; those of an animated PNG may have a hundred times as much."""
_CLEAR = (0, 0, 0, 0)


class Disposal(Enum):
    """What becomes of a part before the next one is drawn."""

    KEEP = auto()
    CLEAR = auto()
    RESTORE = auto()


class FramePart(NamedTuple):
    """What a file holds for one frame. `over`: whether it is drawn over what is there, not in place of it."""

    image: Image.Image
    corner: tuple[int, int]
    duration_ms: float
    disposal: Disposal = Disposal.KEEP
    over: bool = True


class AnimationFrame(NamedTuple):
    """One whole picture of an animation, in RGBA."""

    image: Image.Image
    duration_ms: float


def shown_ms(duration_ms: float) -> float:
    """Return how long browsers show a frame for which the file says this, LONGEST_MS at most."""
    return min(duration_ms, LONGEST_MS) if duration_ms > SHORTEST_MS else DEFAULT_MS


def composed(size: Size, parts: Iterator[FramePart]) -> Iterator[AnimationFrame]:
    """Draw the parts on a canvas that is transparent at first; what is outside of it is cut off.

    Args:
        size: Width and height of the canvas in pixels.
        parts: In their order; each is asked for when the frame before it has been used.

    Yields:
        One frame for each part. Its picture belongs to the caller.
    """
    canvas = Image.new("RGBA", size, _CLEAR)
    for part in parts:
        before = canvas.copy() if part.disposal is Disposal.RESTORE else None
        left, top = part.corner
        box = (left, top, min(left + part.image.width, size[0]), min(top + part.image.height, size[1]))
        if box[2] > left and box[3] > top:
            visible = part.image.crop((0, 0, box[2] - left, box[3] - top)).convert("RGBA")
            if part.over:
                canvas.alpha_composite(visible, (left, top))
            else:
                canvas.paste(visible, (left, top))
            del visible
        yield AnimationFrame(canvas.copy(), shown_ms(part.duration_ms))
        if part.disposal is Disposal.CLEAR:
            canvas.paste(_CLEAR, box)
        canvas = before or canvas
