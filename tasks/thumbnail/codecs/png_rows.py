"""Checks that a PNG holds all of its rows: Pillow draws those that there are, and leaves the rest black."""

import mmap
import zlib
from collections.abc import Iterator
from typing import BinaryIO

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by the colour type."""
# The seven passes of Adam7: first column and row, and the steps between columns and rows.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_BLOCK_BYTES = 1 << 16


def check_rows_of(file: BinaryIO) -> None:
    """Do as `check_rows` with an open file, which has a file descriptor."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        check_rows(data)


def check_rows(data: bytes | mmap.mmap) -> None:
    """Decompress a PNG's data up to its last row, in blocks.

    Args:
        data: The PNG.

    Raises:
        EOFError: It ends before that.
        zlib.error: It is damaged.
    """
    left = _needed_bytes(data[16:29])
    inflate = zlib.decompressobj()
    for part in _parts(data):
        while part and left > 0 and not inflate.eof:
            left -= len(inflate.decompress(part, _BLOCK_BYTES))
            part = inflate.unconsumed_tail  # noqa: PLW2901 - what did not fit into the block
    if left > 0:
        raise EOFError("rows are missing")


def _needed_bytes(header: bytes) -> int:
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _SAMPLES.get(header[9], 1)
    passes = _PASSES if header[12] else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)  # each row begins with the number of its filter
    return total


def _parts(data: bytes | mmap.mmap) -> Iterator[bytes]:
    """The contents of the IDAT chunks, in blocks."""
    position = 8
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        start, end = position + 8, min(position + 8 + length, len(data))
        if data[position + 4 : start] == b"IDAT":
            for block in range(start, end, _BLOCK_BYTES):
                yield data[block : min(block + _BLOCK_BYTES, end)]
        position = end + 4
