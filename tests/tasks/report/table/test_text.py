"""What is written in a table can be read from the file, whatever it is, and stands where it should."""

from pathlib import Path

import pytest

from tests.support.report.printed_table import Columns, print_table

TEXTS = [
    "plain",
    "back\\slash (and) ((parentheses)) \\",
    "100 % <b>bold</b> & {page} %s %d",
    "Ñandú Ærø Łódź İstanbul Ελληνικά Кириллица",
    "東京都 (Tōkyō) 千代田区",
    "混ぜた text と ひらがな, カタカナ。",
    "汉语 한국어 日本語",
    "∑ ≤ ∞ → ★",
    "€ £ ¥ ₹ ₩",
    "a",
]


@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_texts_of_every_script_are_read_back(tmp_path: Path, align: str) -> None:
    columns: Columns = [{"field": "k", "align": align}, {"field": "t", "align": align}]
    pages = print_table(tmp_path, columns, [{"k": f"<{n}>", "t": text} for n, text in enumerate(TEXTS)])
    expected = "kt" + "".join(f"<{number}>{text}" for number, text in enumerate(TEXTS))
    assert "".join(pages.texts[0].split()) == "".join(expected.split())
    assert pages.printed.warnings == []


def test_more_characters_than_one_part_of_a_font_holds(tmp_path: Path) -> None:
    """An embedded font has parts of 256 characters; from the second on they are written one text at a time."""
    letters = [
        chr(point)
        for point in (*range(0x100, 0x180), *range(0x390, 0x3CA), *range(0x410, 0x450))
        if chr(point).isalpha()
    ]
    rows = [{"t": "".join(letters[start : start + 20])} for start in range(0, len(letters), 20)]
    pages = print_table(tmp_path, [{"field": "t"}], rows)
    assert pages.lines()[1:] == [row["t"] for row in rows]


def test_numbers_stand_under_each_other_at_their_decimal_mark(tmp_path: Path) -> None:
    column = {"field": "n", "type": "decimal", "format": "#,##0.###"}
    values = ["1", "0.125", "-1234567.5", "22.75", "333333"]
    pages = print_table(tmp_path, [column, {"field": "t"}], [{"n": value, "t": "x"} for value in values])
    places = []
    for row in pages.rows_of()[1:]:
        number = [one for one in row if one.text != "x"]
        marks = [one for one in number if one.text == "."]
        places.append(marks[0].left if marks else None)
    found = [place for place in places if place is not None]
    assert found == pytest.approx([found[0]] * 3, abs=0.05)
    units = [
        row[[one.text for one in row].index(".") - 1 if "." in [one.text for one in row] else -2]
        for row in pages.rows_of()[1:]
    ]
    for unit, row in zip(units, pages.rows_of()[1:], strict=True):
        assert unit in row
        assert unit.right < found[0] + 1


def test_money_ends_at_one_edge_and_totals_with_it(tmp_path: Path) -> None:
    columns: Columns = [{"field": "t"}, {"field": "a", "type": "money", "total": "sum"}]
    pages = print_table(tmp_path, columns, [{"t": "x", "a": f"{10**power}.10"} for power in range(8)])
    edges = [row[-1].right for row in pages.rows_of()[1:]]
    assert len(edges) == 9
    assert max(edges) - min(edges) < 0.6  # a bold digit is a little wider


def test_center_and_right_are_what_they_say(tmp_path: Path) -> None:
    columns: Columns = [{"field": "c", "align": "center", "width": 200}, {"field": "r", "align": "right", "width": 200}]
    pages = print_table(
        tmp_path, columns, [{"c": "i", "r": "i"}, {"c": "wide text", "r": "wide text"}, {"c": "中央", "r": "右"}]
    )
    middles, rights = [], []
    for row in pages.rows_of()[1:]:
        half = next(index for index, one in enumerate(row) if one.left > 54 + 200)
        middles.append((row[0].left + row[half - 1].right) / 2)
        rights.append(row[-1].right)
    assert middles == pytest.approx([54 + 100] * 3, abs=1)
    assert rights == pytest.approx([54 + 400 - 6] * 3, abs=1)


def test_text_is_read_row_by_row(tmp_path: Path) -> None:
    columns: Columns = [{"field": "a"}, {"field": "b", "type": "integer"}, {"field": "c"}]
    pages = print_table(tmp_path, columns, [{"a": f"one {n}", "b": n, "c": f"three {n}"} for n in range(5)])
    assert pages.texts[0].split() == ["a", "b", "c", *" ".join(f"one {n} {n} three {n}" for n in range(5)).split()]


def test_a_character_that_no_font_has_is_replaced_and_warned_of(tmp_path: Path) -> None:
    pages = print_table(tmp_path, [{"field": "t"}], [{"t": "a\U000e0101b"}, {"t": "\U00012000 cuneiform"}])
    assert any(code == "missing_glyphs" for code, _ in pages.printed.warnings)
    assert any("cuneiform" in line for line in pages.lines())


def test_a_title_that_is_cut_and_a_caption_that_can_be_are_told(tmp_path: Path) -> None:
    rows = [{"a": "x"}] * 60
    pages = print_table(tmp_path, [{"field": "a"}], rows, title="A title that goes on " * 8)
    assert [code for code, _ in pages.printed.warnings] == ["clipped", "clipped"]
    assert "…" in pages.texts[0]
    assert "…" in pages.texts[1]
    assert print_table(tmp_path, [{"field": "a"}], rows, title="T").printed.warnings == []
