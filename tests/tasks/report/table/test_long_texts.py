"""Texts that are wider than their column, or taller than a page."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tasks.report.fonts.line_breaking import break_lines
from tests.support.report.printed_table import Columns, TablePages, print_table

STORY = " ".join(f"word{number}" for number in range(1_100))[:10_000]
TWO: list[dict[str, Any]] = [{"field": "k"}, {"field": "t"}]


def joined(pages: TablePages) -> str:
    return "".join("".join(page.split()) for page in pages.texts)


def test_a_text_is_broken_into_lines_and_the_row_grows(tmp_path: Path) -> None:
    pages = print_table(
        tmp_path, TWO, [{"k": "a", "t": "short"}, {"k": "b", "t": "many words " * 20}, {"k": "c", "t": ""}]
    )
    tops = [row[0].top for row in pages.rows_of() if row[0].text in "abc" and len({one.text for one in row}) <= 9]
    assert joined(pages).count("manywords") == 20
    assert tops[0] - tops[-1] > 18 + 18
    assert pages.printed.warnings == [("wrapped", "blocks.0")]


@pytest.mark.parametrize("text", [STORY, "W" * 10_000, "字" * 10_000], ids=["words", "one word", "one word of Han"])
def test_a_text_taller_than_a_page_goes_on_on_the_next(tmp_path: Path, text: str) -> None:
    rows = [{"k": "before", "t": "x"}, {"k": "tall", "t": text}, {"k": "after", "t": "y"}]
    pages = print_table(tmp_path, TWO, rows)
    assert len(pages.texts) > 1
    body = joined(pages).replace("kt", "").replace("continued", "")
    assert body == f"beforexTALL{text}aftery".replace("TALL", "tall").replace(" ", "")
    assert all(one.bottom > 40 for page in range(len(pages.texts)) for one in pages.characters(page))


def test_a_text_on_many_pages_is_broken_into_lines_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When pages are planned and when they are drawn, not again for each page: that took ten times as long."""
    broken = Counter[str]()

    def counted(text: str, *more: Any) -> list[str]:
        broken[text] += 1
        return break_lines(text, *more)

    monkeypatch.setattr("tasks.report.table.fit.break_lines", counted)
    columns: Columns = [{"field": "a", "width": 40}, {"field": "b", "width": 40}]
    rows = [{"a": letter * 3_000, "b": letter.upper() * 4_000} for letter in "xyz"]
    assert len(print_table(tmp_path, columns, rows).texts) > 12
    assert len(broken) == 6
    assert max(broken.values()) <= 2


def test_the_other_cells_of_a_tall_row_stand_on_its_first_page_only(tmp_path: Path) -> None:
    columns: Columns = [
        *TWO,
        {"field": "a", "type": "integer", "rules": [{"op": ">", "value": 1, "bold": True, "colour": "negative"}]},
    ]
    pages = print_table(tmp_path, columns, [{"k": "tall", "t": STORY, "a": 777_777}])
    assert ["777,777" in page for page in pages.texts] == [True, False]
    assert ["tall" in page for page in pages.texts] == [True, False]


def test_two_tall_texts_in_a_row_go_on_beside_each_other(tmp_path: Path) -> None:
    columns: Columns = [{"field": "a", "width": 200}, {"field": "b", "width": 200}]
    first, second = "a" * 4_000, "b" * 6_000
    pages = print_table(tmp_path, columns, [{"a": first, "b": second}, {"a": "", "b": "end"}])
    text = joined(pages)
    assert text.count("a") >= 4_000
    assert text.count("b") >= 6_000
    assert text.endswith("end")


def test_a_text_is_cut_where_that_is_asked_for_and_the_report_counts_it(tmp_path: Path) -> None:
    columns: Columns = [{"field": "k"}, {"field": "t", "title": "What", "overflow": "clip", "width": 80}]
    rows = [{"k": "a", "t": "fits"}, {"k": "b", "t": "does not fit into it"}, {"k": "c", "t": "nor does this one here"}]
    pages = print_table(tmp_path, columns, rows)
    [warning] = pages.printed.answer["warnings"]
    assert warning["code"] == "clipped"
    assert warning["message"].startswith("2 texts are wider than the column 'What'")
    assert pages.texts[0].count("…") == 2
    assert all(one.right <= 595 for one in pages.characters())


def test_line_feeds_are_lines_and_a_cut_text_has_one(tmp_path: Path) -> None:
    rows = [{"k": "a", "t": "one\ntwo\nthree"}]
    assert len(print_table(tmp_path, TWO, rows).rows_of()) == 4
    cut = print_table(tmp_path, [{"field": "k"}, {"field": "t", "overflow": "clip"}], rows)
    assert len(cut.rows_of()) == 2
    assert "one two three" in " ".join(cut.texts[0].split())


@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_lines_of_every_alignment_stay_in_their_column(tmp_path: Path, align: str) -> None:
    columns: Columns = [
        {"field": "k", "width": 60},
        {"field": "t", "align": align, "width": 120},
        {"field": "z", "width": 60},
    ]
    pages = print_table(tmp_path, columns, [{"k": "k", "t": "日本語と words mixed together " * 4, "z": "z"}] * 3)
    for row in pages.rows_of()[1:]:
        for one in row:
            if one.text not in "kz":
                assert 54 + 60 + 5 <= one.left <= one.right <= 54 + 180 - 5


def test_a_number_too_wide_for_its_column_is_broken_not_lost(tmp_path: Path) -> None:
    columns: Columns = [{"field": "k"}, {"field": "n", "type": "integer", "width": 30}]
    pages = print_table(tmp_path, columns, [{"k": "x", "n": 123_456_789_012}])
    assert "123,456,789,012" in joined(pages)
    assert pages.printed.warnings == [("wrapped", "blocks.0")]


def test_a_total_too_wide_for_its_column_is_cut_and_the_report_says_so(tmp_path: Path) -> None:
    columns: Columns = [{"field": "k"}, {"field": "n", "type": "integer", "width": 34, "total": "sum"}]
    pages = print_table(tmp_path, columns, [{"k": "x", "n": 9_999}] * 200)
    assert ("clipped", "blocks.0") in pages.printed.warnings


def test_a_long_title_has_four_lines_at_most(tmp_path: Path) -> None:
    columns: Columns = [{"field": "k", "title": "A very long title of a column " * 6, "width": 60}, {"field": "t"}]
    pages = print_table(tmp_path, columns, [{"k": "x", "t": "y"}])
    assert len(pages.rows_of()) == 5
    assert "…" in pages.texts[0]
    assert pages.printed.warnings == [("clipped", "blocks.0")]
