"""A table in a report of its own, and what stands where on its pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from tests.support.report.rendering import RenderedReport, render_report

Columns = list[dict[str, Any]]
BARE: dict[str, Any] = {"header": None, "footer": None, "reproducible": True}


@dataclass(frozen=True)
class Character:
    """A character on a page. Edges in points from the page's left and bottom, as far as its shape goes."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


class TablePages:
    """The pages of a table that was printed."""

    def __init__(self, printed: RenderedReport) -> None:
        self.printed = printed
        with pypdfium2.PdfDocument(printed.path) as pdf:
            self.texts = [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in pdf]
            self.sizes = [page.get_size() for page in pdf]

    def lines(self, page: int = 0) -> list[str]:
        """A page's text by the line, in the order of reading."""
        text: str = self.texts[page]
        return text.split("\n")

    def characters(self, page: int = 0) -> list[Character]:
        with pypdfium2.PdfDocument(self.printed.path) as pdf:
            text_page = pdf[page].get_textpage()
            found = []
            for index in range(text_page.count_chars()):
                character = chr(pdfium.FPDFText_GetUnicode(text_page, index))
                if not character.isspace():
                    found.append(Character(character, *text_page.get_charbox(index)))
            return found

    def rows_of(self, page: int = 0) -> list[list[Character]]:
        """The characters of a page by the baseline they stand on, from top to bottom and left to right."""
        with pypdfium2.PdfDocument(self.printed.path) as pdf:
            text_page = pdf[page].get_textpage()
            rows: dict[float, list[Character]] = {}
            x, y = pdfium.c_double(), pdfium.c_double()
            for index in range(text_page.count_chars()):
                character = chr(pdfium.FPDFText_GetUnicode(text_page, index))
                if character.isspace():
                    continue
                pdfium.FPDFText_GetCharOrigin(text_page, index, x, y)
                rows.setdefault(round(y.value, 1), []).append(Character(character, *text_page.get_charbox(index)))
        return [sorted(rows[at], key=lambda one: one.left) for at in sorted(rows, reverse=True)]


def print_table(
    folder: Path,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    document: Mapping[str, Any] | None = None,
    **said: Any,
) -> TablePages:
    """Print a table of inline rows on pages that hold nothing else."""
    block = {"type": "table", "columns": columns, "rows": rows, **said}
    return TablePages(render_report(folder, [block], document={**BARE, **(document or {})}))
