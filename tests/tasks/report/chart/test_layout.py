"""Whatever is in a chart and however small its box, its texts stay inside and apart, and every number is finite."""

import math
from typing import Any

import pytest

from tasks.report.chart.marks.mark import Area, Boxes, Dots, Mark, Point, Stroke, TextMark, Wedge
from tasks.report.layout.theme import WHITE
from tests.support.report.charts import LONG, MONTHS, WIDTH, block, marks_of, wave

HUGE = 1e15
SIZES = [(487, 200), (487, 80), (243, 200), (243, 120), (108, 80), (108, 300), (36, 80), (36, 36), (729, 700)]
DATA: dict[str, tuple[Any, list[str] | None]] = {
    "ordinary": (wave(12, 100, 40), MONTHS),
    "four series": ({name: wave(12, 100, 40, shift=i) for i, name in enumerate(LONG[:4])}, MONTHS),
    "twelve series": ({f"Series number {i}": wave(6, 10 * i, 5, shift=i) for i in range(12)}, [*LONG, "x"]),
    "long names": ([5, 4, 3, 2, 1], ["word " * 40, "x" * 300, "日本語の長い名前" * 20, "a", ""]),
    "one": ([7], ["Only"]),
    "one of nothing": ([None], ["Only"]),
    "nothing": ([], []),
    "no series": ({}, []),
    "zeros": ([0, 0, 0], None),
    "gaps": ([1, None, 3, None, None, 2], None),
    "equal": ([5, 5, 5], None),
    "tiny": ([1e-12, 3e-12, 2e-12], None),
    "smallest": ([5e-324, 1e-323], None),
    "huge": ([HUGE, 1, HUGE / 3], None),
    "close": ([HUGE - 0.125, HUGE], None),
    "two thousand": (wave(2000, 20, 9, turns=7), [f"2024-{i:04}" for i in range(2000)]),
    "twelve times a thousand": ({f"S{i}": wave(1000, i, 9, 7, i) for i in range(12)}, [str(i) for i in range(1000)]),
    "thirty names": ([i + 1 for i in range(30)], [f"Something called {i}" for i in range(30)]),
}
SIGNED: dict[str, tuple[Any, list[str] | None]] = {
    "mixed": ({"In": [4, 5, 6], "Out": [-3, -9, -1], "Both": [-1, 0, 2]}, ["A", "B", "C"]),
    "negative": ([-4, -5, -1], None),
    "far apart": ([-HUGE, HUGE, 0], None),
    "negative and long": ([-4e6, 5e6, -1e6, 3, 2], LONG),
}
CLOUDS: dict[str, Any] = {
    "cloud": {"A": [(x, x * x % 17) for x in range(60)], "B": [(x / 2, -x) for x in range(60)]},
    "one": [(3, 4)],
    "nothing": [],
    "same": [(1, 1), (1, 1)],
    "far apart": [(-HUGE, HUGE), (HUGE, -HUGE), (0, 1e-12)],
    "two thousand": [(math.sin(i), math.cos(i * 1.3)) for i in range(2000)],
}

FEW = 200
"""Charts of more values are not tried with labels as well: they would have none."""


def _cases() -> list[Any]:
    cases = []
    for kind in ("bar", "stacked_bar", "line", "area"):
        cases += [pytest.param(kind, *data, id=f"{kind}, {name}") for name, data in {**DATA, **SIGNED}.items()]
    for kind in ("pie", "donut"):
        one = {name: data for name, data in DATA.items() if not isinstance(data[0], dict) or not data[0]}
        cases += [pytest.param(kind, *data, id=f"{kind}, {name}") for name, data in one.items()]
    return cases + [pytest.param("scatter", data, None, id=f"scatter, {name}") for name, data in CLOUDS.items()]


def points_of(mark: Mark) -> list[Point]:
    match mark:
        case TextMark():
            return [(mark.edges.left, mark.edges.top), (mark.edges.right, mark.edges.bottom)]
        case Stroke() | Area():
            return list(mark.points)
        case Boxes():
            return [point for box in mark.edges for point in ((box.left, box.top), (box.right, box.bottom))]
        case Dots():
            return list(mark.centres)
        case Wedge():
            (x, y), radius = mark.centre, mark.radius
            return [(x - radius, y - radius), (x + radius, y + radius)]


