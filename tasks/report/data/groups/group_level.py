"""What a table's rows are grouped by: which rows are one group, what it is called, and where it stands."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from tasks.refusal import Refusal
from tasks.report.data.cell_codecs import CellCodec, DateCodec, DateTimeCodec, IntegerCodec, TextCodec
from tasks.report.data.sorting import keys
from tasks.report.data.table_reader import TableReader, TypedRows
from tasks.report.formats.columns import ReportLocale
from tasks.report.formats.dates import MAX_DAYS_KEPT, DateFormat, period_format
from tasks.report.formats.numbers import EXACT, NumberFormat
from tasks.report.spec.structs import GroupSpec

NO_VALUE: Final = "—"
"""The heading of rows that have no value to be grouped by."""
MAX_RANKED_GROUPS: Final = 50_000
"""Groups that stand in the order of the data; what comes after so many is ordered by its value."""


class GroupLevel:
    """One field that rows are grouped by.

    Values that are written alike are one group: dates of a month, where the column shows the month alone.

    Args:
        group: Of the spec.
        place: Where in the table it stands, such as `group_by.0`.
        index: Which of the reader's columns it is.
        reader: Reads the columns.
        report_locale: How periods are written.
        descending: What `sort` says of the field, None if it does not name it.

    Raises:
        Refusal: `invalid_request` for a period of a column that holds no dates.
    """

    def __init__(
        self,
        group: GroupSpec,
        place: str,
        index: int,
        reader: TableReader,
        report_locale: ReportLocale,
        *,
        descending: bool | None,
    ) -> None:
        self.index = index
        self._codec = codec = reader.codecs[index]
        self._plan = reader.columns[index].plan if index < len(reader.columns) else None
        self._descending = descending
        self._by_date = isinstance(codec, (DateCodec, DateTimeCodec))
        if group.by and not self._by_date:
            message = f"Only dates have a {group.by}. Give the column {group.field!r} the type date or datetime."
            raise Refusal("invalid_request", message, field=f"{place}.by")
        self._format = period_format(group.by, report_locale.locale) if group.by else self._plan and self._plan.format
        self._periods = _Periods(self._format) if isinstance(self._format, DateFormat) else None
        self._newest_first: bool | None = None
        self._step = None
        if isinstance(self._format, NumberFormat) and self._format.plain and not isinstance(codec, IntegerCodec):
            self._step = self._format.last_digit
        self.is_coarse = self._periods is not None or self._step is not None
        """Whether rows of one group may have different values."""

    def members(self, read: TypedRows) -> list[Any]:
        """For each row the value of its group, None for none."""
        values = read.values[self.index]
        periods, step = self._periods, self._step
        if periods is not None:
            return [None if value is None else periods[value] for value in values]
        if step is not None:
            return [None if value is None else value.quantize(step, context=EXACT) for value in values]
        return values

    def headings(self, read: TypedRows, members: Sequence[Any]) -> list[str]:
        """For each row what its group is called."""
        if isinstance(self._format, DateFormat):
            write = self._format
            return [NO_VALUE if value is None else write(value) for value in members]
        if self._plan is None:
            return [text or NO_VALUE for text in members]
        title = "" if self._plan.type == "text" or not self._plan.title else f"{self._plan.title}: "
        return [f"{title}{text or NO_VALUE}" for text in read.written[self.index]]

    def order(self, read: TypedRows, members: Sequence[Any]) -> list[Any] | None:
        """For each row where its group stands among the others; None if that follows the data."""
        descending = self._descending
        if descending is None and self._by_date:
            descending = self._runs_backwards(read.values[self.index])
        return None if descending is None else self.keys(members, descending=descending)

    def keys(self, members: Sequence[Any], *, descending: bool = False) -> list[Any]:
        """For each row a key by which the values of groups can be sorted and told apart."""
        return sort_keys(self._codec, members, descending=descending)

    def _runs_backwards(self, values: Sequence[Any]) -> bool:
        """Whether the data begins with its newest dates. The first chunk with dates decides, once and for all: the keys
        of its rows are given away."""
        if self._newest_first is None:
            known = [value for value in values if value is not None]
            if known:
                self._newest_first = known[0] > known[-1] and known == sorted(known, reverse=True)
        return bool(self._newest_first)


class GroupRanks:
    """Numbers groups in the order in which they are first met; those inside different groups apart."""

    def __init__(self) -> None:
        self._ranks: dict[tuple[Any, Any], int] = {}

    def of(self, outer: Sequence[Any], keys: Sequence[Any]) -> list[tuple[int, Any]]:
        """A rank for each row, and its key where the rank alone does not tell its group.

        Args:
            outer: What the group around it is known by, of each row.
            keys: The keys of its own group.
        """
        ranks = self._ranks
        found = []
        for pair in zip(outer, keys, strict=True):
            rank = ranks.get(pair)
            if rank is None and len(ranks) < MAX_RANKED_GROUPS:
                rank = ranks[pair] = len(ranks)
            found.append((MAX_RANKED_GROUPS, pair[1]) if rank is None else (rank, 0))
        return found


def sort_keys(codec: CellCodec, values: Sequence[Any], *, descending: bool) -> list[Any]:
    """For each value of a column what to sort its row by."""
    return keys(codec.sort_keys(values), texts=isinstance(codec, TextCodec), descending=descending)


class _Periods(dict[date, date]):
    """A date or a moment -> the first one that is written alike."""

    def __init__(self, form: DateFormat) -> None:
        super().__init__()
        self._form = form

    def __missing__(self, value: date) -> date:
        if len(self) >= MAX_DAYS_KEPT:
            self.clear()
        start = self[value] = self._form.period(value)
        return start
