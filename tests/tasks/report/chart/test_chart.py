"""Charts in a report."""

from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import Refusal
from tests.support.report.charts import MONTHS, wave
from tests.support.report.rendering import heading, render_report, text


def chart(kind: str = "bar", values: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    values = wave(12, 100, 40) if values is None else values
    names = MONTHS if len(values) == len(MONTHS) else [str(i) for i in range(len(values))]
    return {"type": "chart", "kind": kind, "categories": names, "series": [{"values": values}], **more}


def test_a_chart_that_does_not_fit_goes_to_the_next_page_in_one_piece(tmp_path: Path) -> None:
    printed = render_report(tmp_path, [text("line\n" * 40), chart(title="Months", height=300)])
    first, second = printed.texts()
    assert "Months" not in first
    assert all(word in second for word in ("Months", *MONTHS))


def test_a_chart_higher_than_a_page_is_as_high_as_a_page(tmp_path: Path) -> None:
    page = {"size": [300, 300], "margins": {"top": 40, "bottom": 40, "left": 40, "right": 40}}
    printed = render_report(tmp_path, [chart(title="Months", height=700)], document={"page": page})
    assert len(printed.texts()) == 1
    assert "Dec" in printed.text() or "Nov" in printed.text()
    assert printed.warnings == []


def test_charts_stand_in_columns(tmp_path: Path) -> None:
    charts = [[chart(kind, title=kind)] for kind in ("bar", "line", "area", "pie")]
    printed = render_report(tmp_path, [{"type": "columns", "columns": charts}])
    assert all(kind in printed.text() for kind in ("bar", "line", "area", "pie"))


def test_numbers_follow_the_language_and_the_currency_of_the_document(tmp_path: Path) -> None:
    blocks = [chart(values=[4_000_000, 1_500_000]), chart("donut", [1500.5, 2500], format="¤#,##0.00")]
    printed = render_report(tmp_path, blocks, document={"lang": "ja", "currency": "JPY"})
    assert "400万" in printed.text()
    assert "￥2,500.00" in printed.text()


def test_a_warning_names_the_chart(tmp_path: Path) -> None:
    printed = render_report(tmp_path, [heading("Bars"), chart(values=wave(2000, 9, 8))])
    assert printed.warnings == [("condensed", "blocks.1"), ("left_out", "blocks.1")]


def test_a_pattern_that_is_none_names_the_field(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        render_report(tmp_path, [chart(), chart(format="0\n")])
    assert (refused.value.code, refused.value.field) == ("invalid_format", "blocks.1.format")
