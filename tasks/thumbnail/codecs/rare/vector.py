"""What is common to pictures that have no pixels of their own: how large they are drawn."""

from PIL import Image

from tasks.thumbnail.geometry import Size

VECTOR_SIDE_PX = 2048
"""Pixels of the longer side: twice the largest of the default variants."""


def size_for(width: float, height: float) -> Size:
    """Return the width and height in pixels in which something of these proportions is drawn."""
    scale = VECTOR_SIDE_PX / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def fitting(drawn: Image.Image, size: Size) -> Image.Image:
    """Return what was drawn in the size that was planned: programs round differently."""
    return drawn if drawn.size == size else drawn.resize(size)
