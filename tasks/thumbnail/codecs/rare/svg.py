"""SVG: drawn by resvg, which runs no script, and is given nothing that names another file."""

import io
import math
import os
import re
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import resvg_py
from PIL import Image
from PIL.ImageFile import ImageFile

from tasks.refusal import Refusal
from tasks.thumbnail.codecs.rare.vector import fitting, size_for

MAX_SVG_BYTES = 2 << 20
"""Largest SVG that is read. It takes about 30 times as much memory as a tree."""
MAX_DEPTH = 100
"""Elements inside one another: some hundreds more than the parser has room for would end the process."""
MAX_SVG_ELEMENTS = 200_000
"""Elements that are drawn, those of `<use>` counted as often as they are used."""
FALLBACK_SIZE = (100.0, 100.0)
"""Width and height of a drawing that states neither, nor a view box."""

_DPI = 96
_FONTS = Path(__file__).parents[3] / "report/fonts/files"
_FONT_FILES = [str(_FONTS / f"NotoSans-{style}.ttf") for style in ("Regular", "SemiBold", "Italic", "SemiBoldItalic")]
_FAMILY = "Noto Sans"
_NAMESPACES = {"": "http://www.w3.org/2000/svg", "xlink": "http://www.w3.org/1999/xlink"}
_LINKS = ("href", f"{{{_NAMESPACES['xlink']}}}href")
_PICTURES = ("image", "feImage")
_LENGTH = re.compile(r"\s*\+?(\d*\.?\d+(?:[eE][+-]?\d+)?)\s*(px|pt|pc|mm|cm|in|q|em|ex)?\s*$", re.IGNORECASE)
_UNIT_PX = {"pt": 4 / 3, "pc": 16, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96, "q": 96 / 101.6, "em": 16, "ex": 8}

for _prefix, _uri in _NAMESPACES.items():
    ElementTree.register_namespace(_prefix, _uri)


class SvgPicture(ImageFile):
    """An SVG file. Pictures inside of it are drawn, pictures elsewhere are left out."""

    format = "SVG"

    def _open(self) -> None:
        if os.fstat(self._file.fileno()).st_size > MAX_SVG_BYTES:
            raise Refusal(
                "too_large",
                f"The SVG has more than {MAX_SVG_BYTES:,} bytes, which is the limit. Simplify it, or save it as a PNG.",
                limit=MAX_SVG_BYTES,
            )
        self._root = ElementTree.fromstring(self._file.read())  # noqa: S314 - expat bounds what entities grow to, and loads none
        _check_elements(self._root)
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


class _Cost(NamedTuple):
    """What drawing an element takes: elements drawn, itself included, and elements inside one another."""

    elements: int
    depth: int


def _check_elements(root: ElementTree.Element) -> None:
    """Take out the links to pictures elsewhere, and refuse what would be drawn without end."""
    owners: dict[str, ElementTree.Element] = {}
    for element in root.iter():
        if name := element.get("id"):
            owners.setdefault(f"#{name}", element)
        if _tag(element) in _PICTURES:
            for link in _LINKS:
                if not element.get(link, "").lstrip().startswith(("data:", "#")):
                    element.attrib.pop(link, None)
    cost = _cost(root, owners, {}, set())
    if cost.elements > MAX_SVG_ELEMENTS:
        raise _too_complex(
            f"more than {MAX_SVG_ELEMENTS:,} elements, those of `use` counted each time", MAX_SVG_ELEMENTS
        )


def _cost(
    element: ElementTree.Element,
    owners: dict[str, ElementTree.Element],
    known: dict[ElementTree.Element, _Cost],
    above: set[ElementTree.Element],
) -> _Cost:
    if element in known or element in above:  # a circle is not drawn
        return known.get(element, _Cost(0, 0))
    if len(above) > MAX_DEPTH:
        raise _too_complex(f"more than {MAX_DEPTH} elements inside one another", MAX_DEPTH)
    above.add(element)
    used = [owners[name] for link in _LINKS if (name := element.get(link, "").strip()) in owners]
    inside = [_cost(child, owners, known, above) for child in [*element, *used]]
    above.discard(element)
    cost = _Cost(1 + sum(one.elements for one in inside), 1 + max((one.depth for one in inside), default=0))
    if cost.depth > MAX_DEPTH:
        raise _too_complex(f"more than {MAX_DEPTH} elements inside one another", MAX_DEPTH)
    known[element] = cost
    return cost


def _too_complex(what: str, limit: int) -> Refusal:
    return Refusal("unsupported_format", f"The SVG has {what}. Simplify it, or save it as a PNG.", limit=limit)


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


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
