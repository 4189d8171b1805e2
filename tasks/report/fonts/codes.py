"""Tables for `str.translate` that turn texts into operands of PDF's Tj: a page's worth of characters in one call."""

from typing import Any, Final

from tasks.report.fonts.composite import CompositeFont
from tasks.report.fonts.face import COMBINING, Face
from tasks.report.fonts.font_file import font

SEPARATOR: Final = "\x1f"
"""Is left as it is, so that many texts can be joined, translated in one call and parted again. Clean text has none."""
ELSEWHERE: Final = "\0"
"""Stands in place of a character that is drawn with yet another font: write that text by itself."""
WIDE_BEGIN: Final = "\x01"
WIDE_END: Final = "\x02"
"""Around the hexadecimal code of a character of the CJK font."""

_FIRST_CJK: Final = 0x2E80
# Subsets number their characters from 1 on: what is written in octal is not taken for a mark of ours.
_ESCAPED: Final = {point: f"\\{point:03o}" for point in range(32)} | {ord(one): f"\\{one}" for one in "\\()"}


class Codes(dict[int, str]):
    """The characters of a face as one document writes them; filled as they are met.

    Those of the first part of the face's first font become what stands for them inside a (string); those of the first
    CJK font that is met, their code between WIDE_BEGIN and WIDE_END; all others ELSEWHERE. wide: that CJK font's name
    in the document.
    """

    def __init__(self, face: Face, doc: Any) -> None:
        super().__init__({ord(SEPARATOR): SEPARATOR})
        self.wide = ""
        self._face = face
        self._doc = doc
        self._wide_name = ""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        runs = self._face.runs(character)
        if not runs:
            written = ""  # a character that is not drawn
        elif COMBINING.match(character):
            written = ELSEWHERE  # it is one with its neighbours
        else:
            [(name, drawn)] = runs
            written = self._write(point, name) if drawn == character else ELSEWHERE
        self[point] = written
        return written

    def _write(self, point: int, name: str) -> str:
        embedded = font(name).embedded
        if isinstance(embedded, CompositeFont):
            if point < _FIRST_CJK or self._wide_name not in ("", name):
                return ELSEWHERE
            self._wide_name = name
            self.wide, operand = embedded.operand(chr(point), self._doc)
            return f"{WIDE_BEGIN}{operand[1:-1]}{WIDE_END}"
        [(part, code)] = embedded.splitString(chr(point), self._doc)
        return ELSEWHERE if part or name != self._face.name else code.decode("latin-1").translate(_ESCAPED)
