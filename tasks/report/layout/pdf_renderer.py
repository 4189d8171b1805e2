"""From planned pages to a PDF file: cover, contents, pages, bookmarks, metadata."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from tasks.report.formats.cleaning import clean_line, quoted
from tasks.report.layout.bands import PageBand, draw_watermark
from tasks.report.layout.contents import plan_contents
from tasks.report.layout.cover import CoverPage
from tasks.report.layout.flow import Destination, Flow, FlowPage, Geometry
from tasks.report.layout.theme import ReportTheme
from tasks.report.pdf.document import Pdf
from tasks.report.pictures.picture import Picture
from tasks.report.report_warnings import ReportWarnings, WarningPlace
from tasks.report.spec.structs import BandSpec, DocumentSpec

_UNTITLED: Final = "–"
_ANCHOR_ABOVE_PT: Final = 12.0
"""A link leads to this much above a heading, so that it does not stick to the window's edge."""


@dataclass(frozen=True)
class PrintContext:
    """What is the same on all pages. date: as it is printed, empty for none. now: None if it is to be left out."""

    document: DocumentSpec
    theme: ReportTheme
    geometry: Geometry
    date: str
    now: datetime | None
    logo: Picture | None


class PdfRenderer:
    """The pages of one report in their order. warnings: told of what has no room."""

    def __init__(self, context: PrintContext, flow: Flow, warnings: ReportWarnings, max_pages: int) -> None:
        self._context = context
        self._document = context.document
        self._warnings = warnings
        self._marks = [mark for mark in flow.marks if mark.level]
        self._anchors: dict[int, list[Destination]] = defaultdict(list)
        for mark in flow.marks:
            if mark.level or mark.anchor:
                self._anchors[mark.page].append(mark)
        self._cover = self._planned_cover()
        covers = 1 if self._cover else 0
        contents = Flow(context.geometry, context.theme, self._warn_of_contents, max_pages)
        toc = self._document.toc
        if toc:
            listed = [mark for mark in self._marks if mark.level <= toc.depth]
            plan_contents(toc.title, listed, contents, self._number_of, self._tell_cut_entry)
        self._contents = contents.pages
        self._body = flow.pages or [FlowPage(context.geometry)]
        self._before = covers + len(contents.pages)
        self.pages = self._before + len(self._body)
        self._title = clean_line(self._document.title)
        warnings.pages_before = self._before
        self._bands = self._fitting_bands()

    def render(self, path: str, report: Callable[..., None]) -> None:
        """Write the PDF file at `path`. report: told of every page drawn. Raises: `Refusal` of a picture."""
        document, context = self._document, self._context
        with Pdf(path, document.lang) as pdf:
            if self._cover:
                self._draw_cover(pdf, self._cover)
            if self._contents:
                self._draw_pages(pdf, self._contents, 1 if self._cover else 0, report)
            self._draw_pages(pdf, self._body, self._before, report)
            self._add_bookmarks(pdf)
            pdf.finish(_metadata(document, self._title, context.now))

    def _planned_cover(self) -> CoverPage | None:
        document, context = self._document, self._context
        if not document.cover:
            return None
        cover = CoverPage(context.geometry, context.theme, document.title, document.cover)
        for field in cover.cut:
            message = "The text is too long for the cover and ends in an ellipsis."
            self._warnings.add("clipped", message, f"document.{field}", WarningPlace(page=1))
        return cover

    def _warn_of_contents(self, code: str, message: str) -> None:
        self._warnings.add(code, message, "document.toc")

    def _tell_cut_entry(self, text: str, page: int) -> None:
        message = f"The entry {text} of the contents is too long for its line and ends in an ellipsis."
        place = WarningPlace(page=page + 1 if self._cover else page)
        self._warnings.add("clipped", message, "document.toc", place)

    def _fitting_bands(self) -> list[PageBand]:
        document, geometry = self._document, self._context.geometry
        edges: tuple[tuple[str, BandSpec | None, Literal["top", "bottom"]], ...] = (
            ("header", document.header, "top"),
            ("footer", document.footer, "bottom"),
        )
        bands: list[PageBand] = []
        for name, spec, edge in edges:
            if spec and (spec.left or spec.center or spec.right):
                band = PageBand(spec, edge, self._context.theme)
                if band.fits(geometry):
                    bands.append(band)
                    self._warn_of_cuts(name, spec, band)
                else:
                    message = f"The page's margin at the {edge} is too low for the {name}; it is left out."
                    self._warnings.add("no_room", message, f"document.{name}")
        return bands

    def _warn_of_cuts(self, name: str, spec: BandSpec, band: PageBand) -> None:
        """Tell once of each place of a band that is cut off, and of the first page where it is."""
        told: set[str] = set()
        seen: set[tuple[Geometry, int]] = set()
        first = self._before - len(self._contents) + 1
        for number, page in enumerate((*self._contents, *self._body), first):
            kind = (page.geometry, len(str(number)))  # figures are all of one width
            if kind in seen:
                continue
            seen.add(kind)
            for place in band.cut(page.geometry, {**self._placeholders(), "page": str(number)}):
                if place not in told:
                    told.add(place)
                    text = quoted(getattr(spec, place))
                    message = f"The {name}'s text {text} is too long for its place, and ends in an ellipsis."
                    self._warnings.add("clipped", message, f"document.{name}.{place}", WarningPlace(page=number))

    def _placeholders(self) -> dict[str, str]:
        """What stands for them on every page."""
        return {"title": self._title, "date": self._context.date, "pages": str(self.pages)}

    def _draw_cover(self, pdf: Pdf, cover: CoverPage) -> None:
        context = self._context
        geometry = context.geometry
        canvas = pdf.begin_page(geometry.width, geometry.height)
        cover.draw(canvas, context.logo, context.date)
        if self._document.watermark:
            draw_watermark(canvas, self._document.watermark, geometry, context.theme)
        pdf.end_page()

    def _draw_pages(self, pdf: Pdf, pages: list[FlowPage], before: int, report: Callable[..., None]) -> None:
        values = self._placeholders()
        for index, page in enumerate(pages):
            geometry = page.geometry
            canvas = pdf.begin_page(geometry.width, geometry.height)
            for box in page.boxes:
                box.draw(canvas, box.x, box.y)
            page.boxes.clear()  # what a box holds, such as a page's rows, is not needed any more
            values["page"] = str(before + index + 1)
            for band in self._bands:
                band.draw(canvas, geometry, values)
            if self._document.watermark:
                draw_watermark(canvas, self._document.watermark, geometry, self._context.theme)
            if pages is self._body:
                for mark in self._anchors.get(index, ()):
                    pdf.add_anchor(mark.target, geometry.height - max(0.0, mark.y - _ANCHOR_ABOVE_PT))
            pdf.end_page()
            report(before + index + 1, self.pages, "pages drawn")

    def _add_bookmarks(self, pdf: Pdf) -> None:
        for mark in self._marks:
            pdf.add_bookmark(mark.text or _UNTITLED, mark.level, mark.target)

    def _number_of(self, mark: Destination) -> str:
        return str(self._before + mark.page + 1)


def _metadata(document: DocumentSpec, title: str, now: datetime | None) -> dict[str, str]:
    entries = {
        "Title": title,
        "Author": clean_line(document.author or ""),
        "Subject": clean_line(document.subject or ""),
        "Keywords": ", ".join(map(clean_line, document.keywords)),
        "Creator": "Pressroom",
        "Producer": "Pressroom with ReportLab",
    }
    if now is not None:
        offset = now.strftime("%z")
        stamp = f"D:{now:%Y%m%d%H%M%S}{offset[:3]}'{offset[3:5]}'"
        entries |= {"CreationDate": stamp, "ModDate": stamp}
    return {name: value for name, value in entries.items() if value}
