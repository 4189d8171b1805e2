"""Paper sizes. Known to those who check a spec and to those who draw it, who have no use for models."""

from typing import Final

PAGE_SIZES: Final[dict[str, tuple[float, float]]] = {
    "A3": (841.89, 1190.55),
    "A4": (595.28, 841.89),
    "A5": (419.53, 595.28),
    "Letter": (612.0, 792.0),
    "Legal": (612.0, 1008.0),
}
"""Width and height in points, upright."""
