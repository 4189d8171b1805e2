"""SVG: drawn by resvg, which runs no script, and is given nothing that names another file."""

import io
import math
import os
import re
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import resvg_py
from PIL import Image
from PIL.ImageFile import ImageFile

from tasks.refusal import Refusal
from tasks.thumbnail.codecs.rare.svg_cost import LINKS, NAMESPACES, check_cost, tag_of
from tasks.thumbnail.codecs.rare.vector import fitting, size_for
from tasks.thumbnail.signatures import GZIP, GZIP_WBITS

MAX_SVG_BYTES = 2 << 20
"""Largest SVG that is read. It takes about 30 times as much memory as a tree."""
FALLBACK_SIZE = (100.0, 100.0)
"""Width and height of a drawing that states neither, nor a view box."""

_DPI = 96
_FONTS = Path(__file__).parents[3] / "report/fonts/files"
_FONT_FILES = [str(_FONTS / f"NotoSans-{style}.ttf") for style in ("Regular", "SemiBold", "Italic", "SemiBoldItalic")]
_FAMILY = "Noto Sans"
_PICTURES = ("image", "feImage")
_LENGTH = re.compile(r"\s*\+?(\d*\.?\d+(?:[eE][+-]?\d+)?)\s*(px|pt|pc|mm|cm|in|q|em|ex)?\s*$", re.IGNORECASE)
_UNIT_PX = {"pt": 4 / 3, "pc": 16, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96, "q": 96 / 101.6, "em": 16, "ex": 8}

for _prefix, _uri in NAMESPACES.items():
    ElementTree.register_namespace(_prefix, _uri)


class SvgPicture(ImageFile):
    """An SVG file. Pictures inside of it are drawn, pictures elsewhere are left out."""

    format = "SVG"

    def _open(self) -> None:
        if os.fstat(self._file.fileno()).st_size > MAX_SVG_BYTES:
            raise _too_large()
        data = self._file.read()
        text = _unpacked(data) if data.startswith(GZIP) else data
        self._root = ElementTree.fromstring(text)  # noqa: S314 - expat bounds what entities grow to, and loads none
        _without_pictures_elsewhere(self._root)
        check_cost(self._root)
        self._size = size_for(*_size_of(self._root))
        self._mode = "RGBA"

    def load(self) -> Any:
        """Draw the picture once."""
        if self._im is None:
            drawn = resvg_py.svg_to_bytes(
                svg_string=ElementTree.tostring(self._root, encoding="unicode"),
                width=self._size[0],
                height=self._size[1],
                dpi=_DPI,
                skip_system_fonts=True,
                font_files=_FONT_FILES,
                font_family=_FAMILY,
                serif_family=_FAMILY,
                sans_serif_family=_FAMILY,
                cursive_family=_FAMILY,
                fantasy_family=_FAMILY,
                monospace_family=_FAMILY,
            )
            with Image.open(io.BytesIO(drawn), formats=["PNG"]) as picture:
                self.im = fitting(picture.convert("RGBA"), self._size).im
        return Image.Image.load(self)

    @property
    def _file(self) -> Any:
        return self.fp


def _unpacked(data: bytes) -> bytes:
    """Unpack an SVGZ, and no more than MAX_SVG_BYTES of it."""
    unpacking = zlib.decompressobj(GZIP_WBITS)
    text = unpacking.decompress(data, MAX_SVG_BYTES + 1)
    if len(text) > MAX_SVG_BYTES:
        raise _too_large()
    if not unpacking.eof:
        raise EOFError("truncated")
    return text


def _too_large() -> Refusal:
    message = f"The SVG has more than {MAX_SVG_BYTES:,} bytes, which is the limit. Simplify it, or save it as a PNG."
    return Refusal("too_large", message, limit=MAX_SVG_BYTES)


def _without_pictures_elsewhere(root: ElementTree.Element) -> None:
    for element in root.iter():
        if tag_of(element) in _PICTURES:
            for link in LINKS:
                if not element.get(link, "").lstrip().startswith(("data:", "#")):
                    element.attrib.pop(link, None)


def _size_of(root: ElementTree.Element) -> tuple[float, float]:
    """Return width and height in CSS pixels; what matters is their ratio."""
    width, height = (_length(root.get(side, "")) for side in ("width", "height"))
    box = [float(number) for number in re.findall(r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?", root.get("viewBox", ""))]
    own = (box[2], box[3]) if len(box) == 4 and min(box[2:]) > 0 and math.isfinite(box[2] / box[3]) else FALLBACK_SIZE
    if width and height:
        return width, height
    if width or height:
        scale = width / own[0] if width else height / own[1]
        return own[0] * scale, own[1] * scale
    return own


def _length(text: str) -> float:
    """0 for a length that is missing, or no length of its own, such as 100%."""
    match = _LENGTH.match(text)
    return float(match[1]) * _UNIT_PX.get((match[2] or "").lower(), 1) if match else 0
