"""BMP decoding of kinds that Pillow lacks: other bit fields, two bits a pixel, short headers of OS/2, early ends."""

import io
import struct
from typing import Any

from PIL import BmpImagePlugin, Image, ImageMath
from PIL.ImageFile import _Tile

from tasks.refusal import Refusal

BIT_FIELD_BYTES = 24
"""Bytes of memory that decoding takes for a pixel of bit fields."""
_RGB, _RLE24_OR_JPEG, _PNG = 0, 4, 5
_BIT_FIELDS = (3, 6)
_OS2_SIZE, _SHORT_SIZE, _FULL_SIZE, _MASKS_SIZE = 64, 16, 40, 52
_SAMPLE_BITS = 16
"""Bits of a field that are used, from the highest on."""
_MAX_COLOURS = 256
_END_OF_BITMAP = b"\0\1"

BmpImagePlugin.BIT2MODE[2] = ("P", "P;2")


class PaddedRleDecoder(BmpImagePlugin.BmpRleDecoder):
    """Run lengths that may end before the last pixel, if they say so: the others are of the first colour."""

    def set_as_raw(self, data: bytes | bytearray, rawmode: str | None = None, extra: tuple[Any, ...] = ()) -> None:
        """Take the pixels."""
        if self.fd is not None:
            self.fd.seek(-2, 1)
            if self.fd.read(2) == _END_OF_BITMAP:
                data = data.ljust(self.state.xsize * self.state.ysize, b"\0")
        super().set_as_raw(data, rawmode, extra)


Image.register_decoder("bmp_rle", PaddedRleDecoder)


class BmpPicture(BmpImagePlugin.BmpImageFile):
    """A BMP file."""

    decoder_bytes: int | None = None
    """Bytes of memory that decoding takes for a pixel, where Pillow does not do it alone."""
    _fields: tuple[int, ...] = ()

    def _open(self) -> None:
        if self.fp is None:
            return
        head = self.fp.read(14 + 124)
        self.fp.seek(0)
        size = int.from_bytes(head[14:18], "little")
        if size == _SHORT_SIZE:
            self.fp = io.BytesIO(_lengthened(self.fp.read()))
        elif size >= _FULL_SIZE and len(head) >= 14 + _FULL_SIZE:
            width, height, _planes, bits, compression = struct.unpack_from("<iiHHI", head, 18)
            if found := _unsupported(size, bits, compression):
                message = f"The pixels of this bmp are compressed as {found}, which is not supported; save it as PNG."
                raise Refusal("unsupported_format", message)
            if compression in _BIT_FIELDS and bits in (16, 32):
                alpha = size > _MASKS_SIZE or compression == _BIT_FIELDS[1]
                self._open_fields(head, (width, height), bits, alpha=alpha)
                return
        super()._open()
        if self.palette and len(self.palette.palette) > 4 * _MAX_COLOURS:
            self.palette.palette = self.palette.palette[: 4 * _MAX_COLOURS]

    def _open_fields(self, head: bytes, size: tuple[int, int], bits: int, *, alpha: bool) -> None:
        width, height = size
        masks = struct.unpack_from("<4I" if alpha else "<3I", head, 14 + _FULL_SIZE)
        self._fields = masks if masks[-1] else masks[:3]
        if not all(self._fields[:3]):
            raise SyntaxError("a colour has no bits")
        self._size = width, abs(height)
        self._mode = "RGBA" if len(self._fields) == 4 else "RGB"
        stride, direction = (width * bits + 31) // 32 * 4, -1 if height > 0 else 1
        offset = int.from_bytes(head[10:14], "little")
        self.tile = [_Tile("raw", (0, 0, *self._size), offset, (f"I;{bits}", stride, direction))]
        self.decoder_bytes = BIT_FIELD_BYTES

    def load(self) -> Any:
        """Decode the picture. An alpha channel that is 0 everywhere says nothing: other programs draw it opaque."""
        if self.tile and self._fields:
            mode, self._mode = self._mode, "I"
            super().load()
            numbers = Image.new("I", self.size)
            numbers.im = self.im
            bands = [_field(numbers, mask) for mask in self._fields]
            self._mode = mode
            self.im = Image.merge(mode, bands).im
        elif self.tile:
            super().load()
        if self.mode == "RGBA" and self.im.getband(3).getextrema() == (0, 0):
            self.im = self.im.convert("RGB")
            self._mode = "RGB"
        return Image.Image.load(self)


def _unsupported(size: int, bits: int, compression: int) -> str | None:
    if compression == _RLE24_OR_JPEG:
        return "RLE24" if size == _OS2_SIZE else "JPEG"
    if compression == _PNG:
        return "PNG"
    return "Huffman codes" if compression in _BIT_FIELDS and bits == 1 else None


def _lengthened(data: bytes) -> bytes:
    """Give a header of OS/2 with 16 bytes the 40 that others have; what it leaves out is 0."""
    added = _FULL_SIZE - _SHORT_SIZE
    offset = int.from_bytes(data[10:14], "little") + added
    return data[:10] + struct.pack("<II", offset, _FULL_SIZE) + data[18:30] + bytes(added) + data[30:]


def _field(numbers: Image.Image, mask: int) -> Image.Image:
    """The bits of a mask, which lie side by side, as samples of 8 bits."""
    bits = mask.bit_length()
    shift = (mask & -mask).bit_length() - 1
    shift = max(shift, bits - _SAMPLE_BITS)
    white = (1 << (bits - shift)) - 1
    drawn: Image.Image = ImageMath.lambda_eval(
        lambda args: args["convert"]((((args["numbers"] >> shift) & white) * 255 + white // 2) / white, "L"),
        numbers=numbers,
    )
    return drawn
