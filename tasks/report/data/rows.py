"""From a table of the spec and its dataset to its lines: typed, written, sorted, grouped and totalled; on disk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from tasks.progress import Progress
from tasks.refusal import Refusal
from tasks.report.data.entries import Entry, total_line
from tasks.report.data.expand_columns import expand_columns
from tasks.report.data.groups.row_grouper import RowGrouper
from tasks.report.data.guesses.column_guess import ColumnGuess, guess_columns
from tasks.report.data.open_source import DatasetFile, open_source
from tasks.report.data.reading import Reading
from tasks.report.data.source import RowChunk, RowSource
from tasks.report.data.spool import Spool
from tasks.report.data.table_reader import TableReader
from tasks.report.formats.cleaning import quoted
from tasks.report.formats.columns import ColumnPlan, ReportLocale
from tasks.report.render_job import RenderLimits
from tasks.report.spec.structs import TableBlock
from tasks.report.table.rows import LineBatch

LINES_PER_ITEM: Final = 1_000
CHARS_PER_ITEM: Final = 1 << 20
"""An item of the spool, which is in memory as a whole, ends when it has one or the other."""
MILLION: Final = 1_000_000
Warn = Callable[[str, str], None]


class TableRows:
    """The lines of a table, read as often as needed; a `tasks.report.table.rows.Rows`.

    count: rows. lines: of every kind. guesses: what the columns may be whose type nobody names, if that is asked for.
    """

    def __init__(
        self, reader: TableReader, spool: Spool, count: int, lines: int, guesses: Sequence[ColumnGuess] = ()
    ) -> None:
        self.columns: list[ColumnPlan] = [column.plan for column in reader.columns]
        self.count = count
        self.lines = lines
        self.guesses = guesses
        self._spool = spool

    def batches(self) -> Iterator[LineBatch]:
        """The lines as they are printed."""
        for item in self._spool.read():
            for kind, level, columns, rules, *_ in item:
                yield LineBatch(kind, level, columns, rules)

    def entries(self) -> Iterator[Entry]:
        """The lines with their values as text, if those were kept."""
        for item in self._spool.read():
            for entry in item:
                yield Entry(*entry)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What all tables of a report are read with.

    Attributes:
        datasets: By name.
        locale: How values are written.
        limits: `max_report_rows`, `max_report_cells`, `max_report_text_mb` and `max_cell_chars` are held here.
        folder: Where lines are put.
        progress: Told how many rows were read, and about how many there are.
        text: Counts what was read and written for all tables.
        keep_values: Whether other outputs than a PDF are wanted; they need values, not only what is printed.
        guess: Whether it is wanted what the columns of tables that name none may be.
    """

    datasets: Mapping[str, DatasetFile]
    locale: ReportLocale
    limits: RenderLimits
    folder: str
    progress: Progress
    text: "TextCount"
    keep_values: bool = False
    guess: bool = False


