"""Detect the image format from the first bytes, to refuse other files early. The sandbox checks the whole file."""

import re

from tasks.refusal import Refusal

HEAD_BYTES = 16

_BEGINNINGS = {
    "image/jpeg": rb"\xff\xd8\xff",
    "image/png": rb"\x89PNG\r\n\x1a\n",
    "image/webp": rb"RIFF....WEBP",
    "image/avif": rb"....ftyp(avif|avis|mif1|msf1)",
    "image/gif": rb"GIF8[79]a",
    "image/tiff": rb"II[*+]\x00|MM\x00[*+]",
    "image/bmp": rb"BM",
}
_TYPES = {media_type: re.compile(beginning, re.DOTALL) for media_type, beginning in _BEGINNINGS.items()}


def type_of(head: bytes) -> str:
    """The media type of an image file.

    Args:
        head: The file's first HEAD_BYTES bytes or more, or all of a shorter file.

    Raises:
        Refusal: `unsupported_format`.
    """
    for media_type, beginning in _TYPES.items():
        if beginning.match(head):
            return media_type
    raise Refusal(
        "unsupported_format",
        "The file is not an image in a supported format. Send JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP.",
    )
