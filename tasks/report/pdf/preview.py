"""The first page as a picture."""

from typing import Final

import pypdfium2

_LONGEST_PX: Final = 1_600
_SCALE: Final = 2.0
"""Pixels a point, for pages up to A3."""


def draw_preview(pdf_path: str, path: str) -> tuple[int, int]:
    """Draw page 1 of a PDF file as a PNG file. Returns its width and height in pixels."""
    document = pypdfium2.PdfDocument(pdf_path)
    try:
        page = document[0]
        scale = min(_SCALE, _LONGEST_PX / max(page.get_size()))
        image = page.render(scale=scale).to_pil()
        page.close()
    finally:
        document.close()
    image.save(path, "PNG")
    return image.width, image.height
