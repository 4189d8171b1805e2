"""The frame of a chart: where values and categories lie, the grid behind them and the labels around them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tasks.report.chart.labels import AIR, LEADING, SIZE, TextMetrics, drop_overlaps
from tasks.report.chart.marks.mark import Edges, Mark, Stroke
from tasks.report.chart.number_format import ChartNumberFormat, Write
from tasks.report.chart.ticks import Ticks, nice_ticks

TICK_GAP: Final = 6.0
"""Between a label and the plot."""
TICK_HEIGHT, TICK_WIDTH = 28.0, 56.0
"""Points that a tick wants to itself, on an axis that goes up and on one that goes across."""
MAX_TICKS: Final = 7
WIDEST_TICK: Final = 0.22
"""Of the chart's width: tick labels that take more are written short."""
NARROW: Final = 70.0
"""A chart of this width or less has no labels beside its plot."""
ZERO_LINE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to points."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where the value lies."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that an axis has to cover. finest: no step below it."""

    low: float
    high: float
    finest: Decimal


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot with its value axis. behind: the grid; around: the labels; zero: the line at zero, over the marks."""

    plot: Edges
    values: Scale
    ticks: Ticks
    behind: tuple[Mark, ...]
    around: tuple[Mark, ...]
    zero: tuple[Mark, ...]


def ticks_for(domain: Domain, length: float, pitch: float) -> Ticks:
    """The ticks of an axis `length` points long whose ticks want `pitch` points each."""
    return nice_ticks(domain.low, domain.high, min(int(length / pitch) + 1, MAX_TICKS), domain.finest)


def tick_labels(ticks: Ticks, numbers: ChartNumberFormat, metrics: TextMetrics, width: float) -> list[str]:
    """The ticks as text, no wider than width; short if need be, empty if even that does not help."""
    write: Write
    for write in (numbers.for_ticks(ticks), numbers.for_ticks(ticks, short=True)):
        texts = [write(value) for value in ticks.values]
        if max(map(metrics.width, texts)) <= width and len(set(texts)) == len(texts):
            return texts
    return [""] * len(ticks.values)


def upright(area: Edges, domain: Domain, below: float, numbers: ChartNumberFormat, metrics: TextMetrics) -> Frame:
    """Values go up; the categories' labels take `below` points under the plot."""
    top, bottom = area.top + SIZE / 2, area.bottom - below
    ticks = ticks_for(domain, bottom - top, TICK_HEIGHT)
    texts = tick_labels(ticks, numbers, metrics, WIDEST_TICK * area.width if area.width > NARROW else 0)
    widest = max(map(metrics.width, texts))
    left = area.left + (widest + TICK_GAP if widest else 0)
    plot = Edges(left, top, area.right, bottom)
    scale = Scale(ticks.low, ticks.high, bottom, top)
    if domain.low == domain.high == 0:
        texts = [text if value == 0 else "" for value, text in zip(ticks.values, texts, strict=True)]
    rows = [(scale.at(value), value, text) for value, text in zip(ticks.values, texts, strict=True)]
    labels = [
        metrics.line(text, left - TICK_GAP, metrics.middle(y), align="right", of=("tick", 0)) for y, _, text in rows
    ]
    theme = metrics.theme
    return Frame(
        plot,
        scale,
        ticks,
        behind=tuple(Stroke(((plot.left, y), (plot.right, y)), theme.rule) for y, value, _ in rows if value),
        around=tuple(drop_overlaps(labels, gap=0.5)),
        zero=tuple(
            Stroke(((plot.left, y), (plot.right, y)), theme.muted, ZERO_LINE) for y, value, _ in rows if not value
        ),
    )


def sideways(area: Edges, domain: Domain, beside: float, numbers: ChartNumberFormat, metrics: TextMetrics) -> Frame:
    """Values go to the right; whatever stands left of the plot takes `beside` points."""
    top, bottom = area.top, area.bottom - LEADING - AIR / 2
    plot = Edges(area.left + beside, top, area.right, bottom)
    ticks = ticks_for(domain, plot.width, TICK_WIDTH)
    texts = tick_labels(ticks, numbers, metrics, plot.width / len(ticks.values))
    scale = Scale(ticks.low, ticks.high, plot.left, plot.right)
    columns = [(scale.at(value), value, text) for value, text in zip(ticks.values, texts, strict=True)]
    theme = metrics.theme
    labels = [
        metrics.line(text, x, bottom + LEADING + 1, align="center", of=("tick", 0)).between(area.left, area.right)
        for x, _, text in columns
    ]
    return Frame(
        plot,
        scale,
        ticks,
        behind=tuple(Stroke(((x, top), (x, bottom)), theme.rule) for x, value, _ in columns if value),
        around=tuple(drop_overlaps(labels)),
        zero=tuple(Stroke(((x, top), (x, bottom)), theme.muted, ZERO_LINE) for x, value, _ in columns if not value),
    )


def bare(plot: Edges, domain: Domain, metrics: TextMetrics) -> Frame:
    """Values go to the right without ticks, for bars that say what they are worth. The domain reaches to zero."""
    ticks = ticks_for(domain, plot.width, TICK_WIDTH)
    low, high = (domain.low, domain.high) if domain.low < domain.high else (0.0, 1.0)
    scale = Scale(low, high, plot.left, plot.right)
    zero = Stroke(((scale.at(0), plot.top), (scale.at(0), plot.bottom)), metrics.theme.muted, ZERO_LINE)
    return Frame(plot, scale, ticks, behind=(), around=(), zero=(zero,))


def crossed(
    area: Edges, across: Domain, up: Domain, numbers: tuple[ChartNumberFormat, ChartNumberFormat], metrics: TextMetrics
) -> tuple[Frame, Scale]:
    """Values both ways: the frame of those that go up, and where those across lie."""
    frame = upright(area, up, LEADING + AIR / 2, numbers[1], metrics)
    plot = frame.plot
    ground = sideways(
        Edges(area.left, plot.top, area.right, area.bottom), across, plot.left - area.left, numbers[0], metrics
    )
    corner = ((plot.left, plot.top), (plot.left, plot.bottom), (plot.right, plot.bottom))
    both = Frame(
        plot,
        frame.values,
        frame.ticks,
        behind=(Stroke(corner, metrics.theme.rule), *frame.behind, *ground.behind),
        around=frame.around + ground.around,
        zero=frame.zero + ground.zero,
    )
    return both, ground.values
