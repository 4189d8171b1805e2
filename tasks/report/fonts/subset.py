"""A TrueType font program with some glyphs of another."""

import struct
from collections.abc import Iterator
from typing import Any, Final

from reportlab.pdfbase.ttfonts import TTFontMaker

_WORDS: Final = 0x0001
_SCALE: Final = 0x0008
_MORE: Final = 0x0020
_TWO_SCALES: Final = 0x0040
_MATRIX: Final = 0x0080


def subset(face: Any, glyphs: list[int]) -> bytes:
    """A font program for a CID font: glyph 0 is .notdef, glyph n is `glyphs[n - 1]` of `face`.

    A glyph that is asked for twice is there twice: each number can then stand for a character of its own.
    """
    kept = [0, *glyphs]
    place: dict[int, int] = {}
    for new, old in enumerate(kept):
        place.setdefault(old, new)
    start = face.get_table_pos("glyf")[0]
    outlines: list[bytes] = []
    for old in kept:  # grows while it is read: parts of composite glyphs come after those asked for
        outline = face.get_chunk(start + face.glyphPos[old], face.glyphPos[old + 1] - face.glyphPos[old])
        if len(outline) > 2 and outline[0] & 0x80:
            data = bytearray(outline)
            for position in _parts(outline):
                part = int.from_bytes(outline[position : position + 2], "big")
                if part not in place:
                    place[part] = len(kept)
                    kept.append(part)
                struct.pack_into(">H", data, position, place[part])
            outline = bytes(data)
        outlines.append(outline + b"\0" * (-len(outline) % 4))
    maker = TTFontMaker()
    for tag in ("cvt ", "fpgm", "prep"):
        if tag in face.table:
            maker.add(tag, face.get_table(tag))
    offsets = [0]
    for outline in outlines:
        offsets.append(offsets[-1] + len(outline))
    count = len(kept)
    maker.add("glyf", b"".join(outlines))
    maker.add("loca", struct.pack(f">{count + 1}L", *offsets))
    maker.add("hmtx", b"".join(struct.pack(">HH", *map(int, face.hmetrics[old])) for old in kept))
    maker.add("head", _with(face.get_table("head"), 50, 1))
    maker.add("hhea", _with(face.get_table("hhea"), 34, count))
    maker.add("maxp", _with(face.get_table("maxp"), 4, count))
    program: bytes = maker.makeStream()
    return program


def _parts(outline: bytes) -> Iterator[int]:
    """Where in a composite glyph the numbers of its parts stand."""
    position, flags = 10, _MORE
    while flags & _MORE:
        (flags,) = struct.unpack_from(">H", outline, position)
        yield position + 2
        position += 8 if flags & _WORDS else 6
        if flags & _SCALE:
            position += 2
        elif flags & _TWO_SCALES:
            position += 4
        elif flags & _MATRIX:
            position += 8


def _with(table: bytes, offset: int, value: int) -> bytes:
    return table[:offset] + struct.pack(">H", value) + table[offset + 2 :]
