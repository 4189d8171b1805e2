"""AVIF whose decoder lets go of its own planes before the picture is copied."""

from typing import Any

from PIL import AvifImagePlugin, Image

DECODING_BYTES = 8
"""What decoding takes for a pixel, at the least."""

# A piece of work is one thread's: the sandbox runs several at once.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class AvifPicture(AvifImagePlugin.AvifImageFile):
    """An AVIF file of which only the first frame is wanted."""

    _decoder: Any

    def load(self) -> Any:
        """Decode the first frame once."""
        if self._decoder is not None:
            try:
                pixels = self._decoder.get_frame(0)[0]
            except Exception:  # the decoder says the same of damage and of want of memory: is there room?
                bytearray(DECODING_BYTES * self.width * self.height)
                raise
            self._decoder = None
            self.im = Image.frombuffer(self.mode, self.size, pixels, "raw", self.mode, 0, 1).im
            self.tile = []
        return Image.Image.load(self)
