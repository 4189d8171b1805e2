"""Counts frames and pages without decoding any, and stops at a limit.

Pillow knows the number where the format's header states it. GIF and TIFF have to be walked through, which Pillow does
without a limit; here the walk stops.
"""

import mmap
import struct
from itertools import islice
from typing import BinaryIO

from PIL.ImageFile import ImageFile

from tasks.thumbnail.animation.gif import gif_frames


def count_frames(picture: ImageFile, file: BinaryIO, limit: int) -> int:
    """Count the frames of an animation or the pages of a document.

    Args:
        picture: The opened picture.
        file: Its file, which has a file descriptor.
        limit: Frames after which counting stops.

    Returns:
        The number of frames, at most `limit`; 1 for a still picture.
    """
    if picture.format not in ("GIF", "TIFF"):
        # An animated PNG may begin with a picture that is no part of its animation.
        return max(1, int(getattr(picture, "n_frames", 1)) - bool(getattr(picture, "default_image", False)))
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return max(1, _gif_frames(data, limit) if picture.format == "GIF" else _tiff_pages(data, limit))


def _gif_frames(data: mmap.mmap, limit: int) -> int:
    return sum(1 for _ in islice(gif_frames(data), limit))


def _tiff_pages(data: mmap.mmap, limit: int) -> int:
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    count, offset = (f"{order}Q", f"{order}Q") if big else (f"{order}H", f"{order}I")
    entry_bytes = 20 if big else 12
    pages, seen = 0, set[int]()
    position = struct.unpack_from(offset, data, 8 if big else 4)[0]
    while position and position not in seen and pages < limit and position + struct.calcsize(count) <= len(data):
        seen.add(position)
        pages += 1
        after = position + struct.calcsize(count) + entry_bytes * struct.unpack_from(count, data, position)[0]
        position = struct.unpack_from(offset, data, after)[0] if after + struct.calcsize(offset) <= len(data) else 0
    return pages
