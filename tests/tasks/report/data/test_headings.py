"""Headings: the row that names the columns is found, and every column gets a name of its own."""

import pytest

from tasks.report.data.headings import could_name, find_heading_row, name_columns


def heading_of(*rows: str) -> int:
    """The row that is found among rows whose cells are parted by `|`."""
    filled = [{column: could_name(cell) for column, cell in enumerate(row.split("|")) if cell.strip()} for row in rows]
    return find_heading_row(filled)


@pytest.mark.parametrize(
    ("rows", "heading"),
    [
        (["a|b", "1|2", "3|4"], 0),
        (["a|b"], 0),
        (["", "a|b", "1|2"], 1),
        (["Sales 2026", "Region|Amount", "North|5"], 1),
        (["Sales 2026", "", "of the north|", "a|b|c", "x|1|2", "y|3|4"], 3),
        (["|a|b", "x|1|2", "y|3|4"], 0),  # an index without a name
        (["|a|b", "x|yes|no", "y|no|yes"], 0),
        (["a|b|c|d", "1|||", "2|||", "3||x|"], 0),  # sparse data
        (["Title", "1|2|3", "4|5|6"], 0),  # no row names these columns
        (["City|Country", "Rome|Italy|2026|1", "Oslo|Norway|2026|2"], 0),  # names for some columns alone
        (["Turnover", "Region|2025|2026", "North|5.5|6.5", "South|1.5|2.5"], 1),  # years are names
        (["", ""], -1),
        ([], -1),
    ],
)
def test_the_first_row_as_wide_as_the_data_names_the_columns(rows: list[str], heading: int) -> None:
    assert heading_of(*rows) == heading


@pytest.mark.parametrize(
    ("text", "names"),
    [("Amount", True), ("Q1", True), ("2026", True), ("1.5", False), ("2026-01-05", False), ("€5", False), ("é", True)],
)
def test_words_and_years_may_be_names(text: str, names: bool) -> None:
    assert could_name(text) is names


def named(headings: list[str], used: set[int]) -> tuple[list[str], dict[str, str]]:
    warnings: dict[str, str] = {}
    names = name_columns(dict(enumerate(headings)), used, lambda column: f"Column {column + 1}", warnings.__setitem__)
    return names, warnings


def test_each_column_has_a_name_of_its_own() -> None:
    names, warnings = named(["a", "", "b", "a", "", "a (2)", "a"], {0, 1, 6, 7})
    assert names == ["a", "Column 2", "b", "a (3)", "", "a (2)", "a (4)", "Column 8"]
    assert warnings == {
        "unnamed_columns": "Columns without a heading are called 'Column 2', 'Column 8'.",
        "duplicate_columns": "Columns have the same heading and are told apart as 'a (3)', 'a (4)'.",
    }


def test_a_long_heading_is_clipped_and_told_of_in_few_words() -> None:
    names, warnings = named(["x" * 100_000, "y", "x" * 99_999], {0, 1, 2})
    assert [len(name) for name in names] == [200, 1, 196]
    assert names[0] == "x" * 199 + "…"
    assert warnings.keys() == {"clipped_headings", "duplicate_columns"}
    assert max(map(len, warnings.values())) < 400


def test_many_headings_are_told_of_in_few_words() -> None:
    _, warnings = named(["a"] * 1_000, set())
    assert warnings["duplicate_columns"].endswith("'a (6)' and 994 more.")
