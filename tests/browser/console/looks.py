"""Pictures of pages, compared with those of before."""

import io
import os
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops

ROOT: Final = Path(__file__).parents[3]
BEFORE: Final = Path(__file__).with_name("pictures")
"""Pictures as they were, grey and small: some KB each. `RENEW_LOOKS=1` writes them."""
SMALLER: Final = 4
"""So many pixels are one in them, each way."""
SHADES: Final = 16
STEP: Final = 256 // SHADES
SEEN: Final = 2 * STEP
"""Difference of grey that counts, of 255."""
MOST_SHARE: Final = 0.001
"""Of the pixels that may differ."""


def small(picture: Image.Image) -> Image.Image:
    """What is kept of a picture."""
    size = (picture.width // SMALLER, picture.height // SMALLER)
    grey = picture.convert("L").resize(size, Image.Resampling.BOX)
    return grey.point([shade // STEP * (255 // (SHADES - 1)) for shade in range(256)])


def on_canvas(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    canvas = Image.new("L", size)
    canvas.paste(picture)
    return canvas


class Looks:
    """Compares pages with what they looked like.

    Args:
        folder: Where pictures of now and of differences are written.
        renews: Whether what is seen now is what pages are compared with from now on.

    Attributes:
        warnings: A line for each page that looks different.
    """

    def __init__(self, folder: Path, *, renews: bool) -> None:
        self.folder, self.renews = folder, renews
        self.warnings: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def of_environment(cls) -> "Looks":
        """Into the folder SCREENSHOTS, or build/looks."""
        return cls(Path(os.environ.get("SCREENSHOTS") or ROOT / "build" / "looks"), renews="RENEW_LOOKS" in os.environ)

    def compare(self, name: str, content: bytes) -> None:
        """Keep a picture, and note if it is not as before.

        Args:
            name: Page, width and scheme: `jobs-320-dark`.
            content: The picture of now, a JPEG.
        """
        now, before = small(Image.open(io.BytesIO(content))), BEFORE / f"{name}.webp"
        kept = self.folder / f"{name}.jpg"
        kept.write_bytes(content)
        if self.renews:
            BEFORE.mkdir(exist_ok=True)
            now.save(before, "WEBP", lossless=True, method=6)
        elif not before.exists():
            self.warnings.append(f"{name} is new: {kept}; there is no {before.relative_to(ROOT)}")
        elif share := self._difference(name, Image.open(before).convert("L"), now):
            differs = self.folder / f"{name}-difference.png"
            path = before.relative_to(ROOT)
            self.warnings.append(f"{name} differs in {share:.1%}: before {path}, now {kept}, difference {differs}")

    def _difference(self, name: str, before: Image.Image, now: Image.Image) -> float:
        """The share of pixels that differ, 0 if few do. Writes a picture in which they are red."""
        size = (max(before.width, now.width), max(before.height, now.height))
        before, now = on_canvas(before, size), on_canvas(now, size)
        differs = ImageChops.difference(before, now).point([255 * (step >= SEEN) for step in range(256)])
        share = differs.histogram()[255] / (size[0] * size[1])
        if share <= MOST_SHARE:
            return 0
        shown = now.convert("RGB")
        shown.paste((220, 0, 0), mask=differs)
        shown.save(self.folder / f"{name}-difference.png")
        return share
