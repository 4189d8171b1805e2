"""Which formats we read, told by content, and which we write.

The plugin that reads a file is chosen here and called by name: Pillow has no part in the guess, and no other is tried.
"""

import re

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
)
from PIL.ImageFile import ImageFile

from tasks.refusal import Refusal
from tasks.thumbnail.avif import AvifPicture
from tasks.thumbnail.webp import WebPPicture

HEAD_BYTES = 512
"""What `format_of` wants to see of a file."""

PLUGINS: dict[str, type[ImageFile]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPPicture,
    "avif": AvifPicture,
    "gif": GifImagePlugin.GifImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
}

_SIGNATURES = {
    "jpeg": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "webp": rb"RIFF....WEBP",
    "avif": rb"....ftyp(avif|avis|(mif1|msf1).{4}(.{4})*?(avif|avis))",
    "gif": rb"GIF8[79]a",
    "tiff": rb"II[*+]\x00|MM\x00[*+]",
    "bmp": rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00",
}
# Told apart so that the refusal names what was sent.
_FOREIGN = {
    "PDF": rb".{0,256}%PDF-",
    "PostScript": rb"%!|\xc5\xd0\xd3\xc6",
    "HTML": rb"\s*<(!doctype html|html|head|body|script)",
    "SVG": rb"\s*(<\?xml.*?)?(<!--.*?-->\s*)*(<!DOCTYPE svg.*?)?<svg",
    "HEIC": rb"....ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)",
    "JPEG XL": rb"\xff\x0a|\x00\x00\x00\x0cJXL ",
    "JPEG 2000": rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51",
    "Photoshop": rb"8BPS",
    "ICO": rb"\x00\x00[\x01\x02]\x00",
    "ZIP": rb"PK\x03\x04",
    "video": rb"....ftyp|\x1aE\xdf\xa3",
}


def format_of(head: bytes) -> str:
    """The key of PLUGINS that a file beginning with `head` (up to HEAD_BYTES) belongs to, whatever its name says.

    Raises: `Refusal`: `unsupported_format`, or `truncated` where there is nothing to tell by.
    """
    if not head:
        raise Refusal("truncated", "The file is empty; send a picture.")
    for name, signature in _SIGNATURES.items():
        if re.match(signature, head, re.DOTALL):
            return name
    readable = "send JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP"
    for name, signature in _FOREIGN.items():
        if re.match(signature, head, re.DOTALL | re.IGNORECASE):
            raise Refusal("unsupported_format", f"The file looks like {name}, which we do not read; {readable}.")
    raise Refusal("unsupported_format", f"The file is no picture that we read; {readable}.")


def type_of(name: str) -> str:
    """The media type of a format."""
    return f"image/{name}"


def extension_of(name: str) -> str:
    """The file name's extension of a format, without the dot."""
    return "jpg" if name == "jpeg" else name
