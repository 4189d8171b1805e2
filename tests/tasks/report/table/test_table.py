"""Tables of one page and of many, with and without groups."""

from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.report.printed_table import BARE, Columns, TablePages, print_table
from tests.support.report.rendering import heading, render_report, text

COLUMNS: list[dict[str, Any]] = [{"field": "n", "title": "Number"}, {"field": "a", "type": "integer", "total": "sum"}]


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"n": f"row-{number:04d}", "a": number, "g": f"group-{number // 7:03d}"} for number in range(count)]


def words(pages: TablePages, begins: str) -> list[list[str]]:
    """By page, the words that begin so."""
    return [[word for word in page.split() if word.startswith(begins)] for page in pages.texts]


def test_every_row_is_printed_once_and_in_order(tmp_path: Path) -> None:
    pages = print_table(tmp_path, COLUMNS, numbered(1_000))
    assert list(chain(*words(pages, "row-"))) == [row["n"] for row in numbered(1_000)]
    assert pages.printed.answer["pages"] == len(pages.texts) > 20


def test_each_page_has_the_header_and_says_what_goes_on(tmp_path: Path) -> None:
    pages = print_table(tmp_path, COLUMNS, numbered(200), title="All of it")
    assert pages.lines(0)[0] == "All of it"
    assert all("Number" in page for page in pages.texts)
    assert all(page.startswith("All of it · continued") for page in pages.texts[1:])


def test_the_hint_speaks_the_documents_language(tmp_path: Path) -> None:
    pages = print_table(tmp_path, COLUMNS, numbered(60), document={"lang": "ja-JP"})
    assert pages.texts[1].startswith("続き")


def test_a_full_page_is_full(tmp_path: Path) -> None:
    pages = print_table(tmp_path, COLUMNS, numbered(200))
    margin, row, under_text = 60, 18, 6
    assert min(one.bottom for one in pages.characters(1)) < margin + row + under_text


@pytest.mark.parametrize("density", ["comfortable", "compact"])
def test_the_zebra_goes_on_from_page_to_page(tmp_path: Path, density: str) -> None:
    pages = print_table(tmp_path, COLUMNS, numbered(150), document={"theme": {"density": density}})
    shades = []
    for page in range(len(pages.texts)):
        picture = pages.printed.picture(page)
        for row in pages.rows_of(page):
            if "".join(one.text for one in row).startswith("row-"):
                middle = (row[0].top + row[0].bottom) / 2
                shades.append(is_dark(picture, picture.height - middle))
    assert len(shades) == 150
    assert not shades[0]
    assert all(one != other for one, other in pairwise(shades))


def is_dark(picture: Image.Image, y: float) -> bool:
    return picture.getpixel((300, round(y))) != (255, 255, 255)


def test_without_zebra_no_row_is_dark(tmp_path: Path) -> None:
    pages = print_table(tmp_path, COLUMNS, numbered(10), zebra=False)
    picture = pages.printed.picture()
    middles = [(row[0].top + row[0].bottom) / 2 for row in pages.rows_of()]
    assert not any(is_dark(picture, picture.height - middle) for middle in middles)


def test_a_table_without_rows_says_so(tmp_path: Path) -> None:
    pages = print_table(tmp_path, COLUMNS, [], title="Nothing", empty="There is nothing to tell.")
    assert pages.texts[0].split() == ["Nothing", "Number", "a", "There", "is", "nothing", "to", "tell."]


def test_a_table_of_one_row(tmp_path: Path) -> None:
    pages = print_table(tmp_path, COLUMNS, numbered(1))
    assert pages.texts[0].split() == ["Number", "a", "row-0000", "0", "Total", "0"]


def test_the_total_never_stands_alone(tmp_path: Path) -> None:
    for count in range(35, 42):
        last = print_table(tmp_path, COLUMNS, numbered(count)).texts[-1]
        assert "Total" in last
        assert "row-" in last


def test_groups_have_headings_subtotals_and_a_grand_total(tmp_path: Path) -> None:
    pages = print_table(tmp_path, COLUMNS, numbered(21), group_by=[{"field": "g"}])
    expected = "Number a "
    for group in range(3):
        rows = range(group * 7, group * 7 + 7)
        expected += (
            f"group-00{group} " + "".join(f"row-{n:04d} {n} " for n in rows) + f"Total group-00{group} {sum(rows)} "
        )
    assert pages.texts[0].split() == (expected + "Total 210").split()


