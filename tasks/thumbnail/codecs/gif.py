"""GIF: the first frame as browsers draw it, and colours for a palette."""

import mmap
from typing import Any

from PIL import GifImagePlugin, Image

from tasks.thumbnail.animation.composing import composed
from tasks.thumbnail.animation.gif import gif_parts

COLOURS = 255
"""Colours of a palette; one more is for what is transparent."""
HALF = 128
"""An alpha below this is transparent in a GIF, any other one opaque."""
COMPOSED_BYTES = 22
"""Bytes for a pixel of a canvas that a smaller frame is put on, measured with 16 megapixels and rounded up."""


class GifPicture(GifImagePlugin.GifImageFile):
    """A GIF file of which only the first frame is decoded. What the frame leaves of its canvas is transparent."""

    @property
    def has_transparency_data(self) -> bool:
        return self._is_smaller or super().has_transparency_data

    @property
    def decoder_bytes(self) -> int | None:
        """Bytes for a pixel while the frame and its canvas are both in memory, if the canvas is larger."""
        return COMPOSED_BYTES if self._is_smaller else None

    @property
    def _is_smaller(self) -> bool:
        return self.dispose_extent not in (None, (0, 0, *self.size))

    def load(self) -> Any:
        """Decode the first frame once."""
        if self.tile and self._is_smaller and self.fp is not None:
            with mmap.mmap(self.fp.fileno(), 0, access=mmap.ACCESS_READ) as data:
                self.im = next(composed(self.size, gif_parts(data))).image.im
            self._mode, self.palette = "RGBA", None
            self.tile = []
            self.info.pop("transparency", None)
            return Image.Image.load(self)
        return super().load()


def paletted(image: Image.Image) -> Image.Image:
    """Choose up to 256 colours for a picture, and mix them where there are fewer than it has.

    Args:
        image: A picture of any mode with 8 bits a channel.

    Returns:
        The picture in mode P; the transparent colour is named in its `info`.
    """
    colours = image.convert("RGB")
    result = colours.quantize(palette=colours.quantize(COLOURS), dither=Image.Dither.FLOYDSTEINBERG)
    result.info = {}
    if image.has_transparency_data:
        clear = image.convert("RGBA").getchannel("A").point([255] * HALF + [0] * (256 - HALF), "1")
        if clear.getbbox():
            result.paste(COLOURS, mask=clear)
            result.info["transparency"] = COLOURS
    return result
