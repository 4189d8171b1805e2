"""Charts as SVG, drawn by the server: no script, and figures that a screen reader finds in a table beside them."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 240
HEIGHT: Final = 40


def bars(
    values: Sequence[float | None],
    label: str,
    failed: Sequence[float | None] = (),
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Markup:
    """Bars, oldest first, each as high as its value; what failed of it is hatched at the top.

    Args:
        values: What each bar stands for; None is a gap.
        label: What it shows, for those who do not see it.
        failed: How much of each value failed; empty if that is not shown.
        width: In CSS pixels at most.
        height: In CSS pixels.
    """
    most = max((value for value in values if value), default=0) or 1
    each = width / max(len(values), 1)
    drawn = []
    for place, value in enumerate(values):
        if not value:
            continue
        tall, x = max(value / most * height, 1), place * each
        drawn.append(_rect("bar", x, height - tall, each * 0.8, tall))
        bad = failed[place] if place < len(failed) else None
        if bad:
            drawn.append(_rect("bar failed", x, height - tall, each * 0.8, max(bad / most * height, 1)))
    return _svg("".join(drawn), label, width, height)


def lines(
    series: Sequence[tuple[str, Sequence[float | None]]], label: str, *, width: int = 480, height: int = 80
) -> Markup:
    """Several lines over the same time, oldest first; each has its name in its class and at its end.

    Args:
        series: Name and values of each; None is a gap.
        label: What it shows, for those who do not see it.
        width: In CSS pixels at most.
        height: In CSS pixels.
    """
    most = max((value for _, values in series for value in values if value), default=0) or 1
    drawn = []
    for name, values in series:
        step = width / max(len(values) - 1, 1)
        points: list[str] = []
        for place, value in enumerate(values):
            if value is None:
                drawn.append(_polyline(name, points, width))
                points = []
            else:
                points.append(f"{place * step:.1f},{height - value / most * (height - 2) - 1:.1f}")
        drawn.append(_polyline(name, points, width))
    return _svg("".join(drawn), label, width, height)


def _rect(name: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _polyline(name: str, points: Sequence[str], width: int) -> str:
    if len(points) == 1:  # between two gaps: a dash, since a line of one point is not drawn
        x, _, y = points[0].partition(",")
        points = [f"{max(float(x) - 2, 0):.1f},{y}", f"{min(float(x) + 2, width):.1f},{y}"]
    return f'<polyline class="line {escape(name)}" points="{" ".join(points)}"/>' if points else ""


def _svg(content: str, label: str, width: int, height: int) -> Markup:
    start = Markup('<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">')
    return start.format(label, width, height) + Markup(content) + Markup("</svg>")  # noqa: S704 - numbers and our names
