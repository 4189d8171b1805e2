"""Bar charts laid out: standing bars, or lying ones where the names are too long to stand under them."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final

from tasks.report.chart.axes import NARROW, Domain, Frame, bare, sideways
from tasks.report.chart.categories import (
    FEW_MISFITS,
    WIDEST_NAME,
    AxisMargins,
    category_axis,
    is_sequence,
    labels_beside,
    misfits,
)
from tasks.report.chart.labels import AIR, CAPITALS, LEADING, LEAST_LABELLED, TextMetrics, blanks, drop_overlaps
from tasks.report.chart.legend import legend
from tasks.report.chart.marks.bars import THINNEST, Bar, extent, grouped, stacked
from tasks.report.chart.marks.mark import Boxes, Edges, Mark, TextMark
from tasks.report.chart.model import ChartModel
from tasks.report.chart.number_format import Write
from tasks.report.chart.palette import ink_on

Placed = tuple[Bar, Edges]
"""A bar, and where it is in the chart."""
Label = Callable[[Bar, Edges, Write], TextMark]

LYING_PITCH: Final = 13.0
"""Points of height that a category of lying bars needs, and one more bar of it half as much."""
MOST_LABELS: Final = 120
"""Values beside bars: more than these are no help."""
LABEL_GAP: Final = 3.0
WIDEST_VALUE: Final = 0.25
"""Of the chart's width: values beside lying bars take no more."""
_VALUE: Final = ("value", 0)
PARTS_LABELLED: Final = 0.6
"""Of a stack's parts that must have room for their value before any shows it unasked."""


def bar_chart(model: ChartModel, area: Edges, metrics: TextMetrics) -> tuple[list[Mark], bool]:
    """The marks of a bar or a stacked bar chart, and whether its bars had to be condensed."""
    marks: list[Mark] = []
    if len(model.series) > 1:
        marks, area = legend([(one.name, one.colour) for one in model.series], area, metrics)
    draw = _lying if _lies(model, area, metrics) else _standing
    wanted = model.labels is not False and model.kind == "bar"
    labelled = wanted and len(model.known) <= MOST_LABELS and area.height >= LEAST_LABELLED
    found, condensed = draw(model, area, metrics, labelled)
    return marks + found, condensed


def _lies(model: ChartModel, area: Edges, metrics: TextMetrics) -> bool:
    count = len(model.names)
    bars = 1 if model.kind == "stacked_bar" else len(model.series)
    if area.width <= NARROW or count * (1 + bars) / 2 * LYING_PITCH > area.height - LEADING - AIR:
        return False
    pitch = 0.9 * area.width / count
    return not is_sequence(model.names) and misfits(model.names, pitch, metrics) > FEW_MISFITS


def _standing(model: ChartModel, area: Edges, metrics: TextMetrics, labelled: bool) -> tuple[list[Mark], bool]:
    count = len(model.names)
    low, high = extent(model.series, on_top=model.kind == "stacked_bar")
    head = LEADING if labelled else 0.0
    frame, names = category_axis(
        Edges(area.left, area.top + head, area.right, area.bottom),
        Domain(low, high, model.numbers.finest(model.known)),
        model.names,
        lambda plot: [plot.left + (index + 0.5) * plot.width / count for index in range(count)],
        numbers=model.numbers,
        metrics=metrics,
        thin=is_sequence(model.names) or area.width / count < THINNEST,
        margins=AxisMargins(foot=head if low < 0 else 0.0),
    )
    at, left = frame.values.at, frame.plot.left
    bars, condensed = _arranged(model, frame.plot.width)
    placed = [(bar, Edges(left + bar.start, at(bar.high), left + bar.end, at(bar.low))) for bar in bars]

    def label(bar: Bar, box: Edges, write: Write) -> TextMark:
        y = box.bottom + LABEL_GAP + CAPITALS if bar.value < 0 else box.top - LABEL_GAP
        ink = metrics.theme.ink
        return metrics.line(write(bar.value), (box.left + box.right) / 2, y, colour=ink, align="center", of=_VALUE)

    writes = [model.numbers.for_marks(model.known, frame.ticks, more) for more in (1, 0)]
    if labelled:
        labels = _labels(model, placed, label, area, writes)
    else:
        labels = _parts(model, placed, writes[0], metrics, snapshot=True)
    if labels is None:
        return _standing(model, area, metrics, labelled=False)
    return _assembled(model, frame, placed, names, labels), condensed


