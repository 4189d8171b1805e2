"""Image formats recognised by their first bytes: one table for the API, which refuses other files, and the decoder."""

import re

from tasks.refusal import Refusal

HEAD_BYTES = 512
"""Bytes at the beginning of a file that `format_of` looks at."""

_SIGNATURES = {
    "jpeg": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "webp": rb"RIFF....WEBP",
    "avif": rb"....ftyp(avif|avis|(mif1|msf1).{4}(.{4})*?(avif|avis))",
    "heic": rb"....ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)",
    "gif": rb"GIF8[79]a",
    "tiff": rb"II[*+]\x00|MM\x00[*+]",
    "bmp": rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00",
}
# Recognised so that the refusal can name what was sent.
_FOREIGN = {
    "PDF": rb".{0,256}%PDF-",
    "PostScript": rb"%!|\xc5\xd0\xd3\xc6",
    "HTML": rb"\s*<(!doctype html|html|head|body|script)",
    "SVG": rb"\s*(<\?xml.*?)?(<!--.*?-->\s*)*(<!DOCTYPE svg.*?)?<svg",
    "JPEG XL": rb"\xff\x0a|\x00\x00\x00\x0cJXL ",
    "JPEG 2000": rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51",
    "Photoshop": rb"8BPS",
    "ICO": rb"\x00\x00[\x01\x02]\x00",
    "ZIP": rb"PK\x03\x04",
    "video": rb"....ftyp|\x1aE\xdf\xa3",
}


def format_of(head: bytes) -> str:
    """Recognise a picture format by content.

    Args:
        head: The first HEAD_BYTES of the file, or all of a shorter one.

    Returns:
        The format, a key of `formats.PLUGINS`.

    Raises:
        Refusal: `unsupported_format`, or `truncated` for an empty file.
    """
    if not head:
        raise Refusal("truncated", "The file is empty; send a picture.")
    for name, signature in _SIGNATURES.items():
        if re.match(signature, head, re.DOTALL):
            return name
    readable = "send JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF or BMP"
    for name, signature in _FOREIGN.items():
        if re.match(signature, head, re.DOTALL | re.IGNORECASE):
            raise Refusal("unsupported_format", f"The file looks like {name}, which is not supported; {readable}.")
    raise Refusal("unsupported_format", f"The file is not a supported picture; {readable}.")


def type_of(name: str) -> str:
    """Return the media type of a format (a key of `formats.PLUGINS`)."""
    return f"image/{name}"


def media_type_of(head: bytes) -> str:
    """Return the media type of an image file. Arguments and errors are those of `format_of`."""
    return type_of(format_of(head))
