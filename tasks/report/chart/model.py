"""A chart block as its layout reads it: series of floats with their colours, text without line feeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report.chart.number_format import ChartNumberFormat
from tasks.report.chart.palette import palette
from tasks.report.formats.cleaning import clean
from tasks.report.layout.theme import ReportTheme, Rgb
from tasks.report.spec.structs import ChartBlock, ChartKind

Value = float | None


@dataclass(frozen=True, slots=True)
class PlottedSeries:
    """One series. x: only where the chart is a scatter."""

    name: str
    values: Sequence[Value]
    x: Sequence[float]
    colour: Rgb

    @property
    def known(self) -> list[float]:
        """The values that are there."""
        return [value for value in self.values if value is not None]


@dataclass(frozen=True, slots=True)
class ChartModel:
    """What a chart shows. labels: None to write values where there is room. numbers: how its values are written."""

    kind: ChartKind
    title: str
    names: Sequence[str]
    series: Sequence[PlottedSeries]
    x_title: str
    y_title: str
    labels: bool | None
    numbers: ChartNumberFormat

    @property
    def known(self) -> list[float]:
        """Every value of every series that is there."""
        return [value for series in self.series for value in series.known]


def chart_model(block: ChartBlock, theme: ReportTheme, numbers: ChartNumberFormat) -> ChartModel:
    """The model of a chart block (the dump of `tasks.report.spec.blocks.Chart`)."""
    colours = palette(theme.accent, theme.accent2, len(block.series))
    series = [
        PlottedSeries(
            _line(one.name),
            [None if value is None else float(value) for value in one.values],
            [float(x) for x in one.x or ()],
            theme.colour(one.colour, colour),
        )
        for one, colour in zip(block.series, colours, strict=True)
    ]
    names = [_line(name) for name in block.categories]
    return ChartModel(
        block.kind,
        _line(block.title),
        names,
        series,
        _line(block.x_title),
        _line(block.y_title),
        block.labels,
        numbers,
    )


def _line(text: str | None) -> str:
    return " ".join(clean(text or "").split())
