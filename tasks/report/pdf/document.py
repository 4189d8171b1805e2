"""The PDF file in the making: its pages, fonts, pictures, links and bookmarks.

ReportLab's canvas holds the document's structure. Pages are written by our own canvas, and are on the disk as
soon as they are finished: memory does not grow with their number.
"""

import zlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas as ReportLabCanvas

from tasks.report.fonts.codes import Codes
from tasks.report.fonts.composite import CompositeFont
from tasks.report.fonts.face import Face
from tasks.report.fonts.font_file import font
from tasks.report.pdf.canvas import Canvas
from tasks.report.pdf.resources import Operand
from tasks.report.pdf.writer import Saving, Stream
from tasks.report.pictures.picture import Picture

_DEFLATE_LEVEL: Final = 6
_PAGES_OF_NODE: Final = 128
"""Readers find page 9,000 by way of nodes, without reading the 8,999 before it."""
_ESCAPED: Final = str.maketrans({"\\": "\\\\", "(": "\\(", ")": "\\)", "\r": "\\r", "\n": "\\n"})
_URL_CHARACTERS: Final = "!#$%&'()*+,/:;=?@[]~-._"


class _BlankCanvas(ReportLabCanvas):  # type: ignore[misc] # ReportLab has no types
    def _make_preamble(self) -> None:
        """No page begins with a font that is not its own."""
        self._preamble = ""


