"""The two readings of a table before it is drawn: how wide its cells are, and how many lines of text they take."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.report.fonts.face import Face
from tasks.report.layout.theme import ReportTheme
from tasks.report.spec.structs import TableBlock
from tasks.report.table.fit import Fit
from tasks.report.table.measure import Extent, NumberExtent, TextExtent
from tasks.report.table.pages import GROUP, KINDS, ROW, TableLines
from tasks.report.table.rows import LineBatch, Rows, heading


@dataclass(frozen=True)
class Survey:
    """lines: as if no text were broken. headings: the widest of a group, with its indent left out. rows, totals: by
    column. Widths are in ems of the face that each is drawn in."""

    lines: TableLines
    headings: float
    rows: Sequence[Extent]
    totals: Sequence[Extent]


def survey(rows: Rows, block: TableBlock, theme: ReportTheme) -> Survey:
    """Read all rows once."""
    lines = TableLines()
    regular, bold = theme.faces.regular, theme.faces.bold
    headings = 0.0
    in_rows, in_totals = [], []
    for column in rows.columns:
        stressed = any(rule.bold for rule in column.rules)
        in_rows.append(_extent(column.type, column.decimal_mark, bold if stressed else regular))
        in_totals.append(_extent(column.type, column.decimal_mark, bold))
    for batch in rows.batches():
        kind = KINDS[batch.kind]
        lines.add(kind, batch.lines, breaks=_breaks(batch, block))
        if kind == GROUP:
            headings = max(headings, bold.width(heading(batch), 1))
            continue
        for extent, cells in zip(in_rows if kind == ROW else in_totals, batch.columns, strict=True):
            extent.add(cells)
    return Survey(lines, headings, in_rows, in_totals)


def broken_lines(rows: Rows, block: TableBlock, fits: Mapping[int, Fit], most: int) -> tuple[TableLines, Counter[int]]:
    """Read all rows once more, and break the texts of the columns that have a fit. most: lines of text on a page.

    Also returned: of which column how many texts do not fit into one line as they are.
    """
    lines = TableLines()
    unfit: Counter[int] = Counter()
    for batch in rows.batches():
        kind = KINDS[batch.kind]
        if kind != ROW:
            lines.add(kind, breaks=_breaks(batch, block))
            continue
        counts = [1] * batch.lines
        for column, fit in fits.items():
            texts = batch.columns[column]
            broken = [fit.lines(text) for text in texts]
            unfit[column] += sum(some != (text,) for some, text in zip(broken, texts, strict=True))
            counts = list(map(max, counts, map(len, broken)))
        lines.add_rows(counts, most)
    return lines, +unfit


def _extent(type_: str, decimal_mark: str | None, face: Face) -> Extent:
    return TextExtent(face) if type_ in ("text", "boolean") else NumberExtent(face, decimal_mark)


def _breaks(batch: LineBatch, block: TableBlock) -> bool:
    return batch.kind == "group" and block.group_by[batch.level].page_break
