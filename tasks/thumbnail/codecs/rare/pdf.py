"""PDF: the first page on white, as a browser would show it."""

from typing import Any

import pypdfium2
from PIL import Image
from PIL.ImageFile import ImageFile

from tasks.refusal import Refusal
from tasks.thumbnail.codecs.rare.vector import fitting, size_for

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
        self._size = size_for(*self._page.get_size())
        self._mode = "RGB"

    def load(self) -> Any:
        """Draw the page once."""
        if self._im is None:
            scale = max(self._size) / max(self._page.get_size())
            drawn = self._page.render(scale=scale, rev_byteorder=True).to_pil()
            self.im = fitting(drawn.convert("RGB"), self._size).im
            self._page.close()
            self._document.close()
        return Image.Image.load(self)
