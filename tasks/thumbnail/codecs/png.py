"""PNG decoding that refuses no picture for what stands beside its pixels."""

import zlib
from typing import Any

from PIL import PngImagePlugin
from PIL.ImageFile import _safe_read

MAX_PROFILE_BYTES = 4 << 20
"""Largest colour profile that is unpacked; those of printers have up to three megabytes."""
_ANCILLARY = 0x20
_PASSED_OVER = {b"tEXt", b"zTXt", b"iTXt"}
"""Texts: Pillow would put them among what it knows of the picture itself, under any name that they have."""


class TolerantPngStream(PngImagePlugin.PngStream):
    """The chunks of a PNG file. An ancillary chunk that is damaged, too large or of no use is passed over."""

    def call(self, cid: bytes, pos: int, length: int) -> bytes:
        """Read the chunk `cid` of `length` bytes at `pos`. Returns what its checksum is made of."""
        if not cid[0] & _ANCILLARY:
            return super().call(cid, pos, length)
        try:
            if cid not in _PASSED_OVER:
                return super().call(cid, pos, length)
        except (AttributeError, EOFError):  # an unknown chunk; the data of a frame
            raise
        except Exception as error:  # untrusted bytes: a chunk may raise anything
            if isinstance(error, MemoryError):
                raise
        if self.fp is not None:
            self.fp.seek(pos + length)
        return b""

    def crc(self, cid: bytes, data: bytes) -> None:
        """Check the checksum of a critical chunk, and pass over that of an ancillary one."""
        if cid[0] & _ANCILLARY:
            self.crc_skip(cid, data)
        else:
            super().crc(cid, data)

    def chunk_iCCP(self, pos: int, length: int) -> bytes:  # noqa: ARG002, N802 - Pillow calls it so
        """Read the colour profile, if it can be unpacked and is not too large."""
        data = _safe_read(self._file, length)
        name = data.index(b"\0")
        inflate = zlib.decompressobj()
        profile = inflate.decompress(data[name + 2 :], MAX_PROFILE_BYTES)
        if data[name + 1] == 0 and not inflate.unconsumed_tail:
            self.im_info["icc_profile"] = profile
        return data

    def chunk_cICP(self, pos: int, length: int) -> bytes:  # noqa: ARG002, N802
        """Read the code points of the colours: primaries, transfer function, matrix and range."""
        data = _safe_read(self._file, length)
        if length == 4:
            self.im_info["cicp"] = tuple(data)
        return data

    @property
    def _file(self) -> Any:
        return self.fp


PngImagePlugin.PngStream = TolerantPngStream  # type: ignore[misc]


class PngPicture(PngImagePlugin.PngImageFile):
    """A PNG file; what follows its pixels may be damaged or missing."""

    def load_end(self) -> None:
        """Read what follows the pixels, as far as it can be read."""
        try:
            super().load_end()
        except (OSError, ValueError, SyntaxError):  # no pixel depends on it
            return