def check(marks: list[Mark], width: float, height: float) -> None:
    """Nothing is outside the box (a hair's breadth apart), and no two texts lie over each other."""
    for mark in marks:
        for x, y in points_of(mark):
            assert -1 <= x <= width + 1, (width, height, mark)
            assert -1 <= y <= height + 1, (width, height, mark)
    texts = [mark for mark in marks if isinstance(mark, TextMark) and mark.text]
    for number, text in enumerate(texts):
        for other in texts[:number]:
            assert not text.edges.meets(other.edges, -0.6), (width, height, text, other)


@pytest.mark.parametrize(("kind", "values", "names"), _cases())
def test_everything_is_inside_the_box_and_no_text_touches_another(
    kind: str, values: Any, names: list[str] | None
) -> None:
    more = {"title": "A title that may be too long for its box", "y_title": "Unit", "x_title": "Across"}
    for labels in (None, True):
        chart = block(kind, values, names, labels=labels, **more)
        if labels and sum(len(one.values) for one in chart.series) > FEW:
            continue
        for width, height in SIZES:
            check(marks_of(chart, width, height), width, height)


@pytest.mark.parametrize("lang", ["ja", "de-DE", "ar", "xx"])
def test_it_is_so_in_any_language(lang: str) -> None:
    chart = block(
        "bar", [1_250_000, 980_000, -720_000], ["東京都および周辺の地域", "大阪府", "北海道"], title="地域別売上高"
    )
    for width, height in SIZES:
        check(marks_of(chart, width, height, lang=lang), width, height)


@pytest.mark.parametrize("kind", ["bar", "stacked_bar", "line", "area", "pie", "donut", "scatter"])
@pytest.mark.parametrize("values", [[], [None, None]])
def test_a_chart_without_data_says_so_calmly(kind: str, values: list[None]) -> None:
    chart = block(kind, [(1, value) for value in values] if kind == "scatter" else values, title="Nothing yet")
    assert [mark.text for mark in marks_of(chart) if isinstance(mark, TextMark)] == ["Nothing yet", "No data"]


def test_a_pie_of_zeros_is_no_data_and_bars_of_zero_are() -> None:
    def texts(kind: str, lang: str = "de") -> list[str]:
        return [
            mark.text for mark in marks_of(block(kind, [0, 0], ["A", "B"]), lang=lang) if isinstance(mark, TextMark)
        ]

    assert texts("pie") == ["Keine Daten"]
    assert texts("donut", "zh-TW") == ["無資料"]
    assert texts("donut", "eo") == ["No data"]
    assert texts("bar") == ["0", "A", "B", "0", "0"]


def test_the_same_block_gives_the_same_marks() -> None:
    chart = block("line", {name: wave(40, 10, 5) for name in LONG})
    assert marks_of(chart) == marks_of(chart)


def test_bars_too_many_for_the_page_are_condensed_and_that_is_said() -> None:
    warnings: list[str] = []
    marks = marks_of(block("bar", wave(2000, 20, 9)), warnings=warnings)
    assert warnings == ["condensed", "left_out"]
    assert sum(len(mark.edges) for mark in marks if isinstance(mark, Boxes)) < 2 * WIDTH / 0.75
    warnings.clear()
    marks_of(block("bar", wave(200, 20, 9)), warnings=warnings)
    assert "condensed" not in warnings


def test_long_names_lay_the_bars_down_and_short_ones_do_not() -> None:
    def wider_than_high(names: list[str]) -> bool:
        boxes = [
            box
            for mark in marks_of(block("bar", [5, 4, 3, 2, 1], names), 243)
            if isinstance(mark, Boxes) and mark.colour != WHITE
            for box in mark.edges
        ]
        return boxes[0].width > boxes[0].height

    assert wider_than_high(LONG)
    assert not wider_than_high(["A", "B", "C", "D", "E"])
    assert not wider_than_high([f"2024-01-0{i}" for i in range(1, 6)])


def test_names_stand_at_the_ends_of_few_lines_and_in_a_legend_of_many() -> None:
    def swatches(count: int) -> int:
        marks = marks_of(block("line", {f"S{i}": wave(12, i, 1) for i in range(count)}, MONTHS), height=100)
        return sum(isinstance(mark, Boxes) for mark in marks)

    assert swatches(3) == 0
    assert swatches(12) == 12
