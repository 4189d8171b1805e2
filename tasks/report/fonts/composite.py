"""Fonts of many thousand characters, embedded as one composite font (two bytes a character) instead of ReportLab's many
of 256 each.

Glyphs are numbered in the order of their first use, so the same document gives the same bytes.
"""

import mmap
from array import array
from pathlib import Path
from typing import Any, Final

from reportlab.pdfbase import pdfdoc
from reportlab.pdfbase.ttfonts import TTFont

from tasks.report.fonts.subset import subset

_FULL_WIDTH: Final = 1000


class _Use:
    """What one document uses of the font. codes: character -> its number as four hexadecimal digits."""

    def __init__(self, internal_name: str) -> None:
        self.internal_name = internal_name
        self.codes: dict[str, str] = {}

    def operand(self, text: str) -> str:
        codes = self.codes
        for character in text:
            if character not in codes:
                codes[character] = f"{len(codes) + 1:04X}"
        return "".join(map(codes.__getitem__, text))


class CompositeFont(TTFont):  # type: ignore[misc] # ReportLab has no types
    """A TrueType font as a Type 0 font with Identity-H encoding."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path, asciiReadable=False)
        # Tables of tens of thousands of entries, kept for the process's life: as small as they can be.
        self.face.glyphToChar = {}
        self.face.glyphPos = array("L", self.face.glyphPos)
        with Path(path).open("rb") as file:
            self.face._ttf_data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # noqa: SLF001 - no other way

    def operand(self, text: str, doc: Any) -> tuple[str, str]:
        """The font's name in `doc`, and `text` as a hexadecimal string operand of Tj."""
        use = self._use(doc)
        return f"/{use.internal_name}", f"<{use.operand(text)}>"

    def addObjects(self, doc: Any) -> None:  # noqa: N802 - called by ReportLab
        """Add what `doc` used of the font; called once, when it is written."""
        use = self.state.pop(doc)
        characters = list(use.codes)
        face = self.face
        tag = "".join(chr(ord("A") + int(digit)) for digit in use.internal_name[1:].zfill(6))
        base_name = f"{tag}+{face.name.decode('ascii')}"
        program = subset(face, [face.charToGlyph[ord(character)] for character in characters])
        file = _stream(doc, program, {"Length1": len(program)})
        descriptor = pdfdoc.PDFDictionary(
            {
                "Type": "/FontDescriptor",
                "FontName": pdfdoc.PDFName(base_name),
                "Flags": 4,
                "FontBBox": pdfdoc.PDFArray([round(value) for value in face.bbox]),
                "ItalicAngle": 0,
                "Ascent": round(face.ascent),
                "Descent": round(face.descent),
                "CapHeight": round(face.capHeight),
                "StemV": face.stemV,
                "FontFile2": doc.Reference(file),
            }
        )
        descendant = pdfdoc.PDFDictionary(
            {
                "Type": "/Font",
                "Subtype": "/CIDFontType2",
                "BaseFont": pdfdoc.PDFName(base_name),
                "CIDSystemInfo": pdfdoc.PDFDictionary(
                    {"Registry": pdfdoc.PDFString("Adobe"), "Ordering": pdfdoc.PDFString("Identity"), "Supplement": 0}
                ),
                "FontDescriptor": doc.Reference(descriptor),
                "CIDToGIDMap": "/Identity",
                "DW": _FULL_WIDTH,
                "W": pdfdoc.PDFArray(_widths([face.charWidths[ord(character)] for character in characters])),
            }
        )
        composite = pdfdoc.PDFDictionary(
            {
                "Type": "/Font",
                "Subtype": "/Type0",
                "BaseFont": pdfdoc.PDFName(base_name),
                "Encoding": "/Identity-H",
                "DescendantFonts": pdfdoc.PDFArray([doc.Reference(descendant)]),
                "ToUnicode": doc.Reference(_stream(doc, _to_unicode(characters), {})),
            }
        )
        # A reference: font dictionaries that stand in the resources themselves confuse some readers.
        doc.idToObject["BasicFonts"].dict[use.internal_name] = doc.Reference(composite, use.internal_name)

    def _use(self, doc: Any) -> _Use:
        use: _Use | None = self.state.get(doc)
        if use is None:
            name = f"F{len(doc.fontMapping) + 1}"
            doc.fontMapping[self.fontName] = f"/{name}"
            doc.delayedFonts.append(self)
            use = self.state[doc] = _Use(name)
        return use


def _stream(doc: Any, content: bytes, entries: dict[str, Any]) -> Any:
    stream = pdfdoc.PDFStream(pdfdoc.PDFDictionary(entries), content)
    if doc.compression:
        stream.filters = [pdfdoc.PDFZCompress]
    return stream


def _widths(widths: list[float]) -> list[Any]:
    """The W array: runs of numbers whose width is not the full one."""
    runs: list[Any] = []
    current: list[float] = []
    for code, width in enumerate([*widths, _FULL_WIDTH], start=1):
        if width != _FULL_WIDTH:
            current.append(width)
        elif current:
            runs += [code - len(current), pdfdoc.PDFArray(current)]
            current = []
    return runs


def _to_unicode(characters: list[str]) -> bytes:
    lines = [
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
        "1 begincodespacerange <0000> <FFFF> endcodespacerange",
    ]
    for start in range(0, len(characters), 100):
        chunk = characters[start : start + 100]
        lines.append(f"{len(chunk)} beginbfchar")
        lines += [
            f"<{code:04X}> <{character.encode('utf-16-be').hex().upper()}>"
            for code, character in enumerate(chunk, start=start + 1)
        ]
        lines.append("endbfchar")
    lines.append("endcmap CMapName currentdict /CMap defineresource pop end end")
    return "\n".join(lines).encode("ascii")