def _lying(model: ChartModel, area: Edges, metrics: TextMetrics, labelled: bool) -> tuple[list[Mark], bool]:
    count = len(model.names)
    low, high = extent(model.series, on_top=model.kind == "stacked_bar")
    domain = Domain(low, high, model.numbers.finest(model.known))
    width = min(max(map(metrics.width, model.names)), WIDEST_NAME * area.width)
    frame = sideways(area, domain, width + AIR, model.numbers, metrics)
    write = model.numbers.for_marks(model.known, frame.ticks)
    if labelled:
        room = max(metrics.width(write(value)) for value in model.known) + LABEL_GAP
        if room > WIDEST_VALUE * area.width:
            return _lying(model, area, metrics, labelled=False)
        left = area.left + width + AIR + (room if low < 0 else 0.0)
        frame = bare(Edges(left, area.top, area.right - (room if high > 0 else 0.0), area.bottom), domain, metrics)
    at, top = frame.values.at, frame.plot.top
    pitch = frame.plot.height / count
    centres = [top + (index + 0.5) * pitch for index in range(count)]
    names = [text.moved(area.left + width, 0) for text in labels_beside(model.names, centres, pitch, width, metrics)]
    bars, condensed = _arranged(model, frame.plot.height)
    placed = [(bar, Edges(at(bar.low), top + bar.start, at(bar.high), top + bar.end)) for bar in bars]

    def label(bar: Bar, box: Edges, write: Write) -> TextMark:
        y, ink = metrics.middle((box.top + box.bottom) / 2), metrics.theme.ink
        if bar.value < 0:
            return metrics.line(write(bar.value), box.left - LABEL_GAP, y, colour=ink, align="right", of=_VALUE)
        return metrics.line(write(bar.value), box.right + LABEL_GAP, y, colour=ink, of=_VALUE)

    writes = [model.numbers.for_marks(model.known, frame.ticks, more) for more in (1, 0)]
    if labelled:
        labels = _labels(model, placed, label, area, writes)
    else:
        labels = _parts(model, placed, writes[0], metrics, snapshot=False)
    if labels is None:
        return _lying(model, area, metrics, labelled=False)
    return _assembled(model, frame, placed, names, labels), condensed


def _arranged(model: ChartModel, length: float) -> tuple[list[Bar], bool]:
    return (stacked if model.kind == "stacked_bar" else grouped)(model.series, length)


def _labels(
    model: ChartModel, placed: Sequence[Placed], label: Label, area: Edges, writes: Sequence[Write]
) -> list[TextMark] | None:
    """Values at the ends of bars: all of them, in the finest way that fits; if none does, those that fit if they were
    asked for, and otherwise none."""
    kept: list[TextMark] = []
    for write in writes:
        texts = [label(bar, box, write) for bar, box in placed]
        inside = [text for text in texts if area.left <= text.x and text.edges.right <= area.right]
        kept = [
            text for text in drop_overlaps(inside, gap=1) if not any(text.edges.meets(box, -1) for _, box in placed)
        ]
        if len(kept) == len(texts):
            return kept
    return kept if model.labels else None


def _parts(
    model: ChartModel, placed: Sequence[Placed], write: Write, metrics: TextMetrics, *, snapshot: bool
) -> list[TextMark]:
    """Values inside the parts of stacks that have room for them. Unasked, only if thickness is no reason to leave one
    out: a small part without its value explains itself, a large one does not."""
    if model.kind != "stacked_bar" or model.labels is False or len(placed) > MOST_LABELS:
        return []
    texts = []
    parts = [(bar, box) for bar, box in placed if bar.value]
    for bar, box in parts:
        colour = ink_on(model.series[bar.series].colour, metrics.theme.ink)
        middle = metrics.middle((box.top + box.bottom) / 2)
        at = (box.left + box.right) / 2
        text = metrics.line(write(bar.value), at, middle, colour=colour, align="center", of=_VALUE)
        wide, high = box.width >= text.width + LABEL_GAP, box.height >= LEADING
        if wide and high:
            texts.append(text)
        elif (high if snapshot else wide) and not model.labels:
            return []
    return texts if model.labels or len(texts) >= PARTS_LABELLED * len(parts) else []


def _assembled(
    model: ChartModel, frame: Frame, placed: Sequence[Placed], names: Sequence[TextMark], labels: Sequence[TextMark]
) -> list[Mark]:
    marks: list[Mark] = [*frame.behind, *blanks(labels)]
    # Neighbours of one series are drawn together; condensed bars keep their order, small before large.
    few = len(placed) <= MOST_LABELS
    for series, run in groupby(sorted(placed, key=_series) if few else placed, key=_series):
        marks.append(Boxes(tuple(box for _, box in run), model.series[series].colour))
    return [*marks, *frame.zero, *frame.around, *names, *labels]


def _series(placed: Placed) -> int:
    return placed[0].series
