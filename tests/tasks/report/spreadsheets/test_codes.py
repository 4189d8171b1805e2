"""Formats of CLDR say the same in the words of Excel, or nothing false."""

from typing import Any

import pytest

from tasks.report.formats.columns import locale_of, plan_column
from tasks.report.spreadsheets.codes import number_code
from tests.support.report.tables import document, table


def code(kind: str, lang: str = "en", **said: Any) -> str:
    (column,) = table([{"field": "a", "type": kind, **said}]).columns
    return number_code(plan_column(column, "columns.0", locale_of(document(lang=lang))))


@pytest.mark.parametrize(
    ("written", "kind", "said"),
    [
        ("#,##0", "integer", {}),
        ("#,##0.###", "decimal", {}),
        ("#,##0.0", "decimal", {"decimals": 1}),
        ("0.00", "decimal", {"format": "0.00"}),
        ('"€"#,##0.00', "money", {}),
        ('#,##0.00"\u00a0€"', "money", {"lang": "de"}),
        ('"￥"#,##0', "money", {"lang": "ja", "currency": "JPY"}),
        ("#,##0%", "percent", {}),
        ('#,##0.0"\u00a0"%', "percent", {"lang": "de", "decimals": 1}),
        ("#,##0.00;(#,##0.00)", "decimal", {"format": "#,##0.00;(#,##0.00)"}),
        ('#,##0" pcs"', "integer", {"format": "#,##0 'pcs'"}),
        ("General", "decimal", {"format": "worker@"}),
        ("General", "decimal", {"format": "#,##0‰"}),
        ("General", "text", {}),
        ('mmm\\ d","\\ yyyy'.replace('","\\ ', '", "'), "date", {}),
        ('dd"."mm"."yyyy', "date", {"lang": "de"}),
        ("yyyy/mm/dd", "date", {"lang": "ja"}),
        ('yyyy"年"m"月"d"日"', "date", {"lang": "ja", "format": "long"}),
        ("dddd\\ d\\ mmmm", "date", {"format": "EEEE d MMMM"}),
        ("yyyy\\-mm\\-dd", "date", {"format": "w"}),  # Excel has no weeks
        ('dd"."mm"."yyyy", "hh:mm', "datetime", {"lang": "de"}),
        ("h:mm\\ AM/PM", "datetime", {"format": "h:mm a"}),
        ("yyyy\\-mm\\-dd\\ hh:mm", "datetime", {"format": "HH:mm zzzz"}),
    ],
)
def test_a_format_has_its_code(written: str, kind: str, said: dict[str, Any]) -> None:
    assert code(kind, **said) == written


def test_a_quote_cannot_end_the_text_it_stands_in() -> None:
    assert code("decimal", format="0' \"0[Red]'") == '0" 0[Red]"'
