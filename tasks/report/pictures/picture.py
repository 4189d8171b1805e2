"""Pictures for the page: measured by their header when pages are planned, read when they are drawn.

A sound, upright JPEG in plain colours goes into the PDF as it is, without its metadata. All others are decoded within
the limits for pictures, turned upright, brought to sRGB, and made no finer than print needs.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from reportlab.pdfbase import pdfdoc

from tasks.refusal import Refusal
from tasks.report.pdf.writer import Stream
from tasks.report.pictures.jpeg import without_metadata
from tasks.thumbnail.colour.described import profile_of
from tasks.thumbnail.colour.profiles import ToSRGB, fits_profile
from tasks.thumbnail.decoding import decode, open_picture, orientation_of, upright
from tasks.thumbnail.memory import check_memory
from tasks.thumbnail.options.turning import UPRIGHT
from tasks.thumbnail.picture_file import PictureFile

MAX_PIXELS_PER_PT: Final = 300 / 72
"""300 to the inch: finer than that is not seen in print."""
_TOO_FINE: Final = 1.4
"""How many times finer than that a picture must be before it is made smaller."""
_QUALITY: Final = 88
_LOSSLESS: Final = {"png", "gif", "bmp", "tiff"}
_SPACES: Final = {"L": "/DeviceGray", "RGB": "/DeviceRGB"}


class Picture:
    """A picture's file. width, height: pixels, as seen upright."""

    def __init__(self, path: Path, limits: dict[str, int], field: str) -> None:
        """Look at the header. field: where the spec names the picture. Raises: `Refusal` that names it."""
        self._path = str(path)
        self._limits = limits
        self._field = field
        with self._naming_it(), PictureFile(self._path) as source:
            name, picture, _ = open_picture(source, limits)
            # A JPEG is made smaller while it is decoded, by as much as 8, if it is decoded at all.
            check_memory(name, picture, path.stat().st_size, 8 if name == "jpeg" else 1, 0, limits["max_memory_mb"])
            self._orientation = orientation_of(picture)
            width, height = picture.size
        self.width, self.height = (width, height) if self._orientation < 5 else (height, width)

    def pixels_for(self, width: float) -> int:
        """How many pixels wide the picture is to be if it is drawn `width` points wide."""
        enough = round(width * MAX_PIXELS_PER_PT)
        return max(1, enough) if self.width > enough * _TOO_FINE else self.width

    def stream(self, pixels: int, write: Callable[[Stream], Any]) -> Stream:
        """The picture as an image XObject, `pixels` wide. write: puts its mask, if it has one, into the document.

        Raises: `Refusal` that names the picture.
        """
        with self._naming_it(), PictureFile(self._path) as source:
            name, picture, _ = open_picture(source, self._limits)
            if pixels == self.width and self._orientation == UPRIGHT and _is_plain(picture):
                passed = without_metadata(Path(self._path).read_bytes())
                if passed is not None:
                    return _xobject(picture.size, picture.mode, passed, "/DCTDecode")
            stored = pixels if self._orientation < 5 else round(pixels * self.height / self.width)
            decoded = decode(name, picture, source, self._limits, draft=(stored, 1))
        height = max(1, round(self.height * pixels / self.width))
        image = self._finished(decoded, profile_of(picture.info, decoded.mode), (pixels, height))
        return _encoded(image, lossless=name in _LOSSLESS, write=write)

    def _finished(self, image: Image.Image, icc_profile: bytes | None, size: tuple[int, int]) -> Image.Image:
        """Upright, in sRGB, of `size`."""
        to_srgb = ToSRGB(icc_profile, image.mode)
        stored = size if self._orientation < 5 else size[::-1]
        if image.size != stored:
            image = image.resize(stored, Image.Resampling.LANCZOS, reducing_gap=2)
        image = upright(image, self._orientation)
        return to_srgb.convert(image)

    @contextmanager
    def _naming_it(self) -> Iterator[None]:
        try:
            yield
        except Refusal as refusal:
            raise Refusal(refusal.code, refusal.message, field=self._field, limit=refusal.limit) from refusal


def _is_plain(picture: ImageFile) -> bool:
    """Whether it is a JPEG that looks the same to a reader that knows nothing of profiles."""
    if not isinstance(picture, JpegImageFile) or picture.mode not in _SPACES:
        return False
    profile = picture.info.get("icc_profile")
    return profile is None or not fits_profile(profile, picture.mode)


def _encoded(image: Image.Image, *, lossless: bool, write: Callable[[Stream], Any]) -> Stream:
    mask = None
    if image.mode in ("LA", "RGBA"):
        alpha = image.getchannel("A")
        mask = write(_xobject(alpha.size, "L", *_deflated(alpha)))
        image = image.convert(image.mode[:-1])
        lossless = True  # JPEG would let the colours behind its mask bleed into those before it
    if lossless:
        stream = _xobject(image.size, image.mode, *_deflated(image))
    else:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=_QUALITY, subsampling="4:4:4")
        stream = _xobject(image.size, image.mode, file.getvalue(), "/DCTDecode")
    if mask is not None:
        stream.entries["SMask"] = mask
    return stream


def _deflated(image: Image.Image) -> tuple[bytes, str, Any]:
    """The rows as PNG stores them: each as its difference to the one above, which deflates well."""
    file = io.BytesIO()
    image.save(file, "PNG")
    data = file.getvalue()
    parts: list[bytes] = []
    position = 8
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IDAT":
            parts.append(data[position + 8 : position + 8 + length])
        position += 12 + length
    predictor = {"Predictor": 15, "Colors": len(image.getbands()), "Columns": image.width}
    return b"".join(parts), "/FlateDecode", pdfdoc.PDFDictionary(predictor)


def _xobject(size: tuple[int, int], mode: str, data: bytes, filter_name: str, parameters: Any = None) -> Stream:
    entries: dict[str, Any] = {
        "Type": "/XObject",
        "Subtype": "/Image",
        "Width": size[0],
        "Height": size[1],
        "ColorSpace": _SPACES[mode],
        "BitsPerComponent": 8,
        "Filter": filter_name,
    }
    if parameters is not None:
        entries["DecodeParms"] = parameters
    return Stream(entries, data)
