"""What every kind of dataset looks like to who reads it: headings, and chunks of text by column."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from tasks.refusal import Refusal
from tasks.report.formats.cleaning import clean

CHUNK_ROWS: Final = 1_000
CHUNK_CHARS: Final = 1 << 20
"""A chunk ends when it has one or the other."""
MAX_DATASET_COLUMNS: Final = 2_000
MAX_FIELD_CHARS: Final = 1 << 17
"""A cell with more is refused (an unclosed quote reads as one); what is over max_cell_chars is only clipped."""
MAX_LINE_CHARS: Final = 4 << 20
_SHOWN_CHARS: Final = 200


class WantedColumn(NamedTuple):
    """A column that the table needs, and which field of the spec (`columns.2.field`) says so."""

    field: str
    place: str


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
        """The names of its columns, cleaned. Raises: Refusal."""
        ...

    def chunks(self, wanted: Sequence[WantedColumn]) -> Iterator[RowChunk]:
        """Its rows. Raises: Refusal, for what it lacks and for where it is malformed."""
        ...


def choose(headings: Sequence[str], wanted: Sequence[WantedColumn], hint: str = "") -> list[int]:
    """Which of `headings` the wanted columns are. Raises: Refusal `unknown_column`, `duplicate_column`."""
    chosen = []
    for field, place in wanted:
        name = clean(field).strip()
        found = headings.count(name)
        if found == 0:
            raise unknown_column(field, place, headings, hint)
        if found > 1:
            message = f"The dataset has {found} columns named {_short(field)!r}. Give each column its own name."
            raise Refusal("duplicate_column", message, field=place)
        chosen.append(headings.index(name))
    return chosen


def unknown_column(field: str, place: str, headings: Sequence[str], hint: str = "") -> Refusal:
    """The refusal of a column that is not there; it tells which are."""
    message = f"The dataset has no column {_short(field)!r}. It has {_short(', '.join(map(repr, headings)))}.{hint}"
    return Refusal("unknown_column", message, field=place)


def check_columns(count: int) -> None:
    """Raises: Refusal `too_many_columns`."""
    if count > MAX_DATASET_COLUMNS:
        message = f"The dataset has {count:,} columns. At most {MAX_DATASET_COLUMNS:,} are allowed."
        raise Refusal("too_many_columns", message, limit=MAX_DATASET_COLUMNS)


def _short(text: str) -> str:
    text = clean(text)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
