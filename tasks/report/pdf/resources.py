"""What a canvas asks of the document that its page is part of."""

from collections.abc import Sequence
from typing import Protocol

from tasks.report.fonts.codes import Codes
from tasks.report.fonts.face import Face
from tasks.report.pictures.picture import Picture

Operand = tuple[str, str]
"""A font's name in the file, and a string operand of Tj."""


class Resources(Protocol):
    """The fonts, pictures, opacities and links of a document; each stands in the file once."""

    def operands(self, face: Face, text: str) -> Sequence[Operand]:
        """`text` as operands of Tj, one after the other, each with its font."""
        ...

    def codes(self, face: Face) -> Codes:
        """How the characters of `face`'s first font are written in this document."""
        ...

    def use_picture(self, picture: Picture, width: float) -> str:
        """The name of a picture that is `width` points wide."""
        ...

    def use_opacity(self, opacity: float) -> str:
        """The name of a graphics state with this opacity, from 0 to 1."""
        ...

    def add_link(self, box: tuple[float, float, float, float], target: str) -> None:
        """Make a box lead to a URL, or to `#anchor`.

        Args:
            box: Left, bottom, right and top, in points from the page's bottom left corner.
            target: The URL, or the anchor.
        """
        ...
