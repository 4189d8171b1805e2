"""Counts frames and pages without decoding any, and stops at a limit.

Pillow knows the number where the format's header states it. GIF and TIFF have to be walked through, which Pillow does
without a limit; here the walk stops.
"""

import mmap
import struct
from typing import BinaryIO

from PIL.ImageFile import ImageFile


def count_frames(picture: ImageFile, file: BinaryIO, limit: int) -> int:
    """Count the frames of an animation or the pages of a document.

    Args:
        picture: The opened picture.
        file: Its file, which has a file descriptor.
        limit: Frames after which counting stops.

    Returns:
        The number of frames, at most `limit` + 1; 1 for a still picture.
    """
    if picture.format not in ("GIF", "TIFF"):
        return int(getattr(picture, "n_frames", 1))
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return max(1, _gif_frames(data, limit) if picture.format == "GIF" else _tiff_pages(data, limit))


def _gif_frames(data: mmap.mmap, limit: int) -> int:
    frames = 0
    position = 13 + _colour_table_bytes(data[10])
    while frames <= limit and position < len(data):
        kind = data[position : position + 1]
        if kind == b"!":  # an extension
            position = _after_blocks(data, position + 2)
        elif kind == b",":  # a frame
            frames += 1
            flags = data[position + 9 : position + 10] or b"\0"
            position = _after_blocks(data, position + 11 + _colour_table_bytes(flags[0]))
        else:
            break
    return frames


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: mmap.mmap, position: int) -> int:
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position + 1


def _tiff_pages(data: mmap.mmap, limit: int) -> int:
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    count, offset = (f"{order}Q", f"{order}Q") if big else (f"{order}H", f"{order}I")
    entry_bytes = 20 if big else 12
    pages, seen = 0, set[int]()
    position = struct.unpack_from(offset, data, 8 if big else 4)[0]
    while position and position not in seen and pages <= limit and position + struct.calcsize(count) <= len(data):
        seen.add(position)
        pages += 1
        after = position + struct.calcsize(count) + entry_bytes * struct.unpack_from(count, data, position)[0]
        position = struct.unpack_from(offset, data, after)[0] if after + struct.calcsize(offset) <= len(data) else 0
    return pages
