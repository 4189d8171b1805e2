"""The steps of a workflow as a drawing: each stands to the right of those that it needs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup, escape

MOST_STEPS: Final = 60
"""A workflow with more is shown as a table alone: its drawing would be too small to read."""
NODE_WIDTH: Final = 152
NODE_HEIGHT: Final = 44
GAP_WIDTH: Final = 40
GAP_HEIGHT: Final = 16
NAME_CHARS: Final = 20


def graph_of(steps: Sequence[Mapping[str, Any]], label: str, word: Callable[[str], str]) -> Markup | None:
    """Draw the steps.

    Args:
        steps: Those of `GET /v1/workflows/{id}`, each after those that it needs.
        label: What it shows, for those who do not see it.
        word: Returns the word for a state.

    Returns:
        SVG; None for more than MOST_STEPS.
    """
    if len(steps) > MOST_STEPS:
        return None
    columns: dict[str, int] = {}
    for step in steps:
        columns[step["name"]] = 1 + max((columns[name] for name in step["needs"]), default=-1)
    rows = [0] * (max(columns.values()) + 1)
    places: dict[str, tuple[int, int]] = {}
    for step in steps:
        column = columns[step["name"]]
        places[step["name"]] = (column * (NODE_WIDTH + GAP_WIDTH) + 1, rows[column] * (NODE_HEIGHT + GAP_HEIGHT) + 1)
        rows[column] += 1
    needs = Markup("").join(_edge(places[name], places[step["name"]]) for step in steps for name in step["needs"])
    nodes = Markup("").join(_node(step, places[step["name"]], word) for step in steps)
    width, height = len(rows) * (NODE_WIDTH + GAP_WIDTH) - GAP_WIDTH + 2, max(rows) * (NODE_HEIGHT + GAP_HEIGHT)
    start = Markup('<svg class="graph" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">')
    return start.format(label, width, height, width, height) + needs + nodes + Markup("</svg>")


def _edge(start: tuple[int, int], end: tuple[int, int]) -> Markup:
    x, y = start[0] + NODE_WIDTH, start[1] + NODE_HEIGHT // 2
    to_x, to_y, bend = end[0], end[1] + NODE_HEIGHT // 2, GAP_WIDTH // 2
    return Markup('<path d="M{} {}C{} {} {} {} {} {}"/>').format(x, y, x + bend, y, to_x - bend, to_y, to_x, to_y)


def _node(step: Mapping[str, Any], place: tuple[int, int], word: Callable[[str], str]) -> Markup:
    name, state, (x, y) = step["name"], step.get("state", ""), place
    shown = name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 1]}…"
    rect = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="6"/>').format(x, y, NODE_WIDTH, NODE_HEIGHT)
    text = Markup('<text x="{}" y="{}">{}</text>')
    lines = text.format(x + 10, y + 18, shown) + text.format(x + 10, y + 35, word(state) if state else "–")
    return Markup('<g class="{}">').format(escape(state)) + rect + lines + Markup("</g>")
