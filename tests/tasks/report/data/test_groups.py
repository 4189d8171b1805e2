"""Groups: which rows are one, what it is called, and in which order they come."""

from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.report.data.groups import group_level
from tasks.report.data.rows import TableRows
from tests.support.report.tables import cells, dataset, opened, printed, write_csv

MONTHS = [{"m": f"2026-{month:02d}-{day:02d}", "v": 1} for month, day in ((3, 9), (1, 7), (1, 30), (3, 1), (2, 28))]
VALUE = {"field": "v", "type": "integer", "total": "sum"}


def headings(rows: TableRows) -> list[str]:
    return [line[0] for kind, _, line in printed(rows) if kind == "group"]


@pytest.mark.parametrize(
    ("column", "by", "found"),
    [
        ({"format": "MMMM y"}, None, ["January 2026", "February 2026", "March 2026"]),
        ({"format": "MMM"}, None, ["Jan", "Feb", "Mar"]),
        ({"format": "QQQ y"}, None, ["Q1 2026"]),
        ({"format": "EEEE"}, None, ["Monday", "Wednesday", "Friday", "Saturday", "Sunday"]),
        ({}, "month", ["January 2026", "February 2026", "March 2026"]),
        ({}, "quarter", ["Q1 2026"]),
        ({}, "year", ["2026"]),
        ({"format": "d. M."}, None, ["7. 1.", "30. 1.", "28. 2.", "1. 3.", "9. 3."]),
    ],
)
@pytest.mark.parametrize("kind", ["date", "datetime"])
def test_dates_that_are_written_alike_are_one_group_and_come_by_date(
    tmp_path: Path, column: dict[str, Any], by: str | None, found: list[str], kind: str
) -> None:
    rows = MONTHS
    if kind == "datetime":
        rows = [{**row, "m": f"{row['m']}T1{hour}:30:00"} for hour, row in enumerate(MONTHS)]
    columns = [{"field": "m", "type": kind, **column}, VALUE]
    table = opened(rows, columns, tmp_path, group_by=[{"field": "m", "by": by}])
    assert headings(table) == found
    assert len(cells(table)) == 5


def test_a_period_in_the_documents_language_also_of_a_field_that_is_not_shown(tmp_path: Path) -> None:
    group = [{"field": "m", "by": "month"}]
    assert headings(opened(MONTHS, [VALUE], tmp_path, group_by=group, lang="de")) == [
        "Januar 2026", "Februar 2026", "März 2026",
    ]  # fmt: skip
    assert headings(opened(MONTHS, [VALUE], tmp_path, group_by=group, lang="ja"))[0] == "2026年1月"


def test_groups_of_dates_run_backwards_where_the_data_or_the_sort_does(tmp_path: Path) -> None:
    columns = [{"field": "m", "type": "date"}, VALUE]
    newest = sorted(MONTHS, key=lambda row: str(row["m"]), reverse=True)
    found = ["March 2026", "February 2026", "January 2026"]
    group = [{"field": "m", "by": "month"}]
    assert headings(opened(newest, columns, tmp_path, group_by=group)) == found
    table = opened(MONTHS, columns, tmp_path, group_by=group, sort=[{"field": "m", "descending": True}])
    assert headings(table) == found
    assert [row[0] for row in cells(table)] == [
        "Mar 9, 2026", "Mar 1, 2026", "Feb 28, 2026", "Jan 30, 2026", "Jan 7, 2026",
    ]  # fmt: skip


def test_the_first_rows_decide_whether_dates_run_backwards(tmp_path: Path) -> None:
    """A chunk has 1,000 rows; groups stay whole over the chunks whatever the first of them holds."""
    group = [{"field": "m", "by": "month"}]
    days = ["2026-03-02", *["2026-03-01"] * 1_500, *["2026-02-01"] * 1_500, "2026-01-01"]
    columns = [{"field": "m", "type": "date"}, VALUE]
    for data, found in (
        (days, ["March 2026", "February 2026", "January 2026"]),
        (days[1:], ["January 2026", "February 2026", "March 2026"]),
        ([*[""] * 1_500, *days], ["March 2026", "February 2026", "January 2026", "—"]),
    ):
        rows = [{"m": day, "v": 1} for day in data]
        assert headings(opened(rows, columns, tmp_path, group_by=group)) == found


def test_groups_of_text_come_in_the_order_of_the_data_inside_each_other_too(tmp_path: Path) -> None:
    months = ["January", "February", "March", "April"]
    pairs = [("b", "March"), ("a", "January"), *(("b", month) for month in months)]
    rows = [{"q": quarter, "m": month, "v": 1} for quarter, month in pairs]
    groups = [{"field": "q"}, {"field": "m"}]
    assert headings(opened(rows, [VALUE], tmp_path, group_by=groups)) == [
        "b", "March", "January", "February", "April", "a", "January",
    ]  # fmt: skip
    by_name = opened(rows, [VALUE], tmp_path, group_by=groups, sort=[{"field": "q"}])
    assert headings(by_name)[:3] == ["a", "January", "b"]


def test_more_groups_than_are_ranked_are_still_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_level, "MAX_RANKED_GROUPS", 3)
    rows = [{"g": letter, "v": 1} for letter in "zyxdcbadcba"]
    table = opened(rows, [VALUE], tmp_path, group_by=[{"field": "g"}])
    assert headings(table) == [*"zyxabcd"]
    assert [line[0] for kind, _, line in printed(table) if kind == "subtotal"][-1] == "Total d: 2"


def test_a_period_of_text_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [["2026-01-01"]], ["m"])
    group = [{"field": "m", "by": "month"}]
    with pytest.raises(Refusal) as caught:
        opened(dataset(path), [], tmp_path, every_column=True, group_by=group)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "group_by.0.by")
    with pytest.raises(ValueError, match=r"group_by.0 groups 'm' by month, but that column has the type text"):
        opened([], [{"field": "m"}], tmp_path, group_by=group)


def test_amounts_that_are_written_alike_are_one_group(tmp_path: Path) -> None:
    rows = [{"a": text} for text in ("1.001", "2", "1.004", "0.996")]
    table = opened(rows, [{"field": "a", "type": "money"}], tmp_path, group_by=[{"field": "a"}])
    assert headings(table) == ["a: €1.00", "a: €2.00"]
