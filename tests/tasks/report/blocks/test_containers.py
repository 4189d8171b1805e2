from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from tests.support.report.rendering import LOREM, heading, render_report, text

BARE = {"header": None, "footer": None}


def columns(*contents: list[dict[str, Any]], **said: Any) -> dict[str, Any]:
    return {"type": "columns", "columns": list(contents), **said}


def left_of(path: Path, word: str) -> float:
    with pypdfium2.PdfDocument(path) as document:
        page = document[0].get_textpage()
        index = page.get_text_range().index(word)
        return float(page.get_charbox(index, loose=True)[0])


def test_columns_stand_side_by_side_by_their_weights(tmp_path: Path) -> None:
    block = columns([text("left")], [text("right")], weights=[1, 3], gap=20)
    printed = render_report(tmp_path, [block], document=BARE)
    width = 595.28 - 54 - 54
    assert left_of(printed.path, "left") == pytest.approx(54, abs=0.1)
    assert left_of(printed.path, "right") == pytest.approx(54 + (width - 20) / 4 + 20, abs=0.1)


def test_weights_that_are_missing_are_one(tmp_path: Path) -> None:
    printed = render_report(tmp_path, [columns([text("a")], [text("b")], [text("c")], weights=[2.0])], document=BARE)
    assert printed.text().split() == ["a", "b", "c"]


def test_headings_in_columns_are_bookmarks_and_can_be_linked_to(tmp_path: Path) -> None:
    blocks = [
        text([{"text": "go", "link": "#b"}]),
        {"type": "page_break"},
        columns([heading("A")], [heading("B", anchor="b"), text("x")]),
    ]
    printed = render_report(tmp_path, blocks, document={"toc": {}})
    assert printed.bookmarks() == [(0, "A", 2), (0, "B", 2)]
    assert printed.links(1) == ["page 2"]


def test_columns_that_do_not_fit_here_go_to_the_next_page(tmp_path: Path) -> None:
    blocks = [text(LOREM * 50), columns([text(LOREM * 20)], [text("right")])]
    pages = render_report(tmp_path, blocks, document=BARE).texts()
    assert len(pages) == 2
    assert "right" in pages[1]


@pytest.mark.parametrize(
    "block",
    [
        columns([text("start " + LOREM * 120)], [text("right")]),
        columns([text("start")], [text("right")], weights=[1, 100]),
        columns([text("start")], [text("right")], gap=14_400),
    ],
    ids=["too high", "too narrow", "too far apart"],
)
def test_columns_that_cannot_be_are_stacked_and_told_of(tmp_path: Path, block: dict[str, Any]) -> None:
    printed = render_report(tmp_path, [heading("Columns"), block], document=BARE)
    words = printed.text().split()
    assert words.index("start") < words.index("right")
    assert printed.warnings == [("columns_stacked", "blocks.1")]
    assert len(printed.bookmarks()) == 1


def test_columns_in_columns_and_everything_else_in_them(tmp_path: Path) -> None:
    rows = [{"a": "cell", "b": "1"}]
    table = {"type": "table", "columns": [{"field": "a"}, {"field": "b", "type": "integer"}], "rows": rows}
    chart = {"type": "chart", "kind": "bar", "categories": ["x"], "series": [{"values": [1]}], "height": 100}
    inner = columns([text("inner left")], [text("inner right")])
    many: list[dict[str, Any]] = [
        table,
        chart,
        {"type": "kpis", "items": [{"label": "label", "value": "7"}]},
        {"type": "rule"},
        inner,
    ]
    printed = render_report(tmp_path, [columns(many, [{"type": "list", "items": ["item"]}, {"type": "page_break"}])])
    assert all(word in printed.text() for word in ("cell", "label", "inner left", "inner right", "item"))
    assert printed.answer["pages"] == 1
    assert printed.answer["rows"] == 1


def test_sections_turn_their_pages_and_the_page_after_them_back(tmp_path: Path) -> None:
    section = {"type": "section", "orientation": "landscape", "blocks": [text("wide")]}
    printed = render_report(tmp_path, [text("tall"), section, section, text("tall again")])
    with pypdfium2.PdfDocument(printed.path) as document:
        sizes = [page.get_size() for page in document]
    assert [width > height for width, height in sizes] == [False, True, True, False]
    assert ["wide" in page for page in printed.texts()] == [False, True, True, False]
    assert all(f"{number} / 4" in page for number, page in enumerate(printed.texts(), start=1))


def test_a_section_inside_columns_keeps_their_orientation_and_tells(tmp_path: Path) -> None:
    section = {"type": "section", "orientation": "landscape", "blocks": [text("wide")]}
    printed = render_report(tmp_path, [columns([section])])
    assert printed.warnings == [("not_turned", "blocks.0.columns.0.0")]
    assert "wide" in printed.text()


def test_page_breaks_break_once_and_leave_no_empty_page(tmp_path: Path) -> None:
    stop = {"type": "page_break"}
    printed = render_report(tmp_path, [stop, text("a"), stop, stop, text("b"), heading("last"), stop], document=BARE)
    assert [page.split() for page in printed.texts()] == [["a"], ["b", "last"]]


def test_a_report_of_nothing_is_an_empty_page(tmp_path: Path) -> None:
    printed = render_report(tmp_path, [{"type": "page_break"}], document=BARE)
    assert printed.texts() == [""]
