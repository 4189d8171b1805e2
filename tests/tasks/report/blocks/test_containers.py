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
        columns([text("start")], [text("right")], weights=[1, 100]),
        columns([text("start")], [text("right")], gap=14_400),
    ],
    ids=["too narrow", "too far apart"],
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


def test_columns_higher_than_a_page_go_on_over_pages_side_by_side(tmp_path: Path) -> None:
    rows = [{"a": f"cell {number}"} for number in range(100)]
    table = {"type": "table", "columns": [{"field": "a"}], "rows": rows}
    block = columns([heading("Left", anchor="left"), text("start " + LOREM * 120 + "end")], [text("right"), table])
    printed = render_report(tmp_path, [text("above"), block, text("below")], document=BARE)
    pages = printed.texts()
    assert "start" in pages[0]
    assert "right" in pages[0]
    assert "end" in pages[-1]
    cells = [page.count("cell") for page in pages]
    assert sum(cells) == 100
    assert min(cells[:2]) > 20
    assert len(pages) == 4
    assert printed.warnings == []
    assert printed.bookmarks() == [(0, "Left", 0)]


def test_columns_over_pages_begin_where_there_is_room_and_a_heading_goes_with_them(tmp_path: Path) -> None:
    block = columns([text(LOREM * 120)], [heading("Inside"), text("right")])
    for above, first in ((20, 0), (54, 1)):
        printed = render_report(tmp_path, [text(LOREM * above), heading("Columns"), block], document=BARE)
        assert printed.bookmarks() == [(0, "Columns", first), (0, "Inside", first)]


@pytest.mark.parametrize("gap", [0, 4])
def test_cards_in_columns_do_not_touch(tmp_path: Path, gap: int) -> None:
    cards = [{"type": "kpis", "items": [{"label": "l", "value": "1"}]}]
    printed = render_report(tmp_path, [columns(cards, cards, gap=gap)], document=BARE)
    row = printed.picture(scale=2).convert("L").crop((0, 2 * 100, 2 * 595, 2 * 100 + 1))
    left, middle = row.crop((0, 0, 595, 1)), row.crop((595 - 8, 0, 595 + 8, 1))
    assert min(left.tobytes()) < 250
    assert min(middle.tobytes()) == 255


@pytest.mark.parametrize("orientation", ["portrait", "landscape"])
def test_a_heading_before_a_section_goes_to_its_pages_and_is_laid_out_for_them(
    tmp_path: Path, orientation: str
) -> None:
    long = "A heading that is as long as the page is wide and goes on and on until it has more than one line " * 2
    other = {"portrait": "landscape", "landscape": "portrait"}[orientation]
    section = {"type": "section", "orientation": orientation, "blocks": [text("inside")]}
    for before in ([], [text("before")]):
        blocks = [*before, heading(long, anchor="a"), heading("Second", 2), section]
        printed = render_report(tmp_path, blocks, document={**BARE, "page": {"orientation": other}})
        pages = printed.texts()
        assert len(pages) == len(before) + 1
        assert "Second" in pages[-1]
        assert "inside" in pages[-1]
        assert [page for _, _, page in printed.bookmarks()] == [len(before)] * 2
        with pypdfium2.PdfDocument(printed.path) as document:
            page = document[len(document) - 1]
            right = max(page.get_textpage().get_charbox(index)[2] for index in range(len(long)))
            assert page.get_width() / 2 < right < page.get_width() - 54
            assert (page.get_width() > page.get_height()) == (orientation == "landscape")


def test_a_heading_that_ends_a_section_stays_there(tmp_path: Path) -> None:
    section = {"type": "section", "orientation": "landscape", "blocks": [heading("Divider")]}
    printed = render_report(tmp_path, [section, text("after")], document=BARE)
    assert printed.texts() == ["Divider", "after"]