class TextCount:
    """How much text the cells of a report have, as they were read and as they are printed.

    Few bytes of a file may become much text: cells of a workbook share one, and a format adds its own to each number.
    What is printed counts in bytes of UTF-8: to draw one takes much the same time in every script, while a Chinese
    character takes as long as three to nine Latin ones.

    Args:
        max_mb: The limit, in millions of characters that are read, and of bytes that are printed.
    """

    def __init__(self, max_mb: int) -> None:
        self._max_mb = max_mb
        self._read = self._written = 0

    def add(self, chars: int, written: Sequence[Sequence[str]] = ()) -> None:
        """Count text that was read, and cells by column as they are printed.

        Raises:
            Refusal: `too_much_text`.
        """
        self._read += chars
        self._written += sum(_size("".join(column)) for column in written)
        if max(self._read, self._written) > self._max_mb * MILLION:
            message = (
                f"The cells of the report's tables have more than {self._max_mb:,} MB of text in all "
                "(MAX_REPORT_TEXT_MB), where each cell counts, also one that shares its text with others. "
                "Send fewer rows or columns, or shorter texts."
            )
            raise Refusal("too_much_text", message, limit=self._max_mb)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def open_rows(table: TableBlock, options: ReadOptions, warn: Warn) -> TableRows:
    """Read a table's data once, and put its lines into the folder.

    Args:
        table: The block.
        options: What it is read with.
        warn: Called with a code and a message.

    Raises:
        Refusal: Its field is that of the table (`columns.2.format`); it has none where the data as a whole is at fault.
    """
    folder, keep_values = options.folder, options.keep_values
    source = open_source(table, options.datasets, Reading(folder, options.locale.locale, warn))
    named, every_column = {column.field for column in table.columns}, table.every_column
    table = expand_columns(table, source)
    guesses: Sequence[ColumnGuess] = ()
    if options.guess and every_column:
        unnamed = [column.field for column in table.columns if column.field not in named]
        # Another reader of the file, without warnings: those of the table's own are enough.
        other = open_source(table, options.datasets, Reading(folder, options.locale.locale, lambda _code, _text: None))
        guesses = guess_columns(other, unnamed, other.forms(), options.locale)
    max_chars = options.limits.max_cell_chars
    reader = TableReader(table, options.locale, max_chars, source.forms())
    lines = _SpoolWriter(folder)
    grouper = None
    if table.sort or table.group_by:
        grouper = RowGrouper(table, reader, options.locale, folder, keep=keep_values)
    count = chars = 0
    for chunk in _limited(source, reader, options):
        read = reader.read(chunk)
        options.text.add(0, read.written)
        count += chunk.rows
        chars += chunk.chars
        if grouper:
            grouper.add(read, chunk.rows, chunk.chars)
        else:
            own = zip(reader.columns, read.values, strict=False)  # nothing is wanted but the table's own columns
            packed = [column.codec.pack(values) for column, values in own] if keep_values else None
            lines.add(Entry("row", 0, read.written, read.rules, packed), chunk.rows, chunk.chars)
        options.progress(count, max(count, ceil(count / chunk.share)), "rows read")
    for entry in grouper.entries() if grouper else ():
        rows = len(entry.columns[0])
        lines.add(entry, rows, chars * rows // count)
    if count and reader.totals:
        lines.add(total_line("total", 0, options.locale.words.total, reader.totals, reader), 1, 0)
    for field, cells in reader.clipped().items():
        message = f"Column {quoted(field)}: {cells:,} cells had more than {max_chars:,} characters and were clipped."
        warn("clipped_cells", message)
    return TableRows(reader, lines.finish(), count, lines.count, guesses)


class _SpoolWriter:
    """Puts entries into a spool, many an item if they are small. chars: about how much text an entry is."""

    def __init__(self, folder: str) -> None:
        self._spool = Spool(folder)
        self._waiting: list[tuple[Any, ...]] = []
        self._waiting_lines = 0
        self._waiting_chars = 0
        self.count = 0

    def add(self, entry: Entry, lines: int, chars: int) -> None:
        self._waiting.append(tuple(entry))
        self._waiting_lines += lines
        self._waiting_chars += chars
        self.count += lines
        if self._waiting_lines >= LINES_PER_ITEM or self._waiting_chars >= CHARS_PER_ITEM:
            self._write()

    def finish(self) -> Spool:
        self._write()
        return self._spool

    def _write(self) -> None:
        if self._waiting:
            self._spool.append(self._waiting)
        self._waiting = []
        self._waiting_lines = self._waiting_chars = 0


def _limited(source: RowSource, reader: TableReader, options: ReadOptions) -> Iterator[RowChunk]:
    limits = options.limits
    rows = cells = 0
    for chunk in source.chunks(reader.wanted):
        rows += chunk.rows
        cells += chunk.rows * len(reader.wanted)
        if rows > limits.max_report_rows:
            limit = limits.max_report_rows
            raise Refusal("too_many_rows", f"The data has more than {limit:,} rows. Send fewer rows.", limit=limit)
        if cells > limits.max_report_cells:
            limit = limits.max_report_cells
            message = f"The table has more than {limit:,} cells (rows × columns). Send fewer rows or fewer columns."
            raise Refusal("too_many_cells", message, limit=limit)
        options.text.add(chunk.chars)
        yield chunk
