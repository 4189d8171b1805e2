"""The benchmark report: what is better, what was promised, what is kept."""

import json
from pathlib import Path

import pytest

from tests.benchmarks.harness.report import Report, Row, figure, percentile


def test_more_jobs_a_second_is_better_and_so_is_less_waiting() -> None:
    assert Row("jobs/s", 500, "other", 100).ratio == 5
    assert Row("ms", 2, "other", 10, less_is_better=True).ratio == 5


@pytest.mark.parametrize(
    ("row", "promise", "met"),
    [
        (Row("jobs/s", 500, "other", 100, times=5), "≥ 5 x", True),
        (Row("jobs/s", 499, "other", 100, times=5), "≥ 5 x", False),
        (Row("ms", 1.5, "other", 0.1, less_is_better=True, at_most=1.5), "≤ 1.5", True),
        (Row("ms", 1.6, "other", 9, less_is_better=True, at_most=1.5), "≤ 1.5", False),
        (Row("rows/s", 25_000, at_least=25_000), "≥ 25,000", True),
        (Row("rows/s", 24_999, at_least=25_000), "≥ 25,000", False),
        (Row("jobs/s", 1, "other", 100), "", None),
    ],
)
def test_a_promise_is_kept_or_not_or_was_never_made(row: Row, promise: str, met: bool | None) -> None:
    assert (row.promise, row.met) == (promise, met)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, percent) for percent in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 99) == 7


@pytest.mark.parametrize(("value", "text"), [(0.7654, "0.765"), (12.34, "12.3"), (199.6, "200"), (23456.7, "23,457")])
def test_figures_have_no_more_digits_than_they_deserve(value: float, text: str) -> None:
    assert figure(value) == text


def test_the_table_and_the_file_say_the_same(tmp_path: Path) -> None:
    report = Report("queue", [Row("jobs/s", 400, "other", 100, times=5)], {"other": "1.0"}, machine="a machine")
    assert "| jobs/s | 400 | other | 100 | 4.00 | ≥ 5 x | **no** |" in report.table()
    report.write(tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert written["machine"] == "a machine"
    assert written["versions"] == {"other": "1.0"}
    assert written["rows"] == [
        {
            "metric": "jobs/s",
            "ours": 400,
            "rival": "other",
            "rival_value": 100,
            "ratio": 4,
            "promise": "≥ 5 x",
            "met": False,
        }
    ]
