"""Small picture files whose headers promise a large picture, for tests that read no more than the header."""

import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.support.pictures import encoded
from tests.support.thumbnail.peaks import KINDS


def promising(kind: str, width: int, height: int) -> bytes:
    """A blank picture of one of `KINDS`, encoded with 64 × 64 pixels. Its header promises width × height."""
    name, mode, options = KINDS[kind]
    return _REWRITE[name](encoded(Image.new(mode, (64, 64)), name, **options), width, height)


def _jpeg(data: bytes, width: int, height: int) -> bytes:
    at = 2
    while data[at + 1] not in (0xC0, 0xC2):
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return _replaced(data, at + 5, struct.pack(">HH", height, width))


def _png(data: bytes, width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return _replaced(data, 12, header + struct.pack(">I", zlib.crc32(header)))


def _webp(data: bytes, width: int, height: int) -> bytes:
    return _replaced(data, 26, struct.pack("<HH", width, height))


def _heif(data: bytes, width: int, height: int) -> bytes:
    return _replaced(data, data.index(b"ispe") + 8, struct.pack(">II", width, height))


def _gif(data: bytes, width: int, height: int) -> bytes:
    size = struct.pack("<HH", width, height)
    frame = data.index(b",", 13 + 3 * (2 << (data[10] & 7)))  # behind the palette
    return _replaced(_replaced(data, 6, size), frame + 5, size)


def _tiff(data: bytes, width: int, height: int) -> bytes:
    start = int.from_bytes(data[4:8], "little")
    for number in range(int.from_bytes(data[start : start + 2], "little")):
        at = start + 2 + 12 * number
        value = {256: width, 257: height}.get(tag := int.from_bytes(data[at : at + 2], "little"))
        if value is not None:
            data = _replaced(data, at, struct.pack("<HHII", tag, 4, 1, value))
    return data


def _replaced(data: bytes, at: int, part: bytes) -> bytes:
    return data[:at] + part + data[at + len(part) :]


_REWRITE: dict[str, Callable[[bytes, int, int], bytes]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "AVIF": _heif,
    "HEIF": _heif,
    "GIF": _gif,
    "TIFF": _tiff,
}
