"""Draws what there is of a file that ends too early, and finds out whether that is all of it, or how much.

The file is decoded twice, with different pixels or bytes in place of what is missing. What comes out alike was in it.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, ImageFile

from tasks.thumbnail.codecs.jpeg_scans import MARKER, STANDALONE_MARKERS

JPEG_END = b"\xff\xd9"
_STARTS = (b"", b"\xa5\x5a" * 8)
"""What the missing bytes of a WebP begin with; the others are 0, since its decoder uses up fewer of those."""
_TAILS = (JPEG_END, bytes(range(1, 129)) + JPEG_END)
"""The ends of a JPEG: a decoder that lacks pixels makes something of the second one's bytes."""
_INKS = (0, 255)
_GREY = 128
MAX_PADDING_BYTES = 1 << 23
"""Bytes of a WebP that may be missing."""
# Each further grid of an interlaced picture is finer: the steps between its columns and its rows.
_GRIDS = {"png": ((1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8)), "gif": ((1, 1), (1, 2), (1, 4), (1, 8))}
_WHOLE = ((1, 1),)
_VP8_HEADER_BYTES = 10
_SOI, _SOS = b"\xff\xd8", b"\xff\xda"


class PartialPicture(NamedTuple):
    """What there is of a picture.

    Attributes:
        picture: It, with anything in place of what is missing.
        missing: The rows that are missing: the first, and the one after the last.
        share: Which part of the pixels was in the file, more than 0 and at most 1.
    """

    picture: Image.Image
    missing: tuple[int, int]
    share: float


DRAWN_IN_PART = {"jpeg", "png", "webp", "gif", "bmp"}
"""The formats that this is done for."""


def painted_grey(picture: Image.Image, missing: tuple[int, int]) -> Image.Image:
    """Paint the missing rows grey, or leave them out where the picture has transparency.

    Args:
        picture: A picture in a mode of `resampleable`.
        missing: The first row that is missing, and the one after the last.
    """
    greys: dict[str, Any] = {"L": _GREY, "RGB": (_GREY,) * 3, "CMYK": (0, 0, 0, _GREY)}
    grey = greys.get(picture.mode, (0,) * len(picture.mode))
    picture = picture.copy()
    picture.paste(grey, (0, missing[0], picture.width, missing[1]))
    return picture


def completed(plugin: Any, file: BinaryIO, draft: tuple[int, int] | None) -> Image.Image | None:
    """Decode a JPEG that lacks its end mark.

    Args:
        plugin: Pillow's class for it.
        file: The file.
        draft: The size that it is scaled down to at most while it is decoded.

    Returns:
        The picture; None if pixels are missing.
    """
    file.seek(0)
    data = file.read()
    if data.endswith(JPEG_END):
        return None
    try:
        one, other = (_decoded(plugin, data + tail, draft) for tail in _TAILS)
    except OSError:
        return None
    return one if one.tobytes() == other.tobytes() else None


def draw_part(name: str, plugin: Any, file: BinaryIO, draft: tuple[int, int] | None) -> PartialPicture | None:
    """Decode what there is of a file.

    Args:
        name: The format, one of DRAWN_IN_PART.
        plugin: Pillow's class for it.
        file: The file.
        draft: The size that a JPEG is scaled down to at most while it is decoded.

    Returns:
        None if there are no pixels, or none that can be told from those that are missing.
    """
    file.seek(0)
    data = file.read()
    try:
        if name == "jpeg":
            data = _to_its_end(data)
            drawn = [_decoded(plugin, data + tail, draft) for tail in _TAILS]
        elif name == "webp":
            if not _has_colours(data):
                return None
            drawn = [_decoded(plugin, padded_webp(data, start)) for start in _STARTS]
        else:
            with _unfinished():
                drawn = [_decoded(plugin, data, ink=ink) for ink in _INKS]
    except Exception as error:  # untrusted bytes: a decoder may raise anything
        if isinstance(error, MemoryError):
            raise
        return None
    one, other = drawn
    if name == "jpeg" and one.info.get("progressive") and data.count(_SOS) > data.count(_SOI):
        return PartialPicture(one, (one.height, one.height), 1.0)  # the first scan is complete; others only add detail
    return _compared(one, other, _GRIDS[name] if one.info.get("interlace") else _WHOLE)


