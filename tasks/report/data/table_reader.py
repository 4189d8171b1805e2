"""The columns of one table while its dataset is read: texts become values, values become what is printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.report.data.cell_codecs import CellCodec, TextCodec, codec_of
from tasks.report.data.rules import ColumnRules
from tasks.report.data.source import ISO_FORMS, RowChunk, WantedColumn, WrittenForms
from tasks.report.data.totals import Total, check_total
from tasks.report.formats.columns import ColumnPlan, ReportLocale, plan_column
from tasks.report.spec.structs import ColumnSpec, GroupSpec, SortSpec, TableBlock

RuleHits = dict[int, dict[int, int]]
"""Column -> row -> the number of the rule that holds there."""


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """One column of the table."""

    plan: ColumnPlan
    codec: CellCodec
    rules: ColumnRules


@dataclass(frozen=True, slots=True)
class TypedRows:
    """Some rows, by column. values: of every wanted column, those that are only sorted or grouped by at the end.

    written: what is printed, of the table's own columns.
    """

    values: list[list[Any]]
    written: list[list[str]]
    rules: RuleHits


class TableReader:
    """Reads the wanted columns: the table's own, then those that it is only sorted or grouped by. The latter are text,
    or dates if they are grouped by a period.

    Raises: Refusal, naming the field of the table.
    """

    def __init__(
        self,
        table: TableBlock,
        report_locale: ReportLocale,
        max_cell_chars: int,
        forms: WrittenForms = ISO_FORMS,
    ) -> None:
        self.columns = [
            _column(column, f"columns.{index}", report_locale, max_cell_chars, forms)
            for index, column in enumerate(table.columns)
        ]
        self.wanted = [
            WantedColumn(column.plan.field, f"columns.{index}.field", typed=column.plan.type != "text")
            for index, column in enumerate(self.columns)
        ]
        self.codecs: list[CellCodec] = [column.codec for column in self.columns]
        others: tuple[tuple[str, Sequence[GroupSpec | SortSpec]], ...] = (
            ("group_by", table.group_by),
            ("sort", table.sort),
        )
        for name, keys in others:
            for index, one in enumerate(keys):
                if self.index(one.field) is None:
                    place, by_date = f"{name}.{index}", isinstance(one, GroupSpec) and one.by is not None
                    column = ColumnSpec(field=one.field, type="date" if by_date else "text")
                    self.wanted.append(WantedColumn(one.field, f"{place}.field", typed=by_date))
                    self.codecs.append(codec_of(column, place, report_locale, max_cell_chars, forms))
        self.totals = {
            index: Total(column.plan.total)
            for index, column in enumerate(self.columns)
            if column.plan.total is not None
        }

    def index(self, field: str) -> int | None:
        """Which of the wanted columns has that name."""
        return next((index for index, wanted in enumerate(self.wanted) if wanted.field == field), None)

    def read(self, chunk: RowChunk) -> TypedRows:
        """Type and write the rows of a chunk, and count them into the totals."""
        values, written = [], []
        rules: RuleHits = {}
        for index, (codec, texts) in enumerate(zip(self.codecs, chunk.columns, strict=True)):
            typed, holes = codec.read(texts, chunk.place)
            values.append(typed)
            if index >= len(self.columns):
                continue
            column = self.columns[index]
            written.append(column.plan.write(typed, holes))
            if index in self.totals:
                self.totals[index].add(non_empty(typed) if holes or isinstance(codec, TextCodec) else typed)
            if column.rules:
                held = column.rules.hold(typed, written[-1])
                if held:
                    rules[index] = held
        return TypedRows(values, written, rules)

    def clipped(self) -> dict[str, int]:
        """Field -> how many of its cells were cut to their limit."""
        return {
            wanted.field: codec.clipped
            for wanted, codec in zip(self.wanted, self.codecs, strict=True)
            if isinstance(codec, TextCodec) and codec.clipped
        }


def non_empty(values: Sequence[Any]) -> list[Any]:
    """The values of cells that are not empty."""
    return [value for value in values if value is not None and value != ""]


def _column(
    column: ColumnSpec, place: str, report_locale: ReportLocale, max_cell_chars: int, forms: WrittenForms
) -> TypedColumn:
    check_total(column, place)
    codec = codec_of(column, place, report_locale, max_cell_chars, forms)
    return TypedColumn(plan_column(column, place, report_locale), codec, ColumnRules(column, place, codec))
