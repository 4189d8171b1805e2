"""Reads the frames of an animated PNG, one after another, from its file."""

import io
import zlib
from collections.abc import Iterator
from mmap import mmap

from PIL.PngImagePlugin import PngImageFile

from tasks.thumbnail.animation.composing import Disposal, FramePart
from tasks.thumbnail.codecs.png_rows import check_rows
from tasks.thumbnail.colour.profiles import resampleable

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DISPOSALS = {1: Disposal.CLEAR, 2: Disposal.RESTORE}
_SHARED = (b"PLTE", b"tRNS")
"""The chunks besides the header that all frames are decoded with."""


def apng_parts(data: mmap) -> Iterator[FramePart]:
    """Decode the frames of an animated PNG. A picture in front that is not part of the animation is left out.

    Raises:
        EOFError: The file ends within a frame.
        Exception: What Pillow raises for a damaged frame.
    """
    header = shared = control = b""
    contents: list[bytes] = []
    for kind, content in _chunks(data):
        if kind in (b"fcTL", b"IEND") and contents:
            yield _part(header, shared, control, contents)
            contents = []
        if kind == b"IHDR":
            header = content
        elif kind in _SHARED:
            shared += _chunk(kind, content)
        elif kind == b"fcTL":
            control = content
        elif kind == b"IDAT" and control:
            contents.append(content)
        elif kind == b"fdAT":
            contents.append(content[4:])
    if contents:
        yield _part(header, shared, control, contents)


def apng_loops(data: mmap) -> int:
    """Return how often an animated PNG is played; 0 is without end."""
    return next((int.from_bytes(content[4:8], "big") for kind, content in _chunks(data) if kind == b"acTL"), 0)


def _part(header: bytes, shared: bytes, control: bytes, contents: list[bytes]) -> FramePart:
    width, height = (int.from_bytes(control[at : at + 4], "big") for at in (4, 8))
    left, top = (int.from_bytes(control[at : at + 4], "big") for at in (12, 16))
    numerator, denominator = (int.from_bytes(control[at : at + 2], "big") for at in (20, 22))
    canvas = (int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"))
    if left + width > canvas[0] or top + height > canvas[1]:
        raise ValueError("a frame is larger than its picture")
    file = _SIGNATURE + _chunk(b"IHDR", control[4:12] + header[8:]) + shared
    file += b"".join(_chunk(b"IDAT", content) for content in contents) + _chunk(b"IEND", b"")
    check_rows(file)
    image = PngImageFile(io.BytesIO(file))
    image.load()
    return FramePart(
        image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else resampleable(image),
        (left, top),
        1000 * numerator / (denominator or 100),
        _DISPOSALS.get(control[24], Disposal.KEEP),
        control[25] == 1,
    )


def _chunks(data: mmap) -> Iterator[tuple[bytes, bytes]]:
    position = len(_SIGNATURE)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if position + 12 + length > len(data):
            raise EOFError("a frame is not complete")
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += 12 + length


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
