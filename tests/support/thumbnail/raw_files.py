"""Picture files written byte by byte: kinds that Pillow reads but does not write."""

import struct
import zlib
from collections.abc import Sequence

Rows = Sequence[Sequence[int]]


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
    mark = ">" if order == "big" else "<"
    if bits == 16:
        data = b"".join(struct.pack(f"{mark}{len(row)}H", *row) for row in rows)
    else:
        data = b"".join(_packed(row, bits) for row in rows)
    tags = {
        256: len(rows[0]),
        257: len(rows),
        258: bits,
        259: 1,
        262: 1,
        273: 0,
        277: 1,
        278: len(rows),
        279: len(data),
    }
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    head = (b"MM" if order == "big" else b"II") + struct.pack(f"{mark}HI", 42, 8)
    entries = b"".join(struct.pack(f"{mark}HHII", tag, 4, 1, value) for tag, value in tags.items())
    return head + struct.pack(f"{mark}H", len(tags)) + entries + bytes(4) + data


def _packed(row: Sequence[int], bits: int) -> bytes:
    """Samples side by side, the first in the highest bits, filled up to whole bytes."""
    text = "".join(f"{value:0{bits}b}" for value in row)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")
