"""What width each column asks for."""

from itertools import takewhile
from typing import Final

from tasks.report.layout.theme import ReportTheme
from tasks.report.spec.structs import TableBlock
from tasks.report.table.layout import GROUP_INDENT, HEAD_SCALE, TableMetrics
from tasks.report.table.measure import TextExtent
from tasks.report.table.rows import Rows
from tasks.report.table.share import Demand
from tasks.report.table.survey import Survey

# In ems. A text column is never narrower than that, however little room there is.
_BARE_TEXT: Final = 4.0
_BARE_CUT: Final = 3.0
_FEW_WORDS: Final = 6.0
_SHORT_TEXT: Final = 10.0
_GOOD_TEXT: Final = 36.0
_ONE_CHARACTER: Final = 1.2
_SLACK_PT: Final = 0.02
"""Against rounding: what was measured must fit."""


def demands(rows: Rows, block: TableBlock, found: Survey, theme: ReportTheme, metrics: TableMetrics) -> list[Demand]:
    """One for each column, in points at the size of `metrics`, padding included."""
    bold = theme.faces.bold
    label = label_column(rows)
    gutters = metrics.gutters(rows)
    result = []
    for index, column in enumerate(rows.columns):
        own, total = found.rows[index], found.totals[index]
        around = 2 * metrics.pad + gutters[index] + _SLACK_PT
        if not isinstance(column.width, str):
            width = max(column.width, around + _ONE_CHARACTER * metrics.size)
            result.append(Demand(width, width, width, width, "fixed"))
            continue
        title = bold.width(column.title, HEAD_SCALE)
        word = max((bold.width(word, HEAD_SCALE) for word in column.title.split()), default=0.0)
        whole = max(own.whole, 0.0 if index == label else total.whole)
        if isinstance(own, TextExtent):
            bare = min(whole, _BARE_CUT if column.overflow == "clip" else _BARE_TEXT)
            words = min(whole, _FEW_WORDS) if column.overflow == "clip" else own.words()
            good = min(own.good(), _GOOD_TEXT)
            if good <= _SHORT_TEXT:
                words = max(words, good)
        else:
            bare = words = good = whole
        words = max(bare, words, min(word, 2 * _FEW_WORDS))
        good = max(good, words, min(title, 2 * word))
        result.append(
            Demand(
                bare * metrics.size + around,
                words * metrics.size + around,
                good * metrics.size + around,
                max(whole, good, title) * metrics.size + around,
                "flex" if column.width == "flex" else "auto",
            )
        )
    _make_room_beside(result, rows, len(block.group_by), found, metrics)
    return result


def _make_room_beside(demands: list[Demand], rows: Rows, groups: int, found: Survey, metrics: TableMetrics) -> None:
    """Let the column of labels grow, where there is room, so that headings and labels of totals are not cut."""
    label = label_column(rows)
    if label is None:
        return
    beside = list(takewhile(lambda index: rows.columns[index].total is None, range(label, len(demands))))
    indent = GROUP_INDENT * max(groups - 1, 0)
    for width, columns in (
        (found.totals[label].whole * metrics.size, beside),
        (found.headings * metrics.size + indent, range(len(demands))),
    ):
        lacking = width + 2 * metrics.pad + _SLACK_PT - sum(demands[index].whole for index in columns)
        if lacking > 0 and demands[label].kind != "fixed":
            demands[label] = demands[label]._replace(whole=demands[label].whole + lacking)


def label_column(rows: Rows) -> int | None:
    """Where lines of totals have a label to themselves: in the first column, if it has no total."""
    return 0 if rows.columns[0].total is None else None
