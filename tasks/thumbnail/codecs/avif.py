"""AVIF decoding that frees the decoder's planes before the picture is copied."""

from typing import Any

from PIL import AvifImagePlugin, Image

DECODING_BYTES = 8
"""Bytes of memory that decoding takes for a pixel, at least."""

# One thread for each sandbox call: the sandbox runs several calls at once.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class AvifPicture(AvifImagePlugin.AvifImageFile):
    """An AVIF file of which only the first frame is decoded."""

    _decoder: Any

    def load(self) -> Any:
        """Decode the first frame once."""
        if self._decoder is not None:
            try:
                pixels = self._decoder.get_frame(0)[0]
            except Exception:  # the same error means damage or too little memory: try to allocate
                bytearray(DECODING_BYTES * self.width * self.height)
                raise
            self._decoder = None
            self.im = Image.frombuffer(self.mode, self.size, pixels, "raw", self.mode, 0, 1).im
            self.tile = []
        return Image.Image.load(self)
