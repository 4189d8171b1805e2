"""What a chart does not show as it was asked: texts that are shortened, left out or no longer told apart."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from tasks.report.chart.marks.mark import Mark, TextMark
from tasks.report.chart.model import ChartModel
from tasks.report.formats.cleaning import quoted

Warn = Callable[[str, str], None]

_CALLED: Final = {
    "name": ("name of a category", "names of categories"),
    "series": ("name of a series", "names of series"),
    "title": ("title", "titles"),
    "x_title": ("title of the x axis", "titles of the x axis"),
    "y_title": ("title of the y axis", "titles of the y axis"),
}


def tell_losses(model: ChartModel, marks: Sequence[Mark], warn: Warn, *, empty: bool = False) -> None:
    """Warn of what a chart's marks lack of its texts.

    Args:
        model: The chart.
        marks: What is drawn.
        warn: Called with a code and a message.
        empty: Whether there is no data: only the titles are to be seen then.
    """
    shown: dict[tuple[str, int], list[str]] = defaultdict(list)
    for mark in marks:
        if isinstance(mark, TextMark) and mark.of is not None:
            shown[mark.of].append(mark.text)
    wanted = {"title": [model.title], "x_title": [model.x_title], "y_title": [model.y_title]}
    if not empty:
        lone = len(model.series) == 1 and ("series", 0) not in shown  # it needs no name
        wanted["series"] = [] if lone else [one.name for one in model.series]
        wanted["name"] = _names(model, shown, warn)
    for role, texts in wanted.items():
        _tell_of(role, texts, {index: lines for (one, index), lines in shown.items() if one == role}, warn)
    if not empty:
        _tell_of_numbers(model, shown, warn)


def _names(model: ChartModel, shown: dict[tuple[str, int], list[str]], warn: Warn) -> list[str]:
    """The names that are to be seen, "" for those that are not: of a pie those of its slices."""
    if model.kind == "scatter":
        return []
    if model.kind not in ("pie", "donut"):
        return list(model.names)
    merged = max((index for role, index in shown if role == "other"), default=0)
    if merged:
        warn("merged", f"{merged} small slices are drawn as one.")
    values = model.series[0].values
    names = [name if value else "" for name, value in zip(model.names, values, strict=True)]
    without = sum(bool(name) for name in model.names) - sum(map(bool, names))
    if without:
        warn("left_out", f"{without:,} categories have no slice, as they have no value or zero.")
    if merged:
        names = [name if ("name", index) in shown else "" for index, name in enumerate(names)]
    return names


def _tell_of(role: str, texts: Sequence[str], shown: dict[int, list[str]], warn: Warn) -> None:
    one, many = _CALLED[role]
    wanted = {index: text for index, text in enumerate(texts) if text}
    missing = [text for index, text in wanted.items() if index not in shown]
    if missing:
        count = f"{len(missing):,} of {len(wanted):,} {many} are" if len(wanted) > 1 else f"The {one} is"
        warn("left_out", f"{count} left out for want of room, such as {quoted(missing[0])}.")
    cut = [text for index, text in wanted.items() if index in shown and _bare(shown[index]) != _bare([text])]
    if cut:
        count = f"{len(cut):,} of {len(wanted):,} {many} are" if len(wanted) > 1 else f"The {one} is"
        warn("clipped", f"{count} shortened, such as {quoted(cut[0])}.")
    alike: dict[str, set[str]] = defaultdict(set)
    for index, text in wanted.items():
        if index in shown:
            alike[_bare(shown[index])].add(text)
    same = [sorted(different) for different in alike.values() if len(different) > 1]
    if same:
        first, second = map(quoted, same[0][:2])
        said = f"{sum(map(len, same)):,} {many} cannot be told apart once they are shortened"
        warn("ambiguous_labels", f"{said}, such as {first} and {second}. Use shorter ones.")


def _tell_of_numbers(model: ChartModel, shown: dict[tuple[str, int], list[str]], warn: Warn) -> None:
    written = sum(len(texts) for (role, _), texts in shown.items() if role == "value")
    pie = model.kind in ("pie", "donut")
    wanted = sum(bool(value) for value in model.known) if model.kind == "stacked_bar" else len(model.known)
    if model.labels and not pie and model.kind != "scatter" and written < wanted:
        message = f"{wanted - written:,} of {wanted:,} values are not written at their marks for want of room."
        warn("left_out", message)
    if not pie and not written and not any(role == "tick" for role, _ in shown):
        warn("left_out", "The value axis has no numbers for want of room.")


def _bare(lines: Sequence[str]) -> str:
    """The text without spaces, some of which go where lines are broken."""
    return "".join(lines).replace(" ", "")
