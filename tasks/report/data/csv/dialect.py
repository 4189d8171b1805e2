"""What a CSV file says of itself, or shows: its `sep=` line and its delimiter."""

import csv
import re
from collections import Counter
from typing import Final

from tasks.refusal import Refusal

CANDIDATES: Final = (",", ";", "\t", "|")
"""The first one is taken where nothing speaks for another."""
_SEP_LINE: Final = re.compile(r'\A"?sep=(.)"?(?:\n|\Z)', re.IGNORECASE)
_SAMPLE_CHARS: Final = 1 << 16
_SAMPLE_ROWS: Final = 100


def check_delimiter(delimiter: str) -> None:
    """Raises: Refusal `invalid_request`."""
    if delimiter in '"\r\n' or delimiter.isalnum():
        raise Refusal(
            "invalid_request",
            "The delimiter must be one character such as ; or a tab, not a letter, digit or quote.",
            field="delimiter",
        )


def sep_line(head: str) -> str | None:
    """The delimiter that the first line names, as Excel reads it: `sep=;`."""
    found = _SEP_LINE.match(head)
    return found[1] if found else None


def find_delimiter(head: str) -> str:
    """The candidate that parts the first rows most evenly; of two that do, the one that finds more cells."""
    best, delimiter = (False, 0.0, 1), CANDIDATES[0]
    sample = head[:_SAMPLE_CHARS]
    lines = (sample[: sample.rfind("\n") + 1] or sample).splitlines(keepends=True)
    for candidate in CANDIDATES:
        widths = _widths(lines, candidate)
        if not widths:
            continue
        width, count = max(Counter(widths).items(), key=lambda item: (item[0] > 1, item[1], item[0]))
        share = count / len(widths)
        score = (share >= 0.75, round(share, 1), width)
        if width > 1 and score > best:
            best, delimiter = score, candidate
    return delimiter


def _widths(lines: list[str], delimiter: str) -> list[int]:
    widths: list[int] = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                widths.append(len(row))
            if len(widths) == _SAMPLE_ROWS:
                break
    except csv.Error:
        pass  # what is wrong there is told when the file is read
    return widths
