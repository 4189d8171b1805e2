"""Number formats: a cell is shown as a spreadsheet program shows it."""

import pytest
from babel import Locale

from tasks.report.data.workbooks.built_in_formats import built_in_code
from tasks.report.data.workbooks.cell_format import CellFormat

EN, DE = Locale.parse("en"), Locale.parse("de")


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("0.0%", "0.075", "7.5%"),
        ("0%", "1", "100%"),
        ("00000", "1234", "01234"),
        ("#,##0.00", "1234567.891", "1,234,567.89"),
        ("#,##0.00", "2.345", "2.35"),
        ("#,##0.00;[Red]-#,##0.00", "-1234.5", "-1,234.50"),
        ("#,##0.00_);\\(#,##0.00\\)", "-5", "(5.00)"),
        ('_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)', "0", "-"),
        ("[$€-407] #,##0.00", "1240.5", "€ 1,240.50"),
        ("#,##0.00 [$kr-41D]", "-1240.5", "-1,240.50 kr"),
        ("0.##", "5", "5."),
        ("0.0#", "5.25", "5.25"),
        ("0.0#", "5.2", "5.2"),
        (".00", "0.5", ".50"),
        (".00", "1.5", "1.50"),
        ('0.0,,"M"', "12345678", "12.3M"),
        ("0,", "12345", "12"),
        ("000-00-0000", "123456789", "123-45-6789"),
        ("(###) ###-####", "5551234567", "(555) 123-4567"),
        ("0.00E+00", "12345", "1.23E+04"),
        ("0.00E+00", "0.00012345", "1.23E-04"),
        ("##0.0E+0", "12345", "12.3E+3"),
        ("0.0E-0", "99999", "1.0E5"),
        ("# ?/?", "0.3333333", "1/3"),
        ("# ??/??", "2.25", "2 1/4"),
        ("# ?/8", "1.3", "1 2/8"),
        ("# ?/?", "3", "3"),
        ("# ?/?", "-1.5", "-1 1/2"),
        ("?/?", "1.5", "3/2"),
        ("[<100]0.0;[>=100]0", "99.5", "99.5"),
        ("[<100]0.0;[>=100]0", "199.5", "200"),
        ('[=1]"one";[=2]"two";0', "2", "two"),
        ('[=1]"one";[=2]"two";0', "3", "3"),
        ('"x"0', "-3", "-x3"),
        ("0.00", "-0.001", "0.00"),
        ("0;-0;;@", "0", ""),
        (";;;", "5", ""),
        ("General", "0.1", "0.1"),
        ("General", "1E-05", "0.00001"),
        ("General", "1.5E+20", "1.5E+20"),
        ('General" kg"', "5.5", "5.5 kg"),
        ("@", "5.5", "5.5"),
        ("0.00", "1E+300", "1E+300"),
        ("0.00", "1E+20", "100000000000000000000.00"),
    ],
)
def test_numbers(code: str, value: str, text: str) -> None:
    assert CellFormat(code, EN).show(value) == text


@pytest.mark.parametrize(
    ("code", "days", "text"),
    [
        ("[h]:mm", "1.5625", "37:30"),
        ("[h]:mm:ss", "-1.5", "-36:00:00"),
        ("[mm]:ss", "0.5", "720:00"),
        ("[s].00", "0.00001", "0.86"),
        ("yyyy\\-mm\\-dd hh:mm", "46027.5", "2026-01-05 12:00"),
        ("d-mmm-yy", "46027", "5-Jan-26"),
        ("dddd, mmmm d", "46027", "Monday, January 5"),
        ("mmmmm", "46027", "J"),
        ("[$-407]d. mmmm yyyy", "46086", "5. März 2026"),
        ("mm:ss.0", "0.0009", "01:17.8"),
        ("h:mm AM/PM", "0.75", "6:00 PM"),
        ("h AM/PM", "0", "12 AM"),
        ("m/d/yy h:mm", "46027.999999", "1/6/26 0:00"),
        ("h:mm m/d", "46027.5", "12:00 1/5"),
        ("yyyy-mm-dd", "60", "1900-02-29"),
        ("yyyy-mm-dd", "59", "1900-02-28"),
        ("yyyy-mm-dd", "-1", "-1"),
        ("yyyy-mm-dd", "99999999", "99999999"),
        ('yyyy"年"m"月"d"日"', "46027", "2026年1月5日"),
    ],
)
def test_dates_and_times(code: str, days: str, text: str) -> None:
    assert CellFormat(code, EN).show(days) == text


def test_days_may_be_counted_from_1904() -> None:
    assert CellFormat("yyyy-mm-dd", EN, starts_1904=True).show("44565") == "2026-01-05"
    assert CellFormat("yyyy-mm-dd", EN, starts_1904=True).show("0") == "1904-01-01"


def test_marks_and_names_are_of_the_reports_language() -> None:
    assert CellFormat("#,##0.00", DE).show("1240.5") == "1.240,50"
    assert CellFormat("General", DE).show("1240.5") == "1240,5"
    assert CellFormat("d. mmmm yyyy", DE).show("46086") == "5. März 2026"
    assert CellFormat(built_in_code(14, DE), DE).show("46027") == "05.01.2026"
    assert CellFormat(built_in_code(14, EN), EN).show("46027") == "1/5/2026"
    assert CellFormat(built_in_code(22, EN), EN).show("46027.5") == "1/5/2026 12:00"


@pytest.mark.parametrize(
    ("code", "text"), [("General", "x"), ("@", "x"), ("0.00", "x"), ('0;0;0;"Item "@', "Item x"), ('"a"@"b"', "axb")]
)
def test_texts(code: str, text: str) -> None:
    assert CellFormat(code, EN).text("x") == text


@pytest.mark.parametrize("number", range(60))
def test_each_built_in_format_shows_something(number: int) -> None:
    assert CellFormat(built_in_code(number, EN), EN).show("46027.25") != ""


@pytest.mark.parametrize("code", ["", "[", "[>", '"', "\\", "_", "*", "0/", "/", "E+", "0E+", "[$", "[>x]0", "." * 999])
def test_a_broken_format_breaks_nothing(code: str) -> None:
    for value in ("0", "1.5", "-46027.25", "1E+300", "1E-300"):
        assert isinstance(CellFormat(code, EN).show(value), str)
