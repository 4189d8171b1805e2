"""`python -m tools.gallery [NAME …]`: makes the sample reports and puts pictures of their pages into docs/gallery."""

import sys
import tempfile
from pathlib import Path
from typing import Final

import pypdfium2
from PIL import Image

from tasks.report import render
from tools import samples
from tools.documents import ROOT

GALLERY: Final = ROOT / "docs" / "gallery"
PAGES: Final = {"charts": (0, 1, 2, 3), "ledger": (0, 1, -1), "quarterly": (0, 1, 2, 3), "wide": (0, 1, -1)}
"""Which pages of a sample are shown, where it is not the first two."""
SCALE: Final = 1.25
"""Pixels a point: 90 dots an inch."""
COLOURS: Final = 160


def main(names: list[str]) -> None:
    GALLERY.mkdir(parents=True, exist_ok=True)
    for name in names or samples.names():
        with tempfile.TemporaryDirectory() as folder:
            answer = render.render(samples.job(name, Path(folder)), folder, report=silent)
            for file in answer["files"]:
                _say(f"{name}: {file['name']}, {file['bytes']:,} bytes")
            _say(
                f"{name}: {answer['pages']:,} pages, {answer['rows']:,} rows, warnings: {answer['warnings'] or 'none'}"
            )
            show(Path(folder) / "report.pdf", name)


def silent(done: int, total: int, note: str = "") -> None:
    """Progress is not shown."""


def show(pdf: Path, name: str) -> None:
    """Pictures of a report's pages, in few colours: they are to be looked at, not measured."""
    for old in GALLERY.glob(f"{name}-*.png"):
        old.unlink()
    with pypdfium2.PdfDocument(pdf) as document:
        shown = sorted({page % len(document) for page in PAGES.get(name, (0, 1)) if page < len(document)})
        for place, page in enumerate(shown, 1):
            picture: Image.Image = document[page].render(scale=SCALE).to_pil().convert("RGB")
            few = picture.quantize(COLOURS, kmeans=2)
            few.save(GALLERY / f"{name}-{place}.png", optimize=True)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
