"""Draws a JPEG that lacks its end mark, if no pixel is missing."""

import io
from typing import BinaryIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

_END = b"\xff\xd9"
# What a decoder that still lacks pixels would draw something from, and one that has them all passes over.
_MORE = bytes(range(1, 129)) + _END


def completed(file: BinaryIO, draft: tuple[int, int] | None) -> Image.Image | None:
    """Decode a JPEG as if it had an end mark.

    The file is decoded twice: with an end mark, and with more data before it. Where both give one picture, what was
    added changed nothing, so all of its pixels were there.

    Args:
        file: The file.
        draft: The size that it is scaled down to at most while it is decoded.

    Returns:
        The picture; None if pixels are missing.
    """
    file.seek(0)
    data = file.read()
    if data.endswith(_END):
        return None
    drawn = []
    for tail in (_END, _MORE):
        picture = JpegImageFile(io.BytesIO(data + tail))
        picture.draft(None, draft)
        try:
            picture.load()
        except OSError:
            return None
        drawn.append(picture)
    one, other = drawn
    return one if one.tobytes() == other.tobytes() else None
