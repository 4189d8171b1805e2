"""Tables that are wider than the page."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.report.printed_table import Columns, TablePages, print_table
from tests.support.report.rendering import heading, render_report, text

PORTRAIT, LANDSCAPE = (595, 842), (842, 595)
MARGIN = 54


def wide(count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A key and `count` columns of numbers, each different."""
    columns: Columns = [
        {"field": "k", "title": "Station"},
        *({"field": f"f{n}", "type": "integer"} for n in range(count)),
    ]
    rows = [{"k": f"Stop {row}", **{f"f{n}": 100_000 + row * 1_000 + n for n in range(count)}} for row in range(50)]
    return columns, rows


def assert_nothing_leaves_the_page(pages: TablePages) -> None:
    for page, (width, height) in enumerate(pages.sizes):
        for one in pages.characters(page):
            assert MARGIN - 1 <= one.left <= one.right <= width - MARGIN + 1
            assert 0 <= one.bottom <= one.top <= height


def sizes(pages: TablePages) -> set[tuple[int, int]]:
    return {(round(width), round(height)) for width, height in pages.sizes}


def text_height(pages: TablePages) -> float:
    return max(one.top - one.bottom for one in pages.characters() if one.text == "1")


@pytest.mark.parametrize("overflow", ["shrink", "columns", "landscape"])
@pytest.mark.parametrize("count", [5, 11, 16, 59])
def test_every_cell_is_on_some_page_and_none_leaves_it(tmp_path: Path, overflow: str, count: int) -> None:
    columns, rows = wide(count)
    pages = print_table(tmp_path, columns, rows, overflow=overflow)
    printed = " ".join(pages.texts).split()
    wanted = {f"{value:,}" for row in rows for field, value in row.items() if field != "k"}
    assert wanted <= set(printed)
    assert sum(word in wanted for word in printed) == len(wanted)
    assert_nothing_leaves_the_page(pages)


def test_shrinking_keeps_the_columns_together(tmp_path: Path) -> None:
    columns, rows = wide(11)
    normal = text_height(print_table(tmp_path, *wide(5)))
    pages = print_table(tmp_path, columns, rows, overflow="shrink")
    assert text_height(pages) < normal
    assert pages.printed.warnings == []
    assert sizes(pages) == {PORTRAIT}


def test_where_shrinking_is_not_enough_the_columns_go_over_pages_and_the_report_says_so(tmp_path: Path) -> None:
    normal = text_height(print_table(tmp_path, *wide(5)))
    pages = print_table(tmp_path, *wide(59), overflow="shrink")
    assert text_height(pages) == pytest.approx(normal, abs=0.01)
    assert pages.printed.warnings == [("table_too_wide", "blocks.0")]


def test_pages_side_by_side_repeat_the_key_and_the_header(tmp_path: Path) -> None:
    pages = print_table(tmp_path, *wide(16), overflow="columns", title="Stops")
    assert pages.printed.warnings == []
    assert all("Station" in page for page in pages.texts)
    assert all("Stop 10" in page or "Stop 49" in page for page in pages.texts)
    # The rows of a page stand on the pages that follow it, before the next rows come.
    assert ["Stop 10" in page for page in pages.texts] == [True, True, False, False]


def test_landscape_turns_the_tables_pages_and_no_other(tmp_path: Path) -> None:
    pages = print_table(tmp_path, *wide(11), overflow="landscape")
    assert sizes(pages) == {LANDSCAPE}
    assert pages.printed.warnings == []
    assert sizes(print_table(tmp_path, *wide(5), overflow="landscape")) == {PORTRAIT}


def test_landscape_in_landscape_shrinks(tmp_path: Path) -> None:
    pages = print_table(tmp_path, *wide(16), overflow="landscape", document={"page": {"orientation": "landscape"}})
    assert sizes(pages) == {LANDSCAPE}
    assert_nothing_leaves_the_page(pages)


@pytest.mark.parametrize("width", [0, 1, 5, 2_000, 14_400])
@pytest.mark.parametrize("overflow", ["shrink", "columns", "landscape"])
def test_a_width_that_makes_no_sense_breaks_nothing(tmp_path: Path, width: float, overflow: str) -> None:
    columns: Columns = [
        {"field": "a", "width": width},
        {"field": "b", "width": width, "type": "integer"},
        {"field": "c"},
    ]
    rows = [{"a": "some text", "b": 12_345, "c": "more"}]
    pages = print_table(tmp_path, columns, rows, overflow=overflow)
    assert_nothing_leaves_the_page(pages)
    letters = "".join("".join(page.split()) for page in pages.texts)
    assert "more" in letters


def test_a_narrow_page_and_many_columns(tmp_path: Path) -> None:
    page = {"size": [110, 300], "margins": {"top": 36, "bottom": 36, "left": 36, "right": 36}}
    columns, rows = wide(20)
    pages = print_table(tmp_path, columns, rows[:3], document={"page": page})
    assert sizes(pages) == {(110, 300)}
    assert all(0 <= one.left <= one.right <= 110 for one in pages.characters())
    assert ("table_too_wide", "blocks.0") in pages.printed.warnings


def test_fixed_widths_are_kept_where_there_is_room(tmp_path: Path) -> None:
    columns: Columns = [{"field": "a", "width": 120}, {"field": "b", "width": 200}, {"field": "c", "width": "flex"}]
    pages = print_table(tmp_path, columns, [{"a": "x", "b": "y", "c": "z"}])
    lefts = [one.left for one in pages.rows_of()[1]]
    assert lefts == pytest.approx([MARGIN + 6, MARGIN + 126, MARGIN + 326], abs=0.7)


def test_a_table_fills_the_page(tmp_path: Path) -> None:
    columns: Columns = [{"field": "a"}, {"field": "b"}, {"field": "c", "type": "integer"}]
    pages = print_table(tmp_path, columns, [{"a": "some words", "b": "other words of text", "c": 123_456}])
    assert pages.rows_of()[1][-1].right == pytest.approx(595 - MARGIN - 6, abs=1)


@pytest.mark.parametrize("overflow", ["landscape", "columns", "shrink"])
@pytest.mark.parametrize("before", [0, 30])
@pytest.mark.parametrize("count", [11, 16, 59])
def test_a_heading_stands_with_its_table_whichever_way_that_turns(
    tmp_path: Path, overflow: str, before: int, count: int
) -> None:
    columns, rows = wide(count)
    table = {"type": "table", "columns": columns, "rows": rows, "overflow": overflow}
    blocks = [*[text("above")] * before, heading("Stops", anchor="stops"), heading("All of them", 2), table]
    printed = render_report(tmp_path, blocks)
    pages = [page.split() for page in printed.texts()]
    [page] = [number for number, words in enumerate(pages) if "Stops" in words]
    assert "Station" in pages[page]
    assert "Stop" in pages[page]
    assert [place for _, _, place in printed.bookmarks()] == [page, page]
    assert not before or "above" in pages[0]


def test_a_heading_stands_with_a_table_whose_first_row_is_nearly_as_tall_as_a_page(tmp_path: Path) -> None:
    for lines in range(52, 64):
        table = {"type": "table", "columns": [{"field": "a"}], "rows": [{"a": "\n".join(["line"] * lines)}] * 2}
        printed = render_report(tmp_path, [heading("Long"), table])
        assert "line" in printed.texts()[0]
        assert printed.text().count("line") == 2 * lines
