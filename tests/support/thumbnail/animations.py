"""Makes animations byte by byte, with what an encoder would not write, and reads those that were drawn."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageSequence

RED, GREEN, BLUE, WHITE, CLEAR = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (255,) * 4, (0, 0, 0, 0)
COLOURS = (RED, GREEN, BLUE, WHITE)
"""The colour table of `gif_of`; its number 4 is transparent where a part says so."""


class GifPart(NamedTuple):
    """A frame of one colour, a number of COLOURS."""

    colour: int
    box: tuple[int, int, int, int]
    disposal: int = 0
    hundredths: int = 5
    transparent: int | None = None


def gif_of(size: tuple[int, int], *parts: GifPart, repeats: int | None = None) -> bytes:
    """A GIF. repeats: what its NETSCAPE block says; None leaves the block out."""
    table = b"".join(bytes(colour[:3]) for colour in COLOURS).ljust(3 * 8, b"\x80")
    data = b"GIF89a" + struct.pack("<HHBBB", *size, 0x82, 0, 0) + table
    if repeats is not None:
        data += b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", repeats) + b"\0"
    for part in parts:
        left, top, right, bottom = part.box
        flags = part.disposal << 2 | (part.transparent is not None)
        data += b"!\xf9\x04" + struct.pack("<BHBB", flags, part.hundredths, part.transparent or 0, 0)
        data += b"," + struct.pack("<HHHHB", left, top, right - left, bottom - top, 0)
        data += _uncompressed([part.colour] * ((right - left) * (bottom - top)))
    return data + b";"


def _uncompressed(numbers: list[int]) -> bytes:
    """LZW codes of 8 bits: with a clear code (0x80) often enough, each byte is the number of a colour itself."""
    codes = b"".join(b"\x80" + bytes(numbers[at : at + 100]) for at in range(0, len(numbers), 100)) + b"\x81"
    blocks = [codes[at : at + 255] for at in range(0, len(codes), 255)]
    return b"\x07" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


class ApngPart(NamedTuple):
    """A frame of one colour. blend: 0 in place of what is there, 1 over it."""

    colour: tuple[int, int, int, int]
    box: tuple[int, int, int, int]
    disposal: int = 0
    blend: int = 0
    delay: tuple[int, int] = (1, 20)


def apng_of(
    size: tuple[int, int], *parts: ApngPart, plays: int = 0, front: Any = None, said: int | None = None
) -> bytes:
    """An animated PNG.

    Args:
        size: Of its canvas.
        parts: Its frames.
        plays: How often it says that it is played.
        front: The colour of a picture before the animation that is no part of it.
        said: How many frames it says it has, where that is not true.
    """
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 6, 0, 0, 0))]
    chunks.append((b"acTL", struct.pack(">II", said or len(parts), plays)))
    number = 0
    if front:
        chunks.append((b"IDAT", _rows(size, front)))
    for index, part in enumerate(parts):
        left, top, right, bottom = part.box
        box = (right - left, bottom - top, left, top)
        control = struct.pack(">IIIIIHHBB", number, *box, *part.delay, part.disposal, part.blend)
        chunks.append((b"fcTL", control))
        number += 1
        rows = _rows(box[:2], part.colour)
        if index == 0 and not front:
            chunks.append((b"IDAT", rows))
        else:
            chunks.append((b"fdAT", struct.pack(">I", number) + rows))
            number += 1
    chunks.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def _rows(size: tuple[int, int], colour: tuple[int, int, int, int]) -> bytes:
    return zlib.compress((b"\0" + bytes(colour) * size[0]) * size[1])


class Played(NamedTuple):
    """An animation as it is played: loops is 0 without end."""

    format: str | None
    frames: list[Image.Image]
    durations_ms: list[int]
    loops: int


def played(file: str | Path | bytes) -> Played:
    """Read an animation with Pillow."""
    with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as picture:
        frames, durations = [], []
        for frame in ImageSequence.Iterator(picture):
            frames.append(frame.convert("RGBA"))
            durations.append(frame.info["duration"])
        loops = picture.info.get("loop")
        if picture.format == "GIF":
            loops = 1 if loops is None else loops and loops + 1
        return Played(picture.format, frames, durations, int(loops or 0))
