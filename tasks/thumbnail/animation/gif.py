"""Reads the frames of a GIF, one after another, from its file."""

from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

from PIL import Image

from tasks.thumbnail.animation.composing import Disposal, FramePart
from tasks.thumbnail.geometry import Size

_HEADER_BYTES = 13
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}  # 4 stands in old files; browsers heed it
_GREYS = bytes(level for level in range(256) for _ in range(3))
"""The colours of a file that has no table of them."""


class GifFrame(NamedTuple):
    """Where a frame is in the file, and what its control block says."""

    position: int
    size: Size
    duration_ms: int
    disposal: int
    transparent: int | None


def gif_frames(data: mmap) -> Iterator[GifFrame]:
    """Walk through a GIF without decoding it."""
    duration_ms, disposal, transparent = 0, 0, None
    position = _HEADER_BYTES + _table_bytes(data[10])
    while position < len(data):
        kind = data[position : position + 1]
        if kind == b"!":  # an extension
            if data[position + 1 : position + 3] == b"\xf9\x04" and position + 7 <= len(data):
                control, colour = data[position + 3], data[position + 6]
                duration_ms = 10 * _number(data, position + 4)
                disposal, transparent = control >> 2 & 7, colour if control & 1 else None
            position = _after_blocks(data, position + 2)
        elif kind == b",":
            size = (_number(data, position + 5), _number(data, position + 7))
            yield GifFrame(position, size, duration_ms, disposal, transparent)
            duration_ms, disposal, transparent = 0, 0, None
            flags = data[position + 9 : position + 10] or b"\0"
            position = _after_blocks(data, position + 11 + _table_bytes(flags[0]))
        else:
            break


def gif_parts(data: mmap) -> Iterator[FramePart]:
    """Decode the frames of a GIF.

    Raises:
        EOFError: A frame has fewer pixels than it should, since the file ends.
        ValueError: A frame is damaged.
    """
    shared = data[_HEADER_BYTES : _HEADER_BYTES + _table_bytes(data[10])] or _GREYS
    for frame in gif_frames(data):
        flags = (data[frame.position + 9 : frame.position + 10] or b"\0")[0]
        table = frame.position + 10
        start = table + _table_bytes(flags)
        end = _after_blocks(data, start + 1)
        if end > len(data):
            raise EOFError("a frame is not complete")
        image = _decoded(frame.size, data[start:end], interlaced=bool(flags & 0x40))
        yield FramePart(
            _coloured(image, data[table:start] or shared, frame.transparent),
            (_number(data, frame.position + 1), _number(data, frame.position + 3)),
            frame.duration_ms,
            _DISPOSALS.get(frame.disposal, Disposal.KEEP),
        )


def gif_loops(data: mmap) -> int:
    """Return how often a GIF is played; 0 is without end."""
    position = _HEADER_BYTES + _table_bytes(data[10])
    while data[position : position + 1] == b"!":  # browsers heed it before the first frame
        if (
            data[position + 1 : position + 14] == b"\xff\x0bNETSCAPE2.0"
            and data[position + 14 : position + 16] == b"\3\1"
        ):
            repeats = _number(data, position + 16)
            return repeats + 1 if repeats else 0
        position = _after_blocks(data, position + 2)
    return 1


def _decoded(size: tuple[int, int], data: bytes, *, interlaced: bool) -> Image.Image:
    if 0 in size:
        return Image.new("P", size)
    # The first byte is the width of the codes; Pillow's decoder takes what follows it.
    return Image.frombytes("P", size, data[1:], "gif", data[0], interlaced, -1)


def _coloured(image: Image.Image, table: bytes, transparent: int | None) -> Image.Image:
    """Give colours to the numbers of a frame. Those beyond the table are black."""
    alphas = bytearray(b"\xff" * 256)
    if transparent is not None:
        alphas[transparent] = 0
    bands = [table[band::3].ljust(256, b"\0") for band in range(3)]
    image.putpalette(bytes(value for colour in zip(*bands, alphas, strict=True) for value in colour), "RGBA")
    return image.convert("RGBA")


def _number(data: mmap, position: int) -> int:
    return int.from_bytes(data[position : position + 2], "little")


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: mmap, position: int) -> int:
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position + 1
