"""Counts the scans of a JPEG before anyone decodes it.

Each is a pass over the whole picture, and a legal file of a few kilobytes can hold thousands. Pillow sets no limit.
"""

import mmap
import re
from typing import BinaryIO

# Inside a scan's data 0xFF is followed by 0x00 (stuffed) or a restart marker; before a marker it may be repeated.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOI, _SOS, _EOI, _TEM = 0xD8, 0xDA, 0xD9, 0x01


def count_scans(file: BinaryIO, limit: int) -> int:
    """Scans of the first picture in a JPEG file, not of thumbnails in its metadata; counting stops at `limit` + 1."""
    scans = 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        position = 0
        while scans <= limit and (marker := _MARKER.search(data, position)):
            position = marker.end()
            code = data[position - 1]
            if code == _EOI:
                break
            scans += code == _SOS
            if code not in (_SOI, _TEM):
                position += int.from_bytes(data[position : position + 2], "big")
    return scans
