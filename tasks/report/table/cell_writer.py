"""The cells of one column as operators of a PDF page's text. This is the innermost loop of a long report."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final

from tasks.report.fonts.codes import ELSEWHERE, SEPARATOR, WIDE_BEGIN, WIDE_END
from tasks.report.fonts.face import Face
from tasks.report.pdf.canvas import Align, Canvas
from tasks.report.table.measure import ZEROS, NumberExtent

_CACHED_SHIFTS: Final = 10_000


class CellWriter:
    """Writes texts of a column in one face and size.

    Each is written from the left end of the column's inner box, on its baseline, and leaves the line's start there.

    Args:
        canvas: Draws the page.
        face: What the texts are drawn in.
        size: Points.
        width: Of the column's inner box, in points.
        align: Where the texts stand in it.
        number_extent: The shapes of the column's numbers or dates, if it holds such.
        font: Name of the font that is set before a text, and is left set after it.
    """

    def __init__(
        self,
        canvas: Canvas,
        face: Face,
        size: float,
        *,
        width: float,
        align: Align,
        number_extent: NumberExtent | None,
        font: str,
    ) -> None:
        self._canvas = canvas
        self._face = face
        self._size = size
        self._codes = canvas.codes(face)
        self._own_font = font_name(canvas, face)
        self._font = font
        self._align = align
        self._number_extent = number_extent
        self._room = width / size
        self._shifts: dict[str, int] = {}

    def column(self, texts: Sequence[str]) -> list[str]:
        """The operators of each text; none for an empty one."""
        if self._font != self._own_font:
            return list(map(self.one, texts))
        joined = SEPARATOR.join(texts)
        codes = joined.translate(self._codes)
        wide = WIDE_BEGIN in codes
        if wide:
            codes = self._switching(codes)
        parts = codes.split(SEPARATOR)
        if len(parts) != len(texts):
            return list(map(self.one, texts))
        if self._align == "left":
            written = [f"({part})Tj" if part else "" for part in parts]
        else:
            shapes = joined.translate(ZEROS).split(SEPARATOR) if self._number_extent else texts
            between = "]TJ(" if wide else "("
            end = ")Tj" if wide else ")]TJ"
            shifts = self._shifts_of(shapes)
            written = [
                f"[{shifts[shape]}{between}{part}{end}" if part else ""
                for shape, part in zip(shapes, parts, strict=True)
            ]
        if ELSEWHERE in codes:
            for index, part in enumerate(parts):
                if ELSEWHERE in part:
                    written[index] = self.one(texts[index])
        return written

    def _switching(self, codes: str) -> str:
        """Codes with the font set around those of the CJK font: `a<01><02>b` inside a (string)."""
        to_wide = f")Tj {self._codes.wide} {self._size:g} Tf<"
        back = f">Tj {self._font} {self._size:g} Tf("
        joined = codes.replace(WIDE_END + WIDE_BEGIN, "")
        return joined.replace(WIDE_BEGIN, to_wide).replace(WIDE_END, back)

    def column_of_lines(self, texts: Sequence[Sequence[str]], leading: float) -> list[str]:
        """The operators of texts of several lines each."""
        lines = iter(self.column([line for lines in texts for line in lines]))
        step = f" 0 {-leading:.2f} Td "
        back = round(leading, 2)
        written = []
        for text in texts:
            shown = step.join(islice(lines, len(text)))
            written.append(f"{shown} 0 {(len(text) - 1) * back:.2f} Td" if len(text) > 1 else shown)
        return written

    def one(self, text: str, *, shifted: bool = True) -> str:
        """The operators of one text, whatever fonts it takes. shifted: aligned as the column is, not to the left."""
        if not text:
            return ""
        out = []
        if shifted and self._align != "left":
            out.append(f"[{self._shift(text.translate(ZEROS) if self._number_extent else text)}]TJ")
        font = self._font
        for name, operand in self._canvas.operands(self._face, text):
            if name != font:
                out.append(f"{name} {self._size:g} Tf")
                font = name
            out.append(f"{operand}Tj")
        if font != self._font:
            out.append(f"{self._font} {self._size:g} Tf")
        return " ".join(out)

    def _shifts_of(self, shapes: Sequence[str]) -> Mapping[str, int]:
        """The shift of each shape, at least."""
        if len(self._shifts) > _CACHED_SHIFTS:
            self._shifts.clear()
        for shape in set(shapes) - self._shifts.keys():
            self._shifts[shape] = self._shift(shape)
        return self._shifts

    def _shift(self, shape: str) -> int:
        """How far to move before showing a text of that shape, as TJ counts: thousandths of the size, leftwards."""
        spare = self._room - self._face.width(shape, 1)
        if self._align == "center":
            spare /= 2
        elif self._number_extent and self._number_extent.whole <= self._room:
            head, _ = self._number_extent.parts(shape)
            spare = self._room - self._number_extent.tail - head
        return -round(spare * 1000)


def font_name(canvas: Canvas, face: Face) -> str:
    """The face's first font in the file."""
    name, _ = canvas.operands(face, " ")[0]
    return name
