"""A table is read line by line, never held."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tasks.report.fonts.face import faces
from tasks.report.formats.columns import locale_of
from tasks.report.layout.flow import Flow, Geometry
from tasks.report.layout.theme import ReportTheme
from tasks.report.pdf.document import Pdf
from tasks.report.spec.structs import TableBlock, ThemeSpec
from tasks.report.table.page_reader import PageReader
from tasks.report.table.pages import PageRange, TableLines
from tasks.report.table.plan import plan_table
from tasks.report.table.rows import Cursor, LineBatch
from tests.support.report.batches import Column, MadeRows
from tests.support.report.tables import document, table

HEIGHTS = (18.0, 24.0, 18.0, 20.0, 12.0)


def rows(start: int, stop: int, **rules: Any) -> LineBatch:
    return LineBatch("row", 0, [[f"text {number}" for number in range(start, stop)], ["1"] * (stop - start)], **rules)


def made(*make: Callable[[], LineBatch], count: int = 0, **said: Any) -> MadeRows:
    return MadeRows([Column("t", **said), Column("n", "right", ".", "integer")], make, count)


class Context:
    """All that a table asks of a report in the making."""

    def __init__(self, rows: MadeRows) -> None:
        self.locale = locale_of(document())
        self._rows = rows

    def rows_of(self, _block: TableBlock) -> MadeRows:
        return self._rows


def print_rows(folder: Path, source: MadeRows) -> int:
    """Plan and draw a table of these rows; the number of its pages."""
    theme = ReportTheme(ThemeSpec(density="compact"), faces("en", lambda _: None))
    flow = Flow(Geometry(595, 842, 54, 54, 54, 54), theme, lambda _code, _message: None)
    block = table([{"field": "t"}, {"field": "n", "type": "integer"}], rows=[])
    plan_table(block, flow, Context(source))  # type: ignore[arg-type] # as much of one as a table needs
    with Pdf(str(folder / "rows.pdf"), "en") as pdf:
        for page in flow.pages:
            canvas = pdf.begin_page(page.geometry.width, page.geometry.height)
            for box in page.boxes:
                box.draw(canvas, box.x, box.y)
            pdf.end_page()
        pdf.finish({})
    return len(flow.pages)


def test_rows_are_read_twice_and_no_more_than_two_batches_are_held(tmp_path: Path) -> None:
    source = made(*(partial(rows, start, start + 200) for start in range(0, 4_000, 200)), count=4_000)
    assert print_rows(tmp_path, source) > 60
    assert source.readings == 2
    assert source.most_alive <= 2


def test_where_texts_must_be_broken_they_are_read_three_times(tmp_path: Path) -> None:
    source = made(partial(rows, 0, 100), count=100, width=30)
    print_rows(tmp_path, source)
    assert source.readings == 3


def test_a_cursor_takes_lines_across_batches_with_their_rules() -> None:
    batches = [rows(0, 3, rules={1: {0: 5, 2: 6}}), rows(3, 5, rules={1: {1: 7}}), rows(5, 9)]
    cursor = Cursor(iter(batches))
    assert cursor.take(2).rules == {1: {0: 5}}
    middle = cursor.take(4)
    assert middle.columns[0] == ["text 2", "text 3", "text 4", "text 5"]
    assert middle.rules == {1: {0: 6, 2: 7}}
    assert cursor.take(3).columns[0] == ["text 6", "text 7", "text 8"]


def test_the_zebra_begins_anew_in_each_group_and_goes_on_over_pages() -> None:
    heading = LineBatch("group", 0, [["A"], [""]])
    lines = TableLines(bytearray([1, 0, 0, 0, 0, 0, 1, 0, 0]))
    source = made(lambda: heading, partial(rows, 0, 5), lambda: heading, partial(rows, 5, 7))
    reading = PageReader(lines, source, HEIGHTS, 12)
    first, _ = reading.page(PageRange(0, 4, 0))
    second, headings = reading.page(PageRange(4, 9, 0))
    assert [run.dark for run in first] == [False, False]
    assert [(run.kind, run.dark) for run in second] == [(0, True), (1, True), (0, False)]
    assert headings == ("A",)


def test_the_page_at_hand_can_be_asked_for_again() -> None:
    reading = PageReader(TableLines(bytearray(4)), made(partial(rows, 0, 4)), HEIGHTS, 12)
    assert reading.page(PageRange(0, 2, 0)) == reading.page(PageRange(0, 2, 0))
    [run], _ = reading.page(PageRange(2, 4, 0))
    assert run.batch.columns[0] == ["text 2", "text 3"]


def test_a_row_that_pages_cut_is_handed_out_in_pieces() -> None:
    lines = TableLines()
    lines.add_rows([1, 10, 1], most=5)
    reading = PageReader(lines, made(partial(rows, 0, 3)), HEIGHTS, 12)
    pages = [
        reading.page(PageRange(0, 4, 0))[0],
        reading.page(PageRange(4, 8, 0))[0],
        reading.page(PageRange(8, 12, 0))[0],
    ]
    pieces = [(run.batch.columns[0], run.first, run.last, run.dark) for page in pages for run in page]
    assert pieces == [
        (["text 0"], 0, None, False),
        (["text 1"], 0, 3, True),
        (["text 1"], 3, 7, True),
        (["text 1"], 7, 10, True),
        (["text 2"], 0, None, False),
    ]
