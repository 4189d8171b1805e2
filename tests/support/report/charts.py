"""How a test makes a chart: its block, its marks, its page."""

import math
from functools import cache
from typing import Any

import msgspec
import pypdfium2
from PIL import Image

from tasks.report.chart.chart import layout_chart
from tasks.report.chart.drawing import draw_marks
from tasks.report.chart.marks.mark import Mark
from tasks.report.fonts.face import faces
from tasks.report.formats.columns import locale_of
from tasks.report.layout.theme import ReportTheme
from tasks.report.pdf.document import Pdf
from tasks.report.spec.blocks import Chart
from tasks.report.spec.structs import ChartBlock, DocumentSpec, ThemeSpec

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
LONG = [
    "Professional services and consulting",
    "Hardware",
    "Maintenance agreements (multi-year, prepaid)",
    "Training",
    "Licences of third parties, resold",
]
WIDTH = 487.0


def wave(count: int, level: float, swing: float, turns: float = 1.0, shift: float = 0.0) -> list[float]:
    """Values that look like something measured, the same on every run."""
    return [
        round(
            level + swing * math.sin(shift + math.tau * turns * i / count) + swing * 0.25 * math.sin(shift + 2.7 * i), 2
        )
        for i in range(count)
    ]


def block(kind: str, values: Any, names: list[str] | None = None, **more: Any) -> ChartBlock:
    """A chart block as the engine gets it. values: of one series, of several by name, or pairs for a scatter."""
    named = values if isinstance(values, dict) else {"": values}
    if kind == "scatter":
        series = [
            {"name": name, "x": [x for x, _ in pairs], "values": [y for _, y in pairs]} for name, pairs in named.items()
        ]
        names = []
    else:
        series = [{"name": name, "values": list(one)} for name, one in named.items()]
        if names is None:
            names = [f"Item {i + 1}" for i in range(len(series[0]["values"]) if series else 0)]
    model = Chart.model_validate({"kind": kind, "series": series, "categories": names, **more})
    return msgspec.json.decode(model.model_dump_json(), type=ChartBlock)


@cache
def theme(lang: str = "en", accent: str = "#1f5fa8", accent2: str = "#d9822b") -> ReportTheme:
    found: set[str] = set()
    return ReportTheme(ThemeSpec(accent=accent, accent2=accent2), faces(lang, missing=found.add))


def marks_of(
    chart: ChartBlock,
    width: float = WIDTH,
    height: float | None = None,
    *,
    lang: str = "en",
    look: ReportTheme | None = None,
    warnings: list[str] | None = None,
) -> list[Mark]:
    """The marks of a block. warnings: gets the codes of what was warned of."""

    def warn(code: str, message: str) -> None:
        assert message.endswith(".")
        if warnings is not None:
            warnings.append(code)

    return layout_chart(
        chart,
        (width, chart.height if height is None else height),
        look or theme(lang),
        locale_of(DocumentSpec(title="Test", lang=lang)),
        warn,
    )


def pdf_of(
    marks: list[Mark], path: str, width: float = WIDTH, height: float = 200, look: ReportTheme | None = None
) -> None:
    """A PDF of one page, as large as the chart."""
    with Pdf(path, "en") as pdf:
        draw_marks(marks, pdf.begin_page(width, height), 0, 0, look or theme())
        pdf.end_page()
        pdf.finish({})


def picture_of(path: str, scale: float = 2) -> Image.Image:
    """The first page as a picture of `scale` pixels a point."""
    document = pypdfium2.PdfDocument(path)
    picture: Image.Image = document[0].render(scale=scale).to_pil().convert("RGB")
    document.close()
    return picture