def test_no_heading_ends_a_page_and_no_subtotal_begins_one(tmp_path: Path) -> None:
    columns: Columns = [{"field": "n"}, {"field": "a", "type": "integer", "total": "sum"}]
    pages = print_table(tmp_path, columns, numbered(1_000), group_by=[{"field": "g"}])
    assert len(pages.texts) > 25
    for page in range(len(pages.texts)):
        lines = ["".join(one.text for one in row) for row in pages.rows_of(page)]
        assert not lines[-1].startswith("group-")
        body = lines[2:] if page else lines[1:]
        assert body[0].startswith(("group-", "row-"))


def test_a_page_says_which_group_goes_on(tmp_path: Path) -> None:
    rows = [{"n": f"row-{n:04d}", "a": n, "g": "North", "h": "Oslo" if n < 20 else "Bergen"} for n in range(120)]
    columns: Columns = [{"field": "n"}, {"field": "a", "type": "integer"}]
    pages = print_table(tmp_path, columns, rows, title="Sales", group_by=[{"field": "g"}, {"field": "h"}])
    assert pages.lines(1)[0] == "Sales · North · Bergen · continued"


def test_a_group_can_begin_on_a_new_page(tmp_path: Path) -> None:
    pages = print_table(tmp_path, COLUMNS, numbered(21), group_by=[{"field": "g", "page_break": True}])
    assert [sorted(set(page)) for page in words(pages, "group-")] == [["group-000"], ["group-001"], ["group-002"]]


def test_a_long_label_reaches_into_empty_cells_beside_it(tmp_path: Path) -> None:
    columns: Columns = [{"field": "n"}, {"field": "t"}, {"field": "a", "type": "integer", "total": "sum"}]
    rows = [{"n": "1", "t": "text", "a": 1, "g": "The northern and the north-western provinces"}]
    pages = print_table(tmp_path, columns, rows, group_by=[{"field": "g"}])
    assert "Total The northern and the north-western provinces" in " ".join(pages.texts[0].split())
    assert pages.printed.warnings == []


def test_a_heading_wider_than_the_table_is_cut_and_the_report_says_so(tmp_path: Path) -> None:
    rows = [{"n": "1", "a": 1, "g": "Very long " * 30}]
    pages = print_table(tmp_path, COLUMNS, rows, group_by=[{"field": "g"}])
    assert "…" in pages.texts[0]
    assert ("clipped", "blocks.0") in pages.printed.warnings


def test_a_table_begins_where_its_header_and_two_rows_fit(tmp_path: Path) -> None:
    for lines in range(30, 60):
        before = [heading("Before"), text("\n".join(["line"] * lines)), heading("The table", 2)]
        block = {"type": "table", "columns": COLUMNS, "rows": numbered(5)}
        texts = render_report(tmp_path, [*before, block], document=BARE).texts()
        where = [page for page in texts if "Number" in page]
        assert "row-0001" in where[0]
        assert "The table" in where[0]


def test_what_follows_a_table_stands_under_it(tmp_path: Path) -> None:
    block = {"type": "table", "columns": COLUMNS, "rows": numbered(3)}
    printed = render_report(tmp_path, [block, text("After it."), block], document=BARE)
    assert len(printed.texts()) == 1
    assert printed.text().index("row-0002") < printed.text().index("After it.")


def test_tables_side_by_side_stand_on_one_page(tmp_path: Path) -> None:
    block = {
        "type": "table",
        "columns": COLUMNS,
        "rows": numbered(10),
        "group_by": [{"field": "g", "page_break": True}],
    }
    printed = render_report(tmp_path, [{"type": "columns", "columns": [[block], [block]]}], document=BARE)
    assert len(printed.texts()) == 1
    assert printed.text().count("row-0009") == 2


@pytest.mark.parametrize("height", [110, 130, 160, 220])
def test_on_the_smallest_pages_every_row_is_still_there(tmp_path: Path, height: float) -> None:
    margins = dict.fromkeys(("top", "right", "bottom", "left"), 36)
    page = {"size": [240, height], "orientation": "landscape", "margins": margins}
    pages = print_table(tmp_path, COLUMNS, numbered(12), document={"page": page}, title="Small")
    assert list(chain(*words(pages, "row-"))) == [row["n"] for row in numbered(12)]
    assert pages.printed.warnings == []


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for _ in range(2):
        pages = print_table(tmp_path, COLUMNS, numbered(100), group_by=[{"field": "g"}])
        files.append(pages.printed.path.read_bytes())
    assert files[0] == files[1]
