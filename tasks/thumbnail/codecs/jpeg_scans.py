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

    Args:
        file: The JPEG file, which has a file descriptor.
        limit: Scans after which counting stops.

    Returns:
        The number of scans, at most `limit` + 1.
    """
    scans = 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        position = 0
        while scans <= limit and (marker := MARKER.search(data, position)):
            position = marker.end()
            code = data[position - 1]
            if code == _EOI:
                break
            scans += code == _SOS
            if code not in STANDALONE_MARKERS:
                position += int.from_bytes(data[position : position + 2], "big")
    return scans
