"""What an image engine does with the pixels of a picture: the contract of libvips and of Pillow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self

from PIL import Image

from tasks.thumbnail.geometry import Box, Size

RGBA = tuple[int, int, int, int]
"""Red, green, blue and alpha, each 0 to 255."""


class Raster(Protocol):
    """The decoded pixels of a picture, or of a smaller copy of it. No method changes it: each returns another one.

    Colours are those of the file until `srgb` is called; `linear` and the methods after `srgb` want them in sRGB.
    """

    @property
    def size(self) -> Size:
        """Width and height in pixels."""

    @property
    def is_opaque(self) -> bool:
        """Whether every pixel is opaque."""

    def display_p3(self) -> Self | None:
        """Return the same pixels, which `srgb` and `linear` convert to Display P3 instead of sRGB.

        None for grey and for colours of sRGB: nothing would be gained.
        """

    def linear(self) -> Self:
        """Convert to linear light in 16 bits a channel, in which `resized` averages light and not stored values.

        `srgb` converts it back.
        """

    def resized(self, size: Size, box: Box) -> Self:
        """Resample a region with a Lanczos filter of three lobes; transparent pixels add no colour.

        Args:
            size: Width and height of the result in pixels.
            box: The region: left, top, right and bottom in pixels.
        """

    def srgb(self) -> Self:
        """Convert to sRGB with 8 bits a channel: grey or RGB, with alpha if there is any."""

    def upright(self, orientation: int) -> Self:
        """Turn upright what has this EXIF orientation (1 to 8)."""

    def padded(self, canvas: Size, corner: Size, background: RGBA) -> Self:
        """Draw on a canvas whose colour is seen where the picture is transparent.

        Args:
            canvas: Width and height of the result in pixels.
            corner: Where the picture's left and top edges are, in pixels.
            background: The colour.
        """

    def flattened(self, background: RGBA) -> Self:
        """Draw over a background whose alpha is ignored, so that the result is opaque."""

    def pillow(self) -> Image.Image:
        """Return the pixels of a picture in sRGB as an image of Pillow's: L, LA, RGB or RGBA."""

    def changed(self, change: Callable[[Image.Image], Image.Image]) -> Self:
        """Change a picture in sRGB by a function of Pillow's images.

        Args:
            change: Takes what `pillow` returns, and returns another image in one of its modes.
        """

    def save(self, path: Path, name: str, options: dict[str, Any]) -> None:
        """Encode without metadata: EXIF, comments, and colour profiles other than that of the options.

        Args:
            path: The file to write.
            name: The format: jpeg, png, webp, avif or gif.
            options: Those of `encoding.OPTIONS` for this format.
        """
