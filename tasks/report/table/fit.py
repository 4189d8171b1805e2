"""Text that is wider than its column: broken into lines, or cut with an ellipsis."""

from typing import Final

from tasks.report.fonts.face import Face
from tasks.report.fonts.line_breaking import break_lines

_CACHED_TEXTS: Final = 8_192
_CACHED_CHARS: Final = 200


class Fit:
    """Fits texts into `width` points at `size`. cuts: the column's texts are cut, not broken into lines."""

    def __init__(self, face: Face, size: float, width: float, *, cuts: bool) -> None:
        self.cuts = cuts
        self._face = face
        self._size = size
        self._width = width
        self._known: dict[str, tuple[str, ...]] = {}
        self._last: tuple[str, tuple[str, ...]] = ("", ("",))
        """The last text that is too long to be kept with many others: a row that is taller than a page is asked for on
        each page that it stands on."""

    def lines(self, text: str) -> tuple[str, ...]:
        """The lines of `text`, at least one."""
        if len(text) > _CACHED_CHARS:
            if self._last[0] != text:
                self._last = text, self._lines(text)
            return self._last[1]
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _CACHED_TEXTS:
                self._known.clear()
            found = self._known[text] = self._lines(text)
        return found

    def _lines(self, text: str) -> tuple[str, ...]:
        if self.cuts:
            return (self._face.fit(text.replace("\n", " "), self._size, self._width),)
        return tuple(break_lines(text, self._face, self._size, self._width))
