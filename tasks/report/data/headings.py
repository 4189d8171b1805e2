"""Which row of a table names its columns, and what each column is called."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from tasks.report.data.source import MAX_NAME_CHARS, check_columns
from tasks.report.formats.cleaning import clean, quoted, short

SAMPLE_ROWS: Final = 200
"""Rows at the beginning that are looked at to find the row that names the columns."""
_SHOWN_NAMES: Final = 5
_DIGIT: Final = re.compile("[0-9]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_YEAR: Final = re.compile("(?:19|20)[0-9]{2}")

FilledCells = Mapping[int, bool]
"""The cells of a row that are not empty: column -> whether it could name one."""
Warn = Callable[[str, str], None]


def could_name(text: str) -> bool:
    """Whether a text may be the name of a column: words, or a year, but no number and no date in figures."""
    return not _DIGIT.search(text) or _LETTER.search(text) is not None or _YEAR.fullmatch(text.strip()) is not None


def find_heading_row(rows: Sequence[FilledCells], least_width: int = 2) -> int:
    """Which of the rows names the columns: the first that is as wide as the data.

    A row of one cell less counts too: an index often has no name. Where the first wide row holds numbers it is data;
    then the row above it names the columns, if it is half as wide and holds words alone, else the first row does.

    Args:
        rows: Those at the beginning, empty ones too.
        least_width: How wide the data must be for another row than the first one to be chosen.

    Returns:
        Its index; -1 if all rows are empty.
    """
    filled = [index for index, row in enumerate(rows) if row]
    if not filled:
        return -1
    widths = sorted(len(rows[index]) for index in filled)
    usual, first = widths[len(widths) // 2], filled[0]
    if usual < least_width or len(rows[first]) >= usual:
        return first
    wide = next(index for index in filled if len(rows[index]) >= usual)
    for index in filled:
        if index <= wide and len(rows[index]) >= max(usual - 1, 2) and all(rows[index].values()):
            return index
    above = [index for index in filled if index < wide and all(rows[index].values()) and 2 * len(rows[index]) >= usual]
    return above[-1] if above else first


def name_columns(
    headings: Mapping[int, str], used: Collection[int], label: Callable[[int], str], warn: Warn
) -> list[str]:
    """The names of all columns, each another one; "" for a column that has neither a heading nor cells.

    Args:
        headings: What stands in the heading row, by column.
        used: The columns that hold cells.
        label: What a column without a heading is called.
        warn: Called with a code and a message for headings that are missing, doubled or too long.

    Raises:
        Refusal: `too_many_columns`.
    """
    count = max((*headings, *used), default=-1) + 1
    check_columns(len({column for column, name in headings.items() if name} | {*used}))
    names = [clean(headings.get(column, "")).strip() for column in range(count)]
    long = [name for name in names if len(name) > MAX_NAME_CHARS]
    if long:
        warn(
            "clipped_headings",
            f"Headings with more than {MAX_NAME_CHARS} characters were clipped: {_listed(long)}.",
        )
        names = [short(name, MAX_NAME_CHARS) for name in names]
    unnamed = [column for column in used if not names[column]]
    for column in unnamed:
        names[column] = label(column)
    names, doubles = _apart(names)
    if unnamed:
        shown = _listed([names[column] for column in sorted(unnamed)])
        warn("unnamed_columns", f"Columns without a heading are called {shown}.")
    if doubles:
        warn("duplicate_columns", f"Columns have the same heading and are told apart as {_listed(doubles)}.")
    return names


def warn_of_rows_above(texts: Sequence[str], warn: Warn) -> None:
    """Tell of rows above the row that names the columns. texts: of the first cell of each."""
    if texts:
        verb = "row above the headings was" if len(texts) == 1 else "rows above the headings were"
        message = (
            f"{len(texts):,} {verb} left out: {_listed(texts)}. If the headings are elsewhere, set 'header_row' or "
            "'skip_rows'."
        )
        warn("rows_above_headings", message)


def _apart(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names with a number after those that were there before, and which these are."""
    taken = set(names)
    seen: set[str] = set()
    result, doubles = [], []
    for name in names:
        if name and name in seen:
            number = 2
            while (numbered := f"{name[: MAX_NAME_CHARS - 8]} ({number})") in taken:
                number += 1
            taken.add(numbered)
            doubles.append(numbered)
            result.append(numbered)
        else:
            result.append(name)
        seen.add(name)
    return result, doubles


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(quoted(name) for name in names[:_SHOWN_NAMES])
    return f"{shown} and {len(names) - _SHOWN_NAMES:,} more" if len(names) > _SHOWN_NAMES else shown
