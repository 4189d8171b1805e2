"""The picture formats that are read and written, recognised by content.

The Pillow plugin that reads a file is chosen here and called by name; Pillow guesses nothing and tries no other.
"""

from PIL import Jpeg2KImagePlugin, JpegImagePlugin
from PIL.ImageFile import ImageFile

from tasks.thumbnail.codecs.avif import AvifPicture
from tasks.thumbnail.codecs.bmp import BmpPicture
from tasks.thumbnail.codecs.gif import GifPicture
from tasks.thumbnail.codecs.heic import HeicPicture
from tasks.thumbnail.codecs.png import PngPicture
from tasks.thumbnail.codecs.rare.ico import IcoPicture
from tasks.thumbnail.codecs.rare.pdf import PdfPicture
from tasks.thumbnail.codecs.rare.svg import SvgPicture
from tasks.thumbnail.codecs.tiff import TiffPicture
from tasks.thumbnail.codecs.webp import WebPPicture

PLUGINS: dict[str, type[ImageFile]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngPicture,
    "webp": WebPPicture,
    "avif": AvifPicture,
    "heic": HeicPicture,
    "gif": GifPicture,
    "tiff": TiffPicture,
    "bmp": BmpPicture,
    "jp2": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "ico": IcoPicture,
    "svg": SvgPicture,
    "pdf": PdfPicture,
}


def extension_of(name: str) -> str:
    """Return the file name extension of a format, without the dot."""
    return "jpg" if name == "jpeg" else name
