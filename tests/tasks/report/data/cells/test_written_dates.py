"""Dates of a pattern."""

from datetime import datetime

import pytest
from babel import Locale

from tasks.refusal import Refusal
from tasks.report.data.cells.written_dates import DateReader, suggested_format


@pytest.mark.parametrize(
    ("pattern", "lang", "text", "value"),
    [
        ("dd.MM.yyyy", "de", "05.01.2026", "2026-01-05"),
        ("dd.MM.yyyy", "de", "5.1.2026", "2026-01-05"),
        ("M/d/yy", "en", "1/5/26", "2026-01-05"),
        ("M/d/yy", "en", "1/5/69", "1969-01-05"),
        ("d MMM yyyy", "en", "5 jan 2026", "2026-01-05"),
        ("d. MMMM yyyy", "de", "5. März 2026", "2026-03-05"),
        ("d MMM y", "fr", "5 févr. 2026", "2026-02-05"),
        ("EEEE, d MMMM yyyy", "en", "Monday, 5 January 2026", "2026-01-05"),
        ("yyyyMMdd", "en", "20260105", "2026-01-05"),
        ("dd/MM/yyyy HH:mm:ss.SSS", "en", "05/01/2026 13:45:07.250", "2026-01-05T13:45:07.250"),
        ("M/d/yyyy h:mm a", "en", "1/5/2026 12:05 AM", "2026-01-05T00:05"),
        ("M/d/yyyy h:mm a", "de", "1/5/2026 1:05 p.m.", "2026-01-05T13:05"),
        ("yyyy'年'M'月'd'日'", "ja", "2026年1月5日", "2026-01-05"),
    ],
)
def test_a_date_is_read_as_its_pattern_says(pattern: str, lang: str, text: str, value: str) -> None:
    assert DateReader(pattern, Locale.parse(lang)).read(text) == datetime.fromisoformat(value)


@pytest.mark.parametrize("text", ["", "05.13.2026", "31.02.2026", "5.1.26", "05.01.2026 10:00", "x", "0.1.2026"])
def test_what_has_another_form_is_no_date(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - as every codec has it
        DateReader("dd.MM.yyyy", Locale.parse("de")).read(text)


@pytest.mark.parametrize("pattern", ["dd.MM", "x", "h:mm d.M.y", "dd.MM.yyyy dd", "Q y", "'", "%d.%m.%Y"])
def test_a_pattern_without_a_whole_date_is_refused(pattern: str) -> None:
    with pytest.raises(Refusal) as caught:
        DateReader(pattern, Locale.parse("en"))
    assert (caught.value.code, caught.value.field) == ("invalid_format", "date_format")


def test_dates_of_usual_forms_have_a_pattern_to_suggest() -> None:
    assert suggested_format("05.01.2026") == "dd.MM.yyyy"
    assert suggested_format("1/5/2026 10:00") == "MM/dd/yyyy' or 'dd/MM/yyyy"
    assert suggested_format("2026/01/05") == "yyyy/MM/dd"
    assert suggested_format("5 Jan 2026") == "d MMM yyyy"
    assert suggested_format("yesterday") == ""
