"""AVIF decoding that frees the decoder's planes before the picture is copied, or is done by libvips."""

from typing import Any

from PIL import AvifImagePlugin, Image

from tasks.thumbnail.codecs.by_libvips import LibvipsFallback
from tasks.thumbnail.colour.nclx import code_points_of

DECODING_BYTES = 8
"""Bytes of memory that decoding takes for a pixel, at least."""

# One thread for each sandbox call: the sandbox runs several calls at once.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


_HEAD_BYTES = 4096
"""Bytes at the beginning of a file that describe its pictures, as a rule."""


class AvifPicture(LibvipsFallback, AvifImagePlugin.AvifImageFile):
    """An AVIF file of which only the first frame is decoded."""

    LOADER = "heifload"
    _decoder: Any = None

    def _open(self) -> None:
        super()._open()
        if not self.info.get("icc_profile") and (cicp := code_points_of(self._head())):
            self.info["cicp"] = cicp

    def _suits(self) -> bool:
        # Pillow does not crop a picture to its clean aperture.
        return b"clap" not in self._head()

    def _head(self) -> bytes:
        if self.fp is None:
            return b""
        self.fp.seek(0)
        return self.fp.read(_HEAD_BYTES)

    def load(self) -> Any:
        """Decode the first frame once."""
        if self.decoder_bytes is not None:  # by libvips
            return super().load()
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
