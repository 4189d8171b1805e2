"""Rows in the order that is asked for, under the headings of their groups, with subtotals."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from tasks.report.data.entries import Entry, heading, total_line
from tasks.report.data.groups.group_level import GroupLevel, GroupRanks, sort_keys
from tasks.report.data.sorting import Record, Sorter
from tasks.report.data.table_reader import RuleHits, TableReader, TypedRows
from tasks.report.data.totals import Total
from tasks.report.formats.columns import ReportLocale
from tasks.report.spec.structs import TableBlock

MAX_LABEL_CHARS: Final = 24
"""Of a label that shares the first column with a total."""


class RowGrouper:
    """Takes rows as they are read and gives them back as lines.

    Groups stand in the order of the data, those of dates by date, unless `sort` names their field. Rows that are alike
    stay as they came.
    keep: the values are wanted as well, not only what is printed.
    """

    def __init__(
        self, table: TableBlock, reader: TableReader, report_locale: ReportLocale, folder: str, *, keep: bool
    ) -> None:
        self._reader = reader
        self._locale = report_locale
        self._subtotals = [group.subtotals for group in table.group_by]
        sort = {self._index(one.field): one.descending for one in table.sort}
        self._levels: list[GroupLevel] = []
        for number, group in enumerate(table.group_by):
            index = self._index(group.field)
            place, descending = f"group_by.{number}", sort.get(index)
            self._levels.append(GroupLevel(group, place, index, reader, report_locale, descending=descending))
        self._ranks = GroupRanks()
        settled = {level.index for level in self._levels if not level.is_coarse}
        self._by = [(index, down) for index, down in sort.items() if index not in settled]
        self._packed = list(range(len(reader.columns)) if keep else reader.totals if self._levels else ())
        self._keep = keep
        self._ruled = any(column.rules for column in reader.columns)
        self._sorter = Sorter(folder)
        self._rows = 0

    def add(self, read: TypedRows, rows: int, chars: int) -> None:
        """chars: about how much text the rows are."""
        self._sorter.add(list(self._records(read, rows)), chars)
        self._rows += rows

    def entries(self) -> Iterator[Entry]:
        """Every line but the total."""
        depth = len(self._levels)
        labels: list[str] = []
        open_groups: tuple[Any, ...] = ()
        totals: list[dict[int, Total]] = []
        for records in self._sorter.sorted():
            for groups, members in groupby(records, key=lambda record: record[0][:depth]):
                rows = list(members)
                if groups != open_groups or not labels:
                    same = _common(groups, open_groups) if labels else 0
                    yield from self._closing(labels, totals, same)
                    del labels[same:], totals[same:]
                    for level in range(same, depth):
                        labels.append(rows[0][3][level])
                        totals.append({index: Total(total) for index, total in self._kinds()})
                        yield heading(level, labels[level], len(self._reader.columns))
                    open_groups = groups
                entry = self._entry(rows)
                self._count(entry, totals)
                yield entry if self._keep else entry._replace(packed=None)
        yield from self._closing(labels, totals, 0)

    def _index(self, field: str) -> int:
        index = self._reader.index(field)
        if index is None:
            raise KeyError(field)  # the reader wants every field that the table names
        return index

    def _records(self, read: TypedRows, rows: int) -> Iterator[Record]:
        reader = self._reader
        by: list[Sequence[Any]] = []
        heads: Sequence[Any] = [()] * rows
        if self._levels:
            by, heads = self._grouped(read, rows)
        by += [sort_keys(reader.codecs[index], read.values[index], descending=down) for index, down in self._by]
        key = zip(*by, range(self._rows, self._rows + rows), strict=True)
        nothing = [()] * rows
        packed: Sequence[Any] = nothing
        if self._packed:
            packed = list(zip(*(reader.codecs[index].pack(read.values[index]) for index in self._packed), strict=True))
        rules: Sequence[Any] = nothing
        if self._ruled:
            rules = [
                tuple((column, held[row]) for column, held in read.rules.items() if row in held) for row in range(rows)
            ]
        return zip(key, zip(*read.written, strict=True), packed, heads, rules, strict=True)

    def _grouped(self, read: TypedRows, rows: int) -> tuple[list[Sequence[Any]], list[tuple[str, ...]]]:
        """For each level what its groups are sorted by and told apart; and for each row what its groups are called."""
        by: list[Sequence[Any]] = []
        heads: list[Sequence[str]] = []
        outer: list[tuple[Any, ...]] = [()] * rows
        for level in self._levels:
            members = level.members(read)
            order = level.order(read, members) or self._ranks.of(outer, level.keys(members))
            by.append(order)
            heads.append(level.headings(read, members))
            outer = [(*groups, group) for groups, group in zip(outer, order, strict=True)]
        return by, list(zip(*heads, strict=True))

    def _entry(self, rows: list[Record]) -> Entry:
        _, written, packed, _, rules = zip(*rows, strict=True)
        found: RuleHits = {}
        for row, held in enumerate(rules):
            for column, rule in held:
                found.setdefault(column, {})[row] = rule
        return Entry("row", len(self._levels), list(zip(*written, strict=True)), found, list(zip(*packed, strict=True)))

    def _count(self, entry: Entry, totals: Sequence[Mapping[int, Total]]) -> None:
        if not totals or not self._reader.totals:
            return
        packed = dict(zip(self._packed, entry.packed or (), strict=True))
        for index in self._reader.totals:
            values = self._reader.codecs[index].unpack(packed[index])
            for level in totals:
                level[index].add(values)

    def _kinds(self) -> Iterator[tuple[int, str]]:
        for index in self._reader.totals:
            yield index, str(self._reader.columns[index].plan.total)

    def _closing(self, labels: Sequence[str], totals: Sequence[Mapping[int, Total]], same: int) -> Iterator[Entry]:
        for level in reversed(range(same, len(labels))):
            if self._subtotals[level] and totals[level]:
                words = self._locale.words
                label = words.total_of(labels[level])
                if 0 in totals[level] and len(label) > MAX_LABEL_CHARS:
                    label = words.total  # the group's heading stands above
                yield total_line("subtotal", level, label, totals[level], self._reader)


def _common(one: tuple[Any, ...], other: tuple[Any, ...]) -> int:
    """How many groups they share, from the outermost."""
    level = 0
    while level < len(one) and one[level] == other[level]:
        level += 1
    return level
