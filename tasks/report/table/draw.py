"""Draws a table page by page: its rows are read for the last time and become operators, a column at a time."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from typing import Final, Literal

from tasks.report.layout.theme import HAIRLINE, ReportTheme, Rgb
from tasks.report.pdf.canvas import Canvas
from tasks.report.table.cell_writer import CellWriter, font_name
from tasks.report.table.layout import (
    CAPTION_HEIGHT,
    CAPTION_SIZE,
    GROUP_INDENT,
    HEAD_SCALE,
    Layout,
    Placed,
    PlacedColumn,
)
from tasks.report.table.page_reader import LineRun, PageReader
from tasks.report.table.pages import GROUP, ROUNDING_PT, ROW, SUBTOTAL, TOTAL, PageRange
from tasks.report.table.rows import LineBatch, heading

TOTAL_LINE: Final = 0.8
Use = Literal["row", "stressed row", "total"]


class TableRenderer:
    """One table on its pages."""

    def __init__(self, layout: Layout, reader: PageReader, theme: ReportTheme) -> None:
        self._layout = layout
        self._reader = reader
        self._theme = theme
        self._writers: dict[tuple[int, Use], CellWriter] = {}

    def draw(self, page_range: PageRange, number: int, canvas: Canvas, x: float, y: float) -> None:
        """Draw the lines of `page_range` in the columns of slice `number`, and what stands above them."""
        layout = self._layout
        runs, headings = self._reader.page(page_range)
        placed = layout.placed(number, x)
        width = sum(column.width for _, column in placed)
        first = page_range.start == 0
        if layout.repeats and not (first and number == 0):
            self._caption(canvas, headings, x, y, width)
            y += CAPTION_HEIGHT
        if layout.repeats or first:
            draw_head(layout, self._theme, canvas, placed, x, y)
            y += layout.head
        self._backgrounds(canvas, runs, placed, x, y, width)
        self._lines(canvas, runs, x, y, width)
        canvas.text_object("\n".join(self._text(canvas, runs, placed, y)))

    def _caption(self, canvas: Canvas, headings: Sequence[str], x: float, y: float, width: float) -> None:
        text = " · ".join(filter(None, (self._layout.title, *headings, self._layout.caption)))
        face = self._theme.faces.regular
        canvas.text(x, y + CAPTION_SIZE, face.fit(text, CAPTION_SIZE, width), face, CAPTION_SIZE, self._theme.muted)

    def _backgrounds(
        self, canvas: Canvas, runs: Sequence[LineRun], placed: Placed, x: float, y: float, width: float
    ) -> None:
        rows = [run for run in runs if run.kind == ROW]
        if self._layout.zebra:
            spans = (span for run in rows for span in list(pairwise(run.offsets))[0 if run.dark else 1 :: 2])
            canvas.rects(((x, y + top, width, bottom - top) for top, bottom in spans), self._theme.zebra)
        boxes: dict[str, list[tuple[float, float, float, float]]] = {}
        for run in rows:
            for left, column in placed:
                for line, number in run.batch.rules.get(column.index, {}).items():
                    background = column.rules[number].background
                    if background:
                        top, bottom = run.offsets[line : line + 2]
                        box = (left - self._layout.metrics.pad, y + top, column.width, bottom - top)
                        boxes.setdefault(background, []).append(box)
        for colour, painted in boxes.items():
            canvas.rects(painted, self._theme.colour(colour))

    def _lines(self, canvas: Canvas, runs: Sequence[LineRun], x: float, y: float, width: float) -> None:
        thin, strong = set(), set()
        for run in runs:
            if run.kind == ROW and not self._layout.zebra:
                thin.update(run.offsets[1:])
            elif run.kind in (GROUP, SUBTOTAL):
                thin.update(run.offsets[1:] if run.kind == GROUP else run.offsets)
            elif run.kind == TOTAL:
                strong.update(run.offsets)
        thin.add(runs[-1].offsets[-1])
        right = x + width
        canvas.lines(((x, y + at, right, y + at) for at in sorted(thin - strong)), self._theme.rule, HAIRLINE)
        canvas.lines(((x, y + at, right, y + at) for at in sorted(strong)), self._theme.ink, TOTAL_LINE)

    def _text(self, canvas: Canvas, runs: Sequence[LineRun], placed: Placed, y: float) -> Iterator[str]:
        metrics = self._layout.metrics
        faces = self._theme.faces
        yield _colour(self._theme.ink)
        for run in runs:
            bold = run.kind != ROW
            yield f"{font_name(canvas, faces.bold if bold else faces.regular)} {metrics.size:g} Tf"
            if run.kind == ROW:
                baseline = self._theme.baseline(metrics.size, metrics.leading if run.first else metrics.row)
                yield f"1 0 0 1 {placed[0][0]:.2f} {canvas.height - y - run.offsets[0] - baseline:.2f} Tm"
                yield self._rows(canvas, run, placed)
            else:
                top, bottom = run.offsets
                at = canvas.height - y - top - self._theme.baseline(metrics.size, bottom - top)
                write = self._heading if run.kind == GROUP else self._total
                yield write(canvas, run.batch, placed, at)

    def _rows(self, canvas: Canvas, run: LineRun, placed: Placed) -> str:
        """Operators of rows, from the baseline of the first one."""
        operators = []
        for _, column in placed:
            writer = self._writer(canvas, column, "row")
            texts = run.batch.columns[column.index]
            if column.fit is None:
                written = [""] * len(texts) if run.first else writer.column(texts)
            else:
                lines = [column.fit.lines(text)[run.first : run.last] for text in texts]
                written = writer.column_of_lines(lines, self._layout.metrics.leading)
            holding = run.batch.rules.get(column.index)
            operators.append(self._ruled(canvas, column, run, written, holding) if holding else written)
        lefts = [round(left, 2) for left, _ in placed]
        steps = [f" {right - left:.2f} 0 Td " for left, right in pairwise(lefts)]
        back = lefts[0] - lefts[-1]
        row = "%s" + "".join(f"{step}%s" for step in steps) + f" {back:.2f} %s Td"
        offsets = [round(offset, 2) for offset in run.offsets]
        down = [f"{top - bottom:.2f}" for top, bottom in pairwise(offsets)]
        return "\n".join(map(row.__mod__, zip(*operators, down, strict=True)))

    def _ruled(
        self, canvas: Canvas, column: PlacedColumn, run: LineRun, written: Sequence[str], holding: Mapping[int, int]
    ) -> list[str]:
        """The operators of a column, with some cells in the colour and weight that a rule asks for."""
        ruled = list(written)
        for line, number in holding.items():
            rule = column.rules[number]
            if rule.bold:
                text = run.batch.columns[column.index][line]
                lines = column.fit.lines(text)[run.first : run.last] if column.fit else ("" if run.first else text,)
                writer = self._writer(canvas, column, "stressed row")
                [ruled[line]] = writer.column_of_lines([lines], self._layout.metrics.leading)
            ruled[line] = self._coloured(ruled[line], rule.colour)
        return ruled

    def _coloured(self, operators: str, colour: str | None) -> str:
        """Operators that show text, in that colour of the spec instead of ink."""
        if not colour or not operators:
            return operators
        return f"{_colour(self._theme.colour(colour))} {operators} {_colour(self._theme.ink)}"

    def _heading(self, canvas: Canvas, batch: LineBatch, placed: Placed, at: float) -> str:
        left, column = placed[0]
        indent = batch.level * GROUP_INDENT
        face, size = self._theme.faces.bold, self._layout.metrics.size
        room = sum(column.width for _, column in placed) - indent - 2 * self._layout.metrics.pad
        text = face.fit(heading(batch), size, room)
        operators = self._writer(canvas, column, "total").one(text, shifted=False)
        return f"1 0 0 1 {left + indent:.2f} {at:.2f} Tm {operators}"

    def _total(self, canvas: Canvas, batch: LineBatch, placed: Placed, at: float) -> str:
        operators = []
        face, size = self._theme.faces.bold, self._layout.metrics.size
        for place, (left, column) in enumerate(placed):
            (text,) = batch.columns[column.index]
            if not text:
                continue
            room = column.inner
            if column.label:
                empty = takewhile(lambda it: not batch.columns[it[1].index][0], placed[place + 1 :])
                room += sum(free.width for _, free in empty)
            text = face.fit(text.replace("\n", " "), size, room + ROUNDING_PT)
            written = self._writer(canvas, column, "total").one(text, shifted=not column.label)
            for number in batch.rules.get(column.index, {}).values():
                written = self._coloured(written, column.rules[number].colour)
            operators.append(f"1 0 0 1 {left:.2f} {at:.2f} Tm {written}")
        return "\n".join(operators)

    def _writer(self, canvas: Canvas, column: PlacedColumn, use: Use) -> CellWriter:
        key = (column.index, use)
        if key not in self._writers:
            regular, bold = self._theme.faces.regular, self._theme.faces.bold
            font = font_name(canvas, bold if use == "total" else regular)
            face = regular if use == "row" else bold
            size = self._layout.metrics.size
            self._writers[key] = CellWriter(
                canvas,
                face,
                size,
                width=column.inner,
                align=column.align,
                number_extent=column.number_extent,
                font=font,
            )
        return self._writers[key]


def _colour(colour: Rgb) -> str:
    red, green, blue = colour
    return f"{red:.3g} {green:.3g} {blue:.3g} rg"


def draw_head(layout: Layout, theme: ReportTheme, canvas: Canvas, placed: Placed, x: float, y: float) -> None:
    """Draw it from (x, y) down, `layout.head` points high; nothing if all titles are blank."""
    if not layout.head:
        return
    metrics = layout.metrics
    size = metrics.size * HEAD_SCALE
    bottom = y + layout.head
    last_line = bottom - metrics.row + theme.baseline(size, metrics.row)
    for left, column in placed:
        at = left + {"left": 0.0, "center": column.inner / 2, "right": column.inner}[column.align]
        for place, text in enumerate(reversed(column.title)):
            y = last_line - place * metrics.leading
            canvas.text(at, y, text, theme.faces.bold, size, theme.muted, column.align)
    width = sum(column.width for _, column in placed)
    canvas.line(x, bottom, x + width, bottom, theme.muted, HAIRLINE)
