"""Counts the scans of a JPEG before it is decoded.

A decoder passes over the whole picture for each scan, and a valid file of a few kilobytes can hold thousands. Pillow
sets no limit.
"""

import math
import mmap
import re
from typing import BinaryIO

# Inside a scan's data 0xFF is followed by 0x00 (stuffed) or a restart marker; before a marker it may be repeated.
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOI, _SOS, _EOI, _TEM = 0xD8, 0xDA, 0xD9, 0x01
_SEQUENTIAL = {0xC0, 0xC1, 0xC9}
"""The headers of a picture (SOF) after which one scan can hold all of it."""
STANDALONE_MARKERS = {_SOI, _EOI, _TEM}
"""The markers that no length follows."""


def scans_limit(size: tuple[int, int], limits: dict[str, int]) -> int:
    """Return how many scans a progressive JPEG may have, which depends on its size: each is a pass over all of it.

    Args:
        size: Width and height in pixels.
        limits: max_jpeg_scans and max_scan_pixels.
    """
    return max(1, min(limits["max_jpeg_scans"], limits["max_scan_pixels"] // math.prod(size)))


def count_scans(file: BinaryIO, limit: int) -> int:
    """Count the scans of the first picture in a JPEG file; thumbnails in its metadata are skipped.

    Where the first scan holds all components of a sequential picture it is the only one that decoders read, and what
    follows is not looked at, which would be most of the file.

    Args:
        file: The JPEG file, which has a file descriptor.
        limit: Scans after which counting stops.

    Returns:
        The number of scans, at most `limit` + 1.
    """
    scans = components = 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        position = 0
        while scans <= limit and (marker := MARKER.search(data, position)):
            position = marker.end()
            code = data[position - 1]
            if code == _EOI:
                break
            scans += code == _SOS
            if code in _SEQUENTIAL:
                components = int.from_bytes(data[position + 7 : position + 8], "big")
            elif code == _SOS and scans == 1 and components and data[position + 2] == components:
                break  # after a first scan of fewer, decoders read on past one of all
            if code not in STANDALONE_MARKERS:
                position += int.from_bytes(data[position : position + 2], "big")
    return scans


def header_of(data: bytes) -> bytes:
    """Return what is before the pixels of a JPEG file, or of its beginning.

    Args:
        data: The file, or its beginning.
    """
    position = 0
    while (marker := MARKER.search(data, position)) and data[marker.end() - 1] != _SOS:
        position = marker.end()
        if data[position - 1] not in STANDALONE_MARKERS:
            position += int.from_bytes(data[position : position + 2], "big")
    return data[: marker.start()] if marker else data
