"""A table of any size. Its rows are read to be measured, once more if texts must be broken, and last to be drawn; they
are never held."""

from contextlib import nullcontext
from functools import partial
from typing import Final

from tasks.report.blocks.context import PlanContext
from tasks.report.formats.cleaning import clean_line, quoted
from tasks.report.layout.flow import Flow
from tasks.report.pdf.canvas import Canvas
from tasks.report.spec.structs import TableBlock
from tasks.report.table.columns import Choice, choose, column_name, columns_of, warn_of_cut_caption, warn_of_cuts
from tasks.report.table.demand import demands
from tasks.report.table.draw import TableRenderer, draw_head
from tasks.report.table.layout import CAPTION_HEIGHT, TITLE_HEIGHT, TITLE_SIZE, Layout, TableMetrics
from tasks.report.table.page_reader import PageReader
from tasks.report.table.pages import ROW, TableLines, page_ranges
from tasks.report.table.rows import Rows
from tasks.report.table.survey import Survey, broken_lines, survey

_FEWEST_LINES_UNDER_HEAD: Final = 3


def plan_table(block: TableBlock, flow: Flow, context: PlanContext) -> None:
    """Place a table in the flow. Raises: what reading its rows raises."""
    rows = context.rows_of(block)
    found = survey(rows, block, flow.theme)
    metrics = TableMetrics.of(flow.theme)
    choice = choose(demands(rows, block, found, flow.theme, metrics), block.overflow, flow, metrics)
    with flow.turned("landscape") if choice.turned else nullcontext():
        layout = _layout(rows, block, found, choice, flow, context.locale.words.continued)
        if ROW not in found.lines.kinds:
            _place_empty(layout, clean_line(block.empty), flow)
            return
        warn_of_cuts(layout, rows, block, found, flow)
        lines = found.lines
        if any(column.fit for column in layout.columns):
            lines = _broken(rows, block, layout, flow)
        if _place(layout, lines, rows, flow) > 1 and layout.repeats:
            warn_of_cut_caption(layout, block, found, flow)


def _layout(rows: Rows, block: TableBlock, found: Survey, choice: Choice, flow: Flow, caption: str) -> Layout:
    metrics = TableMetrics.of(flow.theme, choice.factor)
    columns = columns_of(rows, found, choice, flow, metrics)
    lines = max(len(column.title) for column in columns) if any(column.title for column in rows.columns) else 0
    head = metrics.row + (lines - 1) * metrics.leading if lines else 0.0
    repeats = CAPTION_HEIGHT + head + _FEWEST_LINES_UNDER_HEAD * metrics.row <= flow.full_height()
    return Layout(clean_line(block.title or ""), columns, choice.slices, metrics, head, repeats, block.zebra, caption)


def _broken(rows: Rows, block: TableBlock, layout: Layout, flow: Flow) -> TableLines:
    """The table's lines with texts broken; says which were cut."""
    fits = {column.index: column.fit for column in layout.columns if column.fit}
    metrics = layout.metrics
    title = TITLE_HEIGHT if layout.title else 0.0
    first = flow.kept_height + flow.gap(flow.theme.gap) + title + layout.above(first=True, leftmost=True)
    next_ = layout.above(first=False, leftmost=False)
    below = flow.full_height() - max(first, next_)
    most = max(1, int((below - metrics.row) / metrics.leading) + 1)
    lines, counts = broken_lines(rows, block, fits, most)
    for index, count in counts.items():
        code, done = ("clipped", "cut off with an ellipsis") if fits[index].cuts else ("wrapped", "broken into lines")
        texts = "1 text is" if count == 1 else f"{count:,} texts are"
        flow.warn(code, f"{texts} wider than the column {column_name(rows.columns[index])} and {done}.")
    return lines


def _place(layout: Layout, lines: TableLines, rows: Rows, flow: Flow) -> int:
    """Place the table. Returns on how many pages it stands."""
    metrics = layout.metrics
    ends = lines.ends(metrics.heights, metrics.leading)
    if not flow.breaks:
        lines.breaks.clear()
    head = layout.above(first=True, leftmost=True)
    title = TITLE_HEIGHT if layout.title else 0.0
    least = flow.gap(flow.theme.gap) + title + head + ends[lines.opening() - 1]
    if least > flow.room() and not flow.at_top() and not flow.holds_only_kept():
        flow.new_page()
    gap = _place_title(layout, flow)
    room = flow.room() - flow.gap(gap) - head
    if len(layout.slices) > 1:
        room = min(room, flow.full_height() - layout.above(first=True, leftmost=False))
    drawing = TableRenderer(layout, PageReader(lines, rows, metrics.heights, metrics.leading), flow.theme)
    pages = 0
    for page_range in page_ranges(lines, ends, room, flow.full_height() - layout.above(first=False, leftmost=False)):
        for number in range(len(layout.slices)):
            pages += 1
            first = page_range.start == 0
            if not first or number:
                flow.new_page()
            height = layout.above(first=first, leftmost=number == 0) + page_range.height
            flow.place(height, partial(drawing.draw, page_range, number), space_before=gap)
    return pages


def _place_empty(layout: Layout, text: str, flow: Flow) -> None:
    """The header, and one line that says that there is nothing below it."""
    theme, metrics = flow.theme, layout.metrics
    above = layout.above(first=True, leftmost=True)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        draw_head(layout, theme, canvas, layout.placed(0, x), x, y)
        baseline = y + above + theme.baseline(metrics.size, metrics.row)
        canvas.text(x + metrics.pad, baseline, text, theme.faces.regular, metrics.size, theme.muted)

    flow.place(above + metrics.row, draw, space_before=_place_title(layout, flow))


def _place_title(layout: Layout, flow: Flow) -> float:
    """The title, if the table has one; how much space is wanted under it, or under what is above the table."""
    theme, title = flow.theme, layout.title
    if not title:
        return theme.gap
    text = theme.faces.bold.fit(title.replace("\n", " "), TITLE_SIZE, flow.width)
    if text != title.replace("\n", " "):
        flow.warn("clipped", f"The title {quoted(title)} is wider than the page and ends in an ellipsis.")

    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.text(x, y + TITLE_SIZE, text, theme.faces.bold, TITLE_SIZE)

    flow.place(TITLE_HEIGHT, draw, space_before=theme.gap, keep_with_next=True)
    return 0.0
