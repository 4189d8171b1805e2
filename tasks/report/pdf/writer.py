"""Writes a document of ReportLab's to a file, object by object, as soon as each is finished.

ReportLab itself would hold all of it in memory until the end, and then twice.
"""

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from reportlab.pdfbase import pdfdoc

_HEADER: Final = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


class Stream(pdfdoc.PDFObject):  # type: ignore[misc] # ReportLab has no types
    """Bytes that are encoded already, and the entries that tell how. What ReportLab writes lacks a line end."""

    __RefOnly__ = 1

    def __init__(self, entries: dict[str, Any], content: bytes) -> None:
        self.entries = entries
        self.content = content

    def format(self, document: Any) -> bytes:
        entries: bytes = pdfdoc.PDFDictionary({**self.entries, "Length": len(self.content)}).format(document)
        return entries + b"\nstream\n" + self.content + b"\nendstream\n"


class Saving:
    """The file of `doc`. Raises OSError when it cannot be written."""

    def __init__(self, doc: Any, path: str) -> None:
        self._doc = doc
        self._file = Path(path).open("wb")  # noqa: SIM115 - closed by __exit__
        self._file.write(_HEADER)
        self._position = len(_HEADER)
        self._places: dict[int, int] = {}
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, part: Any, name: str | None = None) -> Any:
        """Write an object that is finished, and return a reference to it. name: ReportLab's for it."""
        reference = self._doc.Reference(part, name)
        self._write(reference.name)
        return reference

    def finish(self, canvas: Any, info: dict[str, str]) -> None:
        """Write all that is left. info: the entries of the information dictionary.

        The file's id is a digest of everything in it.
        """
        doc = self._doc
        for font in doc.delayedFonts:
            font.addObjects(doc)
        about = doc.Reference(pdfdoc.PDFDictionary({name: pdfdoc.PDFString(value) for name, value in info.items()}))
        root = doc.Reference(doc.Catalog)
        doc.Outlines.prepare(doc, canvas)
        if doc.Outlines.ready < 0:
            doc.Catalog.Outlines = None
        number = 1
        while (name := doc.numberToId.get(number)) is not None:  # objects may be added while others are written
            if number not in self._places:
                self._write(name)
            number += 1
        self._write_trailer(number, *(reference.format(doc).decode() for reference in (root, about)))

    def _write(self, name: str) -> None:
        doc = self._doc
        body = pdfdoc.PDFIndirectObject(name, doc.idToObject[name]).format(doc)
        doc.idToObject[name] = None
        self._digest.update(body)
        self._file.write(body)
        self._places[doc.idToObjectNumberAndVersion[name][0]] = self._position
        self._position += len(body)

    def _write_trailer(self, size: int, root: str, about: str) -> None:
        entries = b"".join(b"%010d 00000 n \n" % self._places[number] for number in range(1, size))
        self._file.write(f"xref\n0 {size}\n0000000000 65535 f \n".encode() + entries)
        identity = f"<{self._digest.hexdigest()[:32]}>"
        trailer = f"<< /Size {size} /Root {root} /Info {about} /ID [{identity} {identity}] >>"
        self._file.write(f"trailer\n{trailer}\nstartxref\n{self._position}\n%%EOF\n".encode())
