"""From planned pages to a PDF file: cover, contents, pages, bookmarks, metadata."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tasks.report.formats.cleaning import clean_line
from tasks.report.layout.bands import Band, draw_watermark
from tasks.report.layout.contents import plan_contents
from tasks.report.layout.cover import draw_cover
from tasks.report.layout.flow import Flow, Geometry, Mark, Page
from tasks.report.layout.theme import Theme
from tasks.report.pdf.document import Pdf
from tasks.report.pictures.picture import Picture

_UNTITLED: Final = "–"
_ANCHOR_ABOVE_PT: Final = 12.0
"""A link leads to this much above a heading, so that it does not stick to the window's edge."""


@dataclass(frozen=True)
class Edition:
    """What is the same on all pages. date: as it is printed, empty for none. now: None if it is to be left out."""

    document: dict[str, Any]
    theme: Theme
    geometry: Geometry
    date: str
    now: datetime | None
    logo: Picture | None


class Printing:
    """The pages of one report in their order. warn: told of what has no room."""

    def __init__(self, edition: Edition, flow: Flow, warn: Callable[[str, str], None], max_pages: int) -> None:
        self._edition = edition
        self._document = edition.document
        self._marks = [mark for mark in flow.marks if mark.level]
        self._anchors: dict[int, list[Mark]] = defaultdict(list)
        for mark in flow.marks:
            self._anchors[mark.page].append(mark)
        covers = 1 if self._document["cover"] else 0
        contents = Flow(edition.geometry, edition.theme, warn, max_pages)
        toc = self._document["toc"]
        if toc:
            listed = [mark for mark in self._marks if mark.level <= toc["depth"]]
            plan_contents(toc["title"], listed, contents, self._number_of)
        self._contents = contents.pages
        self._body = flow.pages or [Page(edition.geometry)]
        self._before = covers + len(contents.pages)
        self.pages = self._before + len(self._body)
        self._title = clean_line(self._document["title"])
        self._bands = self._made_bands(warn)

    def print(self, path: str, report: Callable[..., None]) -> None:
        """Write the PDF file at `path`. report: told of every page drawn. Raises: `Refusal` of a picture."""
        document, edition = self._document, self._edition
        with Pdf(path, document["lang"]) as pdf:
            if document["cover"]:
                self._print_cover(pdf)
            if self._contents:
                self._print_pages(pdf, self._contents, 1 if document["cover"] else 0, report)
            self._print_pages(pdf, self._body, self._before, report)
            self._add_bookmarks(pdf)
            pdf.finish(_metadata(document, self._title, edition.now))

    def _made_bands(self, warn: Callable[[str, str], None]) -> list[Band]:
        bands: list[Band] = []
        for name, edge in (("header", "top"), ("footer", "bottom")):
            places = self._document[name]
            if places and any(places.values()):
                band = Band(places, "top" if edge == "top" else "bottom", self._edition.theme)
                if band.fits(self._edition.geometry):
                    bands.append(band)
                else:
                    warn("no_room", f"The page's margin at the {edge} is too low for the {name}; it is left out.")
        return bands

    def _print_cover(self, pdf: Pdf) -> None:
        edition = self._edition
        geometry = edition.geometry
        pen = pdf.begin_page(geometry.width, geometry.height)
        draw_cover(
            pen, geometry, edition.theme, self._document["title"], self._document["cover"], edition.logo, edition.date
        )
        if self._document["watermark"]:
            draw_watermark(pen, self._document["watermark"], geometry, edition.theme)
        pdf.end_page()

    def _print_pages(self, pdf: Pdf, pages: list[Page], before: int, report: Callable[..., None]) -> None:
        values = {"title": self._title, "date": self._edition.date, "pages": str(self.pages)}
        for index, page in enumerate(pages):
            geometry = page.geometry
            pen = pdf.begin_page(geometry.width, geometry.height)
            for box in page.boxes:
                box.draw(pen, box.x, box.y)
            page.boxes.clear()  # what a box holds, such as a page's rows, is not needed any more
            values["page"] = str(before + index + 1)
            for band in self._bands:
                band.draw(pen, geometry, values)
            if self._document["watermark"]:
                draw_watermark(pen, self._document["watermark"], geometry, self._edition.theme)
            if pages is self._body:
                for mark in self._anchors.get(index, ()):
                    pdf.add_anchor(mark.target, geometry.height - max(0.0, mark.y - _ANCHOR_ABOVE_PT))
            pdf.end_page()
            report(before + index + 1, self.pages, "pages drawn")

    def _add_bookmarks(self, pdf: Pdf) -> None:
        for mark in self._marks:
            pdf.add_bookmark(mark.text or _UNTITLED, mark.level, mark.target)

    def _number_of(self, mark: Mark) -> str:
        return str(self._before + mark.page + 1)


def _metadata(document: dict[str, Any], title: str, now: datetime | None) -> dict[str, str]:
    entries = {
        "Title": title,
        "Author": clean_line(document["author"] or ""),
        "Subject": clean_line(document["subject"] or ""),
        "Keywords": ", ".join(map(clean_line, document["keywords"])),
        "Creator": "Pressroom",
        "Producer": "Pressroom with ReportLab",
    }
    if now is not None:
        offset = now.strftime("%z")
        stamp = f"D:{now:%Y%m%d%H%M%S}{offset[:3]}'{offset[3:5]}'"
        entries |= {"CreationDate": stamp, "ModDate": stamp}
    return {name: value for name, value in entries.items() if value}
