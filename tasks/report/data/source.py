"""What every kind of dataset looks like to who reads it: headings, and chunks of text by column."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from tasks.refusal import Refusal
from tasks.report.formats.cleaning import clean, quoted, short

CHUNK_ROWS: Final = 1_000
CHUNK_CHARS: Final = 1 << 20
"""A chunk ends when it has one or the other."""
MAX_DATASET_COLUMNS: Final = 2_000
MAX_FIELD_CHARS: Final = 1 << 17
"""A cell with more is refused (an unclosed quote reads as one); what is over max_cell_chars is only clipped."""
MAX_LINE_CHARS: Final = 4 << 20
MAX_NAME_CHARS: Final = 200
"""A heading with more is clipped."""
_LISTED_CHARS: Final = 400


class WantedColumn(NamedTuple):
    """A column that the table needs, and which field of the spec (`columns.2.field`) says so.

    typed: whether its cells become numbers, dates or booleans; a column of text has them as the file shows them.
    """

    field: str
    place: str
    typed: bool = False


class WrittenForms(NamedTuple):
    """How numbers, dates and empty cells are written in a source, where they are text.

    Attributes:
        decimal: The decimal mark.
        thousands: The marks that may stand between groups of digits.
        ambiguous: Whether nothing says what the mark in a text such as `1,240` is.
        date_format: The CLDR pattern of dates and date-times; None for ISO 8601.
        nulls: Texts that mean an empty cell.
    """

    decimal: str = "."
    thousands: str = ""
    ambiguous: bool = False
    date_format: str | None = None
    nulls: tuple[str, ...] = ()


ISO_FORMS: Final = WrittenForms()
"""Digits with a point, and ISO 8601."""


@dataclass(frozen=True, slots=True)
class RowChunk:
    """Some rows: a sequence of texts for each wanted column, "" where a cell is empty.

    place says where row i of the chunk stands ("Line 7"). chars: about how much text it is. share: how much of the
    whole source was read when it was made, in [0, 1].
    """

    columns: Sequence[Sequence[str]]
    rows: int
    place: Callable[[int], str]
    chars: int
    share: float


class RowSource(Protocol):
    """A dataset, opened as often as it is read."""

    def headings(self) -> list[str]:
        """The names of its columns, cleaned, each another one; "" for a column that is left out. Raises: Refusal."""
        ...

    def forms(self) -> WrittenForms:
        """How its texts are to be read where they are numbers or dates. Raises: Refusal."""
        ...

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        """Its rows. Raises: Refusal, for what it lacks and for where it is malformed."""
        ...


def choose(headings: Sequence[str], wanted: Sequence[WantedColumn], hint: str = "") -> list[int]:
    """Which of `headings` the wanted columns are. Raises: Refusal `unknown_column`."""
    chosen = []
    for field, place, _ in wanted:
        name = short(clean(field).strip(), MAX_NAME_CHARS)
        if name not in headings:
            raise unknown_column(field, place, headings, hint)
        chosen.append(headings.index(name))
    return chosen


def unknown_column(field: str, place: str, headings: Sequence[str], hint: str = "") -> Refusal:
    """The refusal of a column that is not there; it tells which are."""
    known = short(", ".join(quoted(name) for name in headings if name), _LISTED_CHARS)
    message = f"The dataset has no column {quoted(field)}. It has {known}.{hint}"
    return Refusal("unknown_column", message, field=place)


def check_columns(count: int) -> None:
    """Raises: Refusal `too_many_columns`."""
    if count > MAX_DATASET_COLUMNS:
        message = f"The dataset has {count:,} columns. At most {MAX_DATASET_COLUMNS:,} are allowed."
        raise Refusal("too_many_columns", message, limit=MAX_DATASET_COLUMNS)
