"""The font files that come with the house: which there are, what each covers, loaded when first needed.

Static TrueType from Google's Noto project, each family beside its licence (SIL Open Font License).
"""

from functools import cache
from pathlib import Path
from typing import Final

from reportlab.pdfbase.ttfonts import TTFont

from tasks.report.fonts.composite import CompositeFont

FOLDER: Final = Path(__file__).parent / "files"

# Fonts with a few hundred characters in use are written with one byte a character; those of thousands with two.
_ALPHABETIC: Final = ("NotoSans-", "NotoSansMono-")
# A font is used for the characters it was made for: some hold strays of scripts that they cannot set.
_MADE_FOR: Final = {
    "NotoSansMath": ((0x2000, 0x2BFF), (0x1D400, 0x1D7FF)),
    "NotoSansSymbols2": ((0x2000, 0x2BFF), (0x1F000, 0x1FAFF)),
}
# Devanagari stands in Noto Sans, but reads wrongly without shaping, which we do not do.
_NEEDS_SHAPING: Final = ((0x0590, 0x109F), (0x1780, 0x17FF), (0xA8E0, 0xA8FF), (0x1CD0, 0x1CFF))

Ranges = tuple[tuple[int, int], ...]


class Font:
    """One font file. Widths are in thousandths of the size."""

    def __init__(self, name: str) -> None:
        self.name = name
        path = str(FOLDER / f"{name}.ttf")
        self.embedded: TTFont = TTFont(name, path) if name.startswith(_ALPHABETIC) else CompositeFont(name, path)
        self.default_width: float = self.embedded.face.defaultWidth
        self._widths: dict[int, float] = self.embedded.face.charWidths
        self._only = _MADE_FOR.get(name.partition("-")[0])

    def width(self, character: str) -> float | None:
        """How wide the character is; None if the font has no glyph for it."""
        code = ord(character)
        if (self._only and not _within(code, self._only)) or _within(code, _NEEDS_SHAPING):
            return None
        return self._widths.get(code)


@cache
def font(name: str) -> Font:
    """The font `name` (its file's stem), loaded once per process."""
    return Font(name)


def _within(code: int, ranges: Ranges) -> bool:
    return any(first <= code <= last for first, last in ranges)
