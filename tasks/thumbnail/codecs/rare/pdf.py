"""PDF: the first page on white, as a browser would show it."""

from typing import Any

import pypdfium2
from PIL import Image
from PIL.ImageFile import ImageFile

from tasks.refusal import Refusal
from tasks.thumbnail.geometry import Size

VECTOR_SIDE_PX = 2048
"""Pixels of the longer side of what has no pixels of its own: twice the largest of the default variants."""
_WRONG_PASSWORD = 4
"""PDFium's number for it."""


class PdfPicture(ImageFile):
    """A PDF file, of which the first page is drawn."""

    format = "PDF"

    def _open(self) -> None:
        try:
            self._document = pypdfium2.PdfDocument(self.fp)
        except pypdfium2.PdfiumError as error:
            if error.err_code == _WRONG_PASSWORD:
                raise Refusal(
                    "unsupported_format", "The PDF opens with a password only. Save it without one and send that."
                ) from error
            raise
        self._page = self._document[0]
        width, height = self._page.get_size()
        self._scale = VECTOR_SIDE_PX / max(width, height)
        self._size = (max(1, round(width * self._scale)), max(1, round(height * self._scale)))
        self._mode = "RGB"

    def load(self) -> Any:
        """Draw the page once."""
        if self._im is None:
            drawn = self._page.render(scale=self._scale, rev_byteorder=True).to_pil().convert("RGB")
            self.im = fitting(drawn, self._size).im
            self._page.close()
            self._document.close()
        return Image.Image.load(self)


def fitting(drawn: Image.Image, size: Size) -> Image.Image:
    """Return what was drawn in the size that was planned: programs round differently."""
    return drawn if drawn.size == size else drawn.resize(size)
