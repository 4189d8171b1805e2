"""WebP decoding in 12 bytes of memory a pixel; Pillow's own decoder takes 16."""

from typing import Any

from PIL import Image, WebPImagePlugin

CANVAS_BYTES = 8
"""Bytes that the decoder allocates for a pixel before it decodes anything."""

WEBP_HEAD_BYTES = 30
"""Bytes that say how large the picture is."""


class WebPPicture(WebPImagePlugin.WebPImageFile):
    """A WebP file of which only the first frame is decoded."""

    _decoder: Any

    @property
    def decoder(self) -> Any:
        """libwebp's decoder, which gives one whole frame after another."""
        return self._decoder

    def _open(self) -> None:
        try:
            super()._open()
        except OSError:  # the same error means damage or too little memory: try to allocate its canvases
            if self.fp is not None:
                self.fp.seek(0)
                width, height = size_of(self.fp.read(WEBP_HEAD_BYTES))
                bytearray(CANVAS_BYTES * width * height)
            raise

    def load(self) -> Any:
        """Decode the first frame once, and free the decoder's two canvases before the picture is made."""
        if self._decoder is not None:
            frame = self._decoder.get_next()
            self._decoder = None
            if frame is None:
                raise OSError("failed to decode the first frame")
            # The decoder's bytes become the picture's pixels without a copy.
            picture = Image.frombuffer(self.rawmode, self.size, frame[0], "raw", self.rawmode, 0, 1)
            self.im = picture.im if self.mode == self.rawmode else picture.convert(self.mode).im
            self.tile = []
        return Image.Image.load(self)


def size_of(head: bytes) -> tuple[int, int]:
    """Read width and height in pixels from the file's first WEBP_HEAD_BYTES."""
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