class Pdf:
    """One document, written to `path`. lang: its language, for readers that speak it aloud. Use it in a `with`."""

    def __init__(self, path: str, lang: str) -> None:
        self._reportlab = _BlankCanvas(None, pageCompression=1, invariant=1, lang=lang.replace("_", "-"))
        self.doc = self._reportlab._doc  # noqa: SLF001 - the parts that the canvas has no method for
        self._reportlab.setViewerPreference("DisplayDocTitle", "true")
        self._saving = Saving(self.doc, path)
        self._canvas = Canvas(self)
        self._operators: list[str] = []
        self._fonts: dict[str, tuple[Any, str]] = {}
        self._codes: dict[Face, Codes] = {}
        self._pictures: dict[tuple[int, int], str] = {}
        self._used: set[str] = set()  # pictures of this page
        self._opacities: dict[float, str] = {}
        self._size = (0.0, 0.0)
        self._nodes: list[tuple[Any, list[Any]]] = []
        self._levels: list[int] = []  # of the bookmark at hand and those it is under

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._saving.__exit__(kind, error, trace)

    # Pages

    def begin_page(self, width: float, height: float) -> Canvas:
        """A fresh page, and the canvas that draws on it."""
        self._size = (width, height)
        self._operators = []
        self._used = set()
        self._canvas.turn_to(self._operators, width, height)
        return self._canvas

    def end_page(self) -> None:
        """Write the page; nothing more can be drawn on it."""
        self._canvas.finish()
        content = zlib.compress("\n".join(self._operators).encode("latin-1"), _DEFLATE_LEVEL)
        contents = self._saving.write(Stream({"Filter": "/FlateDecode"}, content))
        page = pdfdoc.PDFDictionary(
            {
                "Type": "/Page",
                "Parent": self._parent(),
                "MediaBox": pdfdoc.PDFArray([0, 0, *self._size]),
                "Resources": self._resources(),
                "Contents": contents,
            }
        )
        if self._reportlab._annotationrefs:  # noqa: SLF001
            page["Annots"] = pdfdoc.PDFArray(self._reportlab._annotationrefs)  # noqa: SLF001
            self._reportlab._annotationrefs = []  # noqa: SLF001
        self._nodes[-1][1].append(self._saving.write(page, self.doc.thisPageName()))
        self.doc.pageCounter += 1

    # What the canvas draws with

    def operands(self, face: Face, text: str) -> Sequence[Operand]:
        """`text` as operands of Tj, one after the other, each with its font."""
        if text.isascii():
            name = (self._fonts.get(face.name) or self._meet(face.name))[1]
            if "(" in text or ")" in text or "\\" in text:
                text = text.translate(_ESCAPED)
            return ((name, f"({text})"),)
        found: list[Operand] = []
        for font_name, part in face.runs(text):
            embedded, _ = self._fonts.get(font_name) or self._meet(font_name)
            if isinstance(embedded, CompositeFont):
                found.append(embedded.operand(part, self.doc))
            else:
                found += [
                    (
                        embedded.getSubsetInternalName(number, self.doc),
                        f"({codes.decode('latin-1').translate(_ESCAPED)})",
                    )
                    for number, codes in embedded.splitString(part, self.doc)
                ]
        return found

    def codes(self, face: Face) -> Codes:
        """How the characters of `face`'s first font are written in this document."""
        found = self._codes.get(face)
        if found is None:
            self._meet(face.name)
            found = self._codes[face] = Codes(face, self.doc)
        return found

    def use_picture(self, picture: Picture, width: float) -> str:
        """The name of a picture that is `width` points wide. It stands in the file once, however often it is drawn."""
        pixels = picture.pixels_for(width)
        name = self._pictures.get((id(picture), pixels))
        if name is None:
            name = self._pictures[id(picture), pixels] = f"Im{len(self._pictures) + 1}"
            self._saving.write(picture.stream(pixels, self._saving.write), name)
        self._used.add(name)
        return f"/{name}"

    def use_opacity(self, opacity: float) -> str:
        """The name of a graphics state with this opacity."""
        return "/" + self._opacities.setdefault(opacity, f"O{len(self._opacities) + 1}")

    # Ways through the document

    def add_link(self, box: tuple[float, float, float, float], target: str) -> None:
        """Make a box (left, bottom, right, top, from the page's bottom) lead to a URL, or to `#anchor`."""
        if target.startswith("#"):
            self._reportlab.linkRect("", target[1:], box, relative=0)
        else:
            self._reportlab.linkURL(quote(target, safe=_URL_CHARACTERS), box, relative=0)

    def add_anchor(self, name: str, y: float) -> None:
        """Let links lead to `#name`: to this page, with `y` points from its bottom at the window's top."""
        self._reportlab.bookmarkHorizontalAbsolute(name, y)

    def add_bookmark(self, title: str, level: int, anchor: str) -> None:
        """An entry of the outline, under the last one of a lower level; no level between is left out."""
        while self._levels and self._levels[-1] >= level:
            self._levels.pop()
        self._reportlab.addOutlineEntry(title, anchor, len(self._levels))
        self._levels.append(level)

    def finish(self, info: dict[str, str]) -> None:
        """Write what is left. info: the document's metadata, by their names in the format (`Title`, `CreationDate`)."""
        self.doc.Pages = self.doc.Catalog.Pages = self._tree()
        self._saving.finish(self._reportlab, info)

    def _meet(self, font_name: str) -> tuple[Any, str]:
        """A font that is new to this document: the font, and the name of the part of it that holds ASCII."""
        embedded = font(font_name).embedded
        name = ""
        if not isinstance(embedded, CompositeFont):
            embedded.splitString(" ", self.doc)  # begins the font's part in this document, ASCII first
            name = embedded.getSubsetInternalName(0, self.doc)
        self._fonts[font_name] = (embedded, name)
        return embedded, name

    def _resources(self) -> Any:
        resources = pdfdoc.PDFDictionary({"Font": pdfdoc.PDFObjectReference(pdfdoc.BasicFonts)})
        if self._used:
            names = sorted(self._used)
            resources["XObject"] = pdfdoc.PDFDictionary({name: pdfdoc.PDFObjectReference(name) for name in names})
        if self._opacities:
            states = {name: pdfdoc.PDFDictionary({"ca": value, "CA": value}) for value, name in self._opacities.items()}
            resources["ExtGState"] = pdfdoc.PDFDictionary(states)
        return resources

    def _parent(self) -> Any:
        """The node of the page tree that the page at hand belongs to."""
        if not self._nodes or len(self._nodes[-1][1]) == _PAGES_OF_NODE:
            node = pdfdoc.PDFDictionary({"Type": "/Pages"})
            self._nodes.append((node, []))
        return self.doc.Reference(self._nodes[-1][0])

    def _tree(self) -> Any:
        """The root of the page tree. Of 40,000 pages it has 313 children."""
        root = pdfdoc.PDFDictionary({"Type": "/Pages", "Count": sum(len(pages) for _, pages in self._nodes)})
        root["Kids"] = pdfdoc.PDFArray([self.doc.Reference(node) for node, _ in self._nodes])
        for node, pages in self._nodes:
            node["Kids"] = pdfdoc.PDFArray(pages)
            node["Count"] = len(pages)
            node["Parent"] = self.doc.Reference(root)
        return root
