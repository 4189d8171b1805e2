"""Reports to test with: made as the sandbox makes them, and read back as a reader of PDF files reads them."""

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pikepdf
import pypdfium2
from PIL import Image

from tasks.report import render
from tasks.report.render_job import RenderJob, RenderLimits
from tasks.report.spec.document import Spec
from tasks.report.spec.structs import decode_spec

LIMITS: Final = {
    "max_report_rows": 1_000_000,
    "max_report_cells": 20_000_000,
    "max_cell_chars": 10_000,
    "max_report_text_mb": 100,
    "max_report_pages": 40_000,
    "max_pixels": 100_000_000,
    "max_side_px": 30_000,
    "max_frames": 1_000,
    "max_jpeg_scans": 100,
    "max_scan_pixels": 2_000_000_000,
    "sandbox_budget_mb": 1280,
}
NOW: Final = datetime(2026, 11, 20, 22, tzinfo=UTC)
A4: Final = (595.28, 841.89)
LOREM: Final = "The quick brown fox jumps over the lazy dog while seven wizards box. "


def job(
    blocks: Sequence[Mapping[str, Any]],
    document: Mapping[str, Any] | None = None,
    images: Mapping[str, Path] | None = None,
    limits: Mapping[str, int] | None = None,
    **said: Any,
) -> RenderJob:
    """What the sandbox is given for a spec of these blocks: checked, and filled in with defaults, as the API does."""
    spec = Spec.model_validate({"document": {"title": "Test", **(document or {})}, "blocks": blocks, **said})
    return RenderJob(
        spec=decode_spec(spec.model_dump_json().encode()),
        datasets={},
        images={name: str(path) for name, path in (images or {}).items()},
        limits=RenderLimits(**{**LIMITS, **(limits or {})}),
        now=NOW,
    )


def silent(done: int, total: int, note: str = "") -> None:
    """Progress that nobody asked for."""


class RenderedReport:
    """A report that was made. answer: of `render`."""

    def __init__(self, folder: Path, made: RenderJob, password: str | None = None) -> None:
        self.answer = render.render(made, str(folder), report=silent)
        self.path = folder / "report.pdf"
        self._password = password

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """Code and block of each."""
        return [(warning["code"], warning["block"]) for warning in self.answer["warnings"]]

    def texts(self) -> list[str]:
        """The text of each page, as PDFium extracts it."""
        with pypdfium2.PdfDocument(self.path, password=self._password) as document:
            return [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document]

    def text(self) -> str:
        return "\n".join(self.texts())

    def picture(self, page: int = 0, scale: float = 1.0) -> Image.Image:
        """A page as it looks."""
        with pypdfium2.PdfDocument(self.path, password=self._password) as document:
            picture: Image.Image = document[page].render(scale=scale).to_pil()
            return picture.convert("RGB")

    def bookmarks(self) -> list[tuple[int, str, int]]:
        """Level, title and page (from 0) of each."""
        with pypdfium2.PdfDocument(self.path) as document:
            return [(entry.level, entry.get_title(), _page(entry)) for entry in document.get_toc()]

    def open(self) -> pikepdf.Pdf:
        return pikepdf.open(self.path, password=self._password or "")

    def links(self, page: int = 0) -> list[str]:
        """Where the links of a page lead: URLs, or `page n` (from 0)."""
        with self.open() as pdf:
            pages = {one.obj.objgen: number for number, one in enumerate(pdf.pages)}
            annotations: Iterable[Any] = pdf.pages[page].get("/Annots", [])
            return [str(one.A.URI) if "/A" in one else f"page {pages[one.Dest[0].objgen]}" for one in list(annotations)]


def render_report(folder: Path, blocks: Sequence[Mapping[str, Any]], **said: Any) -> RenderedReport:
    """Make a report of `blocks`; `said` goes to `job`."""
    password = (said.get("document") or {}).get("password")
    return RenderedReport(folder, job(blocks, **said), password)


def heading(text: Any, level: int = 1, **said: Any) -> dict[str, Any]:
    return {"type": "heading", "text": text, "level": level, **said}


def text(text: Any, **said: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **said}


def picture_file(folder: Path, image: Image.Image, name: str = "picture.png", **options: Any) -> dict[str, Path]:
    """A picture as a file, by the key under which `{"upload": KEY}` names it."""
    path = folder / name
    file = io.BytesIO()
    image.save(file, {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF"}[name.rpartition(".")[2]], **options)
    path.write_bytes(file.getvalue())
    return {KEY: path}


KEY: Final = "5" * 32


def _page(entry: Any) -> int:
    index: int = entry.get_dest().get_index()
    return index
