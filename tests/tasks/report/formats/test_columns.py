"""A column of the spec becomes a plan: title, alignment, and how its values are written."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.report.formats.columns import ColumnPlan, locale_of, plan_column
from tests.support.report.tables import document, table


def plan(lang: str = "en", **said: Any) -> ColumnPlan:
    (column,) = table([{"field": "value", **said}]).columns
    return plan_column(column, "columns.0", locale_of(document(lang=lang, timezone="Europe/Berlin", currency="CHF")))


@pytest.mark.parametrize("kind", ["integer", "decimal", "money", "percent", "date", "datetime"])
def test_figures_and_dates_stand_right(kind: str) -> None:
    assert plan(type=kind).align == "right"
    assert plan(type=kind, align="center").align == "center"


@pytest.mark.parametrize("kind", ["text", "boolean"])
def test_words_stand_left(kind: str) -> None:
    assert plan(type=kind).align == "left"


def test_numbers_tell_what_they_are_lined_up_at_and_dates_do_not() -> None:
    assert plan("de", type="money").decimal_mark == ","
    assert plan("de", type="date").decimal_mark is None
    assert plan("de").decimal_mark is None


def test_a_title_is_clean_and_the_field_if_there_is_none() -> None:
    assert plan().title == "value"
    assert plan(title="Net\u202e amount").title == "Net amount"


def test_every_type_is_written_in_the_documents_language() -> None:
    assert plan("de", type="integer").write([1234, None]) == ["1.234", ""]
    assert plan("de", type="decimal").write([Decimal("1234.5")]) == ["1.234,5"]
    assert plan("de", type="percent", decimals=1).write([Decimal("0.125")]) == ["12,5\u00a0%"]
    assert plan("de", type="date").write([None, date(2026, 1, 2)]) == ["", "02.01.2026"]
    assert plan("de", type="boolean").write([True, None, False]) == ["Ja", "", "Nein"]
    assert plan("de").write(["as it is", ""]) == ["as it is", ""]
    moment = datetime(2026, 7, 1, 15, 30, tzinfo=locale_of(document(timezone="Asia/Tokyo")).zone)
    assert plan("ja", type="datetime", format="short").write([moment]) == ["2026/07/01 15:30"]


def test_money_is_in_its_own_currency_or_the_documents() -> None:
    assert plan(type="money").write([Decimal(5)]) == ["CHF\u00a05.00"]
    assert plan(type="money", currency="JPY").write([Decimal(5)]) == ["¥5"]
    assert plan(type="money", decimals=3).write([Decimal(5)]) == ["CHF\u00a05.000"]


def test_a_count_and_an_average_of_integers_have_formats_of_their_own() -> None:
    assert plan(type="date", total="count").total_format(1234) == "1,234"
    assert plan(type="integer", total="avg").total_format(Decimal("2.5")) == "2.5"
    assert plan(type="money", total="avg", currency="USD").total_format(Decimal("2.5")) == "$2.50"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe", "x" * 60, "", "\0"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(Refusal) as caught:
        locale_of(document(timezone=zone))
    assert (caught.value.code, caught.value.field) == ("unknown_timezone", "document.timezone")
