"""Picture files written byte by byte: kinds that Pillow reads but does not write."""

import struct
import zlib
from collections.abc import Sequence

Rows = Sequence[Sequence[int]]
_MARKS = {"big": ">", "little": "<"}


def png_of(header: tuple[int, ...], data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of its header's fields (width, height, bits, colour type, compression, filter, interlace), its compressed
    data, and the chunks before that."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", *header)), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def png_of_grey(rows: Rows, bits: int, *, transparent: int) -> bytes:
    """A grey PNG of 1, 2, 4, 8 or 16 bits, in which one level is transparent."""
    data = b"".join(b"\0" + _packed(row, bits) for row in rows)
    header = (len(rows[0]), len(rows), bits, 0, 0, 0, 0)
    return png_of(header, zlib.compress(data), (b"tRNS", struct.pack(">H", transparent)))


def tiff_of_grey(rows: Rows, bits: int, order: str) -> bytes:
    """A grey TIFF of one strip. order: of the bytes of its numbers, `big` or `little`."""
    if bits == 16:
        data = b"".join(struct.pack(f"{_MARKS[order]}{len(row)}H", *row) for row in rows)
    else:
        data = b"".join(_packed(row, bits) for row in rows)
    return tiff_of((len(rows[0]), len(rows)), {258: (bits,), 262: (1,), 277: (1,)}, [data], order)


def tiff_of(
    size: tuple[int, int], tags: dict[int, tuple[int, ...]], strips: list[bytes], order: str, *, big: bool = False
) -> bytes:
    """A TIFF file.

    Args:
        size: Width and height.
        tags: Its tags beside those of the size and of the strips. Values are stored in 32 bits each.
        strips: The pixels: one strip of all rows, or one for each plane.
        order: Of the bytes of its numbers, `big` or `little`.
        big: Whether to write a BigTIFF.
    """
    mark, word = _MARKS[order], "Q" if big else "I"
    lengths = tuple(len(strip) for strip in strips)
    every = {256: (size[0],), 257: (size[1],), 259: (1,), 278: (size[1],), 279: lengths, **tags}
    start = 16 if big else 8
    every[273] = tuple(start + sum(lengths[:number]) for number in range(len(strips)))
    place = start + sum(lengths)
    entries, values = b"", b""
    after = place + (8 + 20 * len(every) + 8 if big else 2 + 12 * len(every) + 4)
    for tag, numbers in sorted(every.items()):
        packed = struct.pack(f"{mark}{len(numbers)}I", *numbers)
        entries += struct.pack(f"{mark}HH{word}", tag, 4, len(numbers))
        if len(packed) <= struct.calcsize(f"={word}"):
            entries += packed.ljust(struct.calcsize(f"={word}"), b"\0")
        else:
            entries += struct.pack(f"{mark}{word}", after + len(values))
            values += packed
    head = (b"MM" if order == "big" else b"II") + (
        struct.pack(f"{mark}HHHQ", 43, 8, 0, place) if big else struct.pack(f"{mark}HI", 42, place)
    )
    count = struct.pack(f"{mark}{'Q' if big else 'H'}", len(every))
    return head + b"".join(strips) + count + entries + bytes(8 if big else 4) + values


def bmp_of(
    size: tuple[int, int],
    bits: int,
    rows: Sequence[bytes],
    *,
    compression: int = 0,
    header: bytes = b"",
    palette: bytes = b"",
) -> bytes:
    """A BMP file.

    Args:
        size: Width and height, the latter negative for rows that begin at the top.
        bits: Of a pixel.
        rows: The rows in the file's order, or one piece of compressed data.
        compression: The number of it.
        header: What follows the first 40 bytes of the header, such as masks.
        palette: Four bytes for each colour.
    """
    data = b"".join(row if compression in (1, 2, 4, 5) else row + bytes(-len(row) % 4) for row in rows)
    head = struct.pack("<iiHHIIiiII", *size, 1, bits, compression, len(data), 2835, 2835, len(palette) // 4, 0) + header
    offset = 14 + 4 + len(head) + len(palette)
    start = b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset)
    return start + struct.pack("<I", 4 + len(head)) + head + palette + data


def _packed(row: Sequence[int], bits: int) -> bytes:
    """Samples side by side, the first in the highest bits, filled up to whole bytes."""
    text = "".join(f"{value:0{bits}b}" for value in row)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")
