"""What a chart cannot show is told: texts and values that are shortened, left out, merged or no longer told apart."""

from typing import Any

import pytest

from tasks.report.chart.chart import layout_chart
from tasks.report.chart.marks.mark import TextMark
from tasks.report.formats.columns import locale_of
from tasks.report.spec.structs import DocumentSpec
from tests.support.report.charts import MONTHS, WIDTH, block, theme


def told(kind: str, values: Any, names: list[str] | None = None, *, width: float = WIDTH, **more: Any) -> list[str]:
    """The codes of the warnings about a chart, and the texts that it shows after them."""
    warned: list[tuple[str, str]] = []
    size = (width, more.get("height", 200))
    marks = layout_chart(
        block(kind, values, names, **more),
        size,
        theme(),
        locale_of(DocumentSpec("Test")),
        lambda code, message: warned.append((code, message)),
    )
    told.texts = [mark.text for mark in marks if isinstance(mark, TextMark)]  # type: ignore[attr-defined]
    assert all(len(message) < 300 for _, message in warned)
    return [code for code, _ in warned]


@pytest.mark.parametrize("kind", ["bar", "stacked_bar", "line", "area", "pie", "donut"])
def test_an_ordinary_chart_has_nothing_to_tell(kind: str) -> None:
    assert told(kind, [3, 5, 4], ["one", "two", "three"], title="Title") == []


@pytest.mark.parametrize("kind", ["bar", "line", "pie", "scatter"])
def test_a_title_that_is_cut_is_told(kind: str) -> None:
    values = [(1, 2), (2, 3)] if kind == "scatter" else [1, 2]
    assert "clipped" in told(kind, values, title="Title " * 45)


def test_titles_of_axes_that_are_cut_or_left_out_are_told() -> None:
    assert told("scatter", [(1, 2), (2, 3)], x_title="across " * 14, y_title="up " * 30, width=200) == ["clipped"] * 2
    assert told("bar", [1, 2], y_title="up", width=60) != []


def test_names_that_differ_only_where_they_are_cut_off_keep_their_ends() -> None:
    names = [f"{'A very long category label that differs only at the end, ' * 3}in its number {n}" for n in range(8)]
    assert told("bar", list(range(1, 9)), names) == ["clipped"]
    shown = [text for text in told.texts if "…" in text]  # type: ignore[attr-defined]
    assert len(set(shown)) == 8
    assert all(text.endswith(str(number)) for number, text in enumerate(shown))


def test_names_that_cannot_be_told_apart_are_told() -> None:
    names = [f"{'start ' * 20}{n}{' end' * 30}" for n in range(5)]
    assert told("bar", [1, 2, 3, 4, 5], names) == ["clipped", "ambiguous_labels"]
    series = {f"{'start ' * 9}{n}{' end' * 10}": [1, 2] for n in range(4)}
    assert "ambiguous_labels" in told("bar", series)
    assert "ambiguous_labels" not in told("bar", {"a": [1, 2], "b": [2, 1]}, ["same", "same"])


def test_names_that_are_left_out_are_told() -> None:
    assert told("bar", list(range(1, 61)), [f"Category {n}" for n in range(60)]) == ["left_out"]
    assert told("line", list(range(1, 400)), [f"2026-{n:03d}" for n in range(1, 400)]) == ["left_out"]


def test_a_legend_that_is_shortened_or_left_out_is_told() -> None:
    series = {f"Series with a long name, number {n}": [1, 2] for n in range(12)}
    assert "clipped" in told("bar", series, width=220)
    assert "left_out" in told("bar", series, width=150, height=80)
    assert told("line", {"a": [1, 2], "b": [2, 3]}, MONTHS[:2]) == []


def test_slices_that_are_merged_or_have_no_value_are_told() -> None:
    assert told("pie", [1] * 30) == ["merged"]
    assert told("pie", [50, 40, 0, 10], ["a", "b", "c", "d"]) == ["left_out"]
    assert told("pie", [50, 40, 30], ["a" * 40, "b" * 40, "c" * 40], width=90, height=80) != []


def test_values_that_were_asked_for_and_have_no_room_are_told() -> None:
    values = [123_456 + n for n in range(60)]
    assert "left_out" in told("bar", values, labels=True)
    assert told("bar", [1, 2, 3], labels=True) == []
    assert told("bar", values[:12], MONTHS, labels=False) == []


def test_without_data_only_the_titles_matter() -> None:
    assert told("bar", [], [], title="Title") == []
    assert told("pie", [0, 0], title="Title " * 45) == ["clipped"]
