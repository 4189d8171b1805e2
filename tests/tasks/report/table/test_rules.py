"""Cells coloured by condition."""

from pathlib import Path

from PIL import Image

from tests.support.report.printed_table import TablePages, print_table

RED, GREEN, YELLOW = (200, 0, 0), (0, 128, 0), (255, 255, 0)


def colours_of(pages: TablePages, page: int = 0, scale: int = 4) -> dict[str, set[tuple[int, ...]]]:
    """Row by row, the strong colours behind and in its text; rows are called by their characters."""
    picture = pages.printed.picture(page, scale)
    found = {}
    for row in pages.rows_of(page):
        left, top, right, bottom = (
            row[0].left * scale - 8,
            picture.height - max(one.top for one in row) * scale,
            row[-1].right * scale + 8,
            picture.height - min(one.bottom for one in row) * scale,
        )
        found["".join(one.text for one in row)] = strong(picture.crop((int(left), int(top), int(right), int(bottom))))
    return found


def strong(picture: Image.Image) -> set[tuple[int, ...]]:
    return {colour for colour in (RED, GREEN, YELLOW) if any(near(one, colour) for _, one in colours(picture))}


def colours(picture: Image.Image) -> list[tuple[int, tuple[int, ...]]]:
    return picture.getcolors(1 << 20) or []  # type: ignore[return-value]


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(here - there) < 12 for here, there in zip(one, other, strict=True))


COLUMN = {
    "field": "n",
    "type": "integer",
    "total": "sum",
    "rules": [
        {"op": "<", "value": 0, "colour": "#c80000", "bold": True},
        {"op": ">", "value": 90, "background": "#ffff00", "colour": "#008000"},
    ],
}


def test_a_rule_colours_the_cells_for_which_it_holds_and_no_other(tmp_path: Path) -> None:
    rows = [{"k": f"row{index}", "n": value} for index, value in enumerate((5, -7, 95, 6, -8))]
    found = colours_of(print_table(tmp_path, [{"field": "k"}, COLUMN], rows, zebra=False))
    assert found["row05"] == set()
    assert found["row1-7"] == {RED}
    assert found["row295"] == {GREEN, YELLOW}
    assert found["row36"] == set()
    assert found["row4-8"] == {RED}


def test_rules_find_their_rows_on_every_page(tmp_path: Path) -> None:
    rows = [{"k": f"row{index:03d}", "n": -1 if index % 10 == 0 else 1} for index in range(120)]
    pages = print_table(tmp_path, [{"field": "k"}, COLUMN], rows)
    red = {name for page in range(len(pages.texts)) for name, strong in colours_of(pages, page, 3).items() if strong}
    assert {name[:6] for name in red if name.startswith("row")} == {f"row{index:03d}" for index in range(0, 120, 10)}


def test_a_text_in_several_lines_and_several_fonts_is_coloured_whole(tmp_path: Path) -> None:
    column = {"field": "t", "width": 90, "rules": [{"op": "contains", "value": "late", "colour": "#c80000"}]}
    rows = [{"t": "late 遅延 delivery of 部品 to somewhere"}, {"t": "in time 定刻 as it should be"}]
    found = colours_of(print_table(tmp_path, [column], rows))
    late = [name for name, strong in found.items() if RED in strong]
    assert "".join(late) == "late遅延deliveryof部品tosomewhere"


def test_bold_numbers_end_where_the_others_do(tmp_path: Path) -> None:
    pages = print_table(tmp_path, [{"field": "k"}, COLUMN], [{"k": "a", "n": 50}, {"k": "b", "n": -50}])
    rights = [row[-1].right for row in pages.rows_of()[1:3]]
    assert abs(rights[0] - rights[1]) < 0.6