def padded_webp(data: bytes, start: bytes = b"") -> bytes:
    """Return a WebP of the length that it says it has, with `start` and zeros in place of what is missing."""
    length = min(8 + int.from_bytes(data[4:8], "little"), len(data) + MAX_PADDING_BYTES)
    return data + (start + bytes(max(0, length - len(data) - len(start))))[: max(0, length - len(data))]


def _has_colours(data: bytes) -> bool:
    """Tell whether a WebP goes beyond its first partition, which only says how the pixels are stored."""
    lossy = data.find(b"VP8 ")
    if lossy < 0:
        return b"VP8L" in data
    first_bytes = int.from_bytes(data[lossy + 8 : lossy + 11], "little") >> 5
    return len(data) > lossy + 8 + _VP8_HEADER_BYTES + first_bytes


def _to_its_end(data: bytes) -> bytes:
    """Cut a JPEG off at its end mark, or at an incomplete segment: a decoder would look for its end in what follows."""
    position = 0
    while marker := MARKER.search(data, position):
        code, position = data[marker.end() - 1], marker.end()
        if code == JPEG_END[1]:
            return data[: marker.start()]
        if code not in STANDALONE_MARKERS:
            position += max(2, int.from_bytes(data[position : position + 2], "big"))
            if position > len(data):
                return data[: marker.start()]
    return data


def _decoded(plugin: Any, data: bytes, draft: tuple[int, int] | None = None, ink: int | None = None) -> Any:
    picture = plugin(io.BytesIO(data))
    picture.draft(None, draft)
    if picture.format == "GIF":
        picture.info["interlace"] = picture.tile[0].args[1]
    if ink is not None:
        prepare = picture.load_prepare

        def inked() -> None:
            prepare()
            colour = ink if len(picture.im.mode) == 1 or ";" in picture.im.mode else (ink,) * picture.im.bands
            picture.im.paste(colour, (0, 0, *picture.im.size))

        picture.load_prepare = inked
    picture.load()
    return picture


@contextmanager
def _unfinished() -> Iterator[None]:
    """Let Pillow return what it has where a file ends."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _compared(one: Image.Image, other: Image.Image, grids: tuple[tuple[int, int], ...]) -> PartialPicture | None:
    for across, down in grids:
        first, last = _difference(_sampled(one, across, down), _sampled(other, across, down))
        if first == last or (across, down) == grids[-1]:
            break
    rows = -(-one.height // down)
    # A picture is stored from the top or, as a BMP may be, from the bottom: one end of it is missing.
    missing = (first, rows) if first else (0, last)
    if missing == (0, rows):
        return None
    share = (rows - (missing[1] - missing[0])) / rows / (across * down)
    if (across, down) != (1, 1):
        coarse = _sampled(one, across, down)
        whole = coarse.resize((coarse.width * across, coarse.height * down), Image.Resampling.NEAREST)
        whole = whole.crop((0, 0, *one.size))
        whole.info = one.info
        one = whole
    first, last = (min(row * down, one.height) for row in missing)
    return PartialPicture(one, (first, last), share)


def _sampled(picture: Image.Image, across: int, down: int) -> Image.Image:
    """The pixels of a grid that begins with the first one."""
    if (across, down) == (1, 1):
        return picture
    size = (-(-picture.width // across), -(-picture.height // down))
    corner = (across, 0, (1 - across) / 2, 0, down, (1 - down) / 2)
    return picture.transform(size, Image.Transform.AFFINE, corner, Image.Resampling.NEAREST)


def _difference(one: Image.Image, other: Image.Image) -> tuple[int, int]:
    """The first row that differs, and the one after the last; twice the height if none does."""
    boxes = ((0, row, one.width, row + 1) for row in range(one.height))
    different = [box[1] for box in boxes if one.crop(box).tobytes() != other.crop(box).tobytes()]
    return (different[0], different[-1] + 1) if different else (one.height, one.height)
