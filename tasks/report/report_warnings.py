"""What could not be shown as asked, and where: the `warnings` of a report's result."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from tasks.report.formats.cleaning import short
from tasks.report.layout.flow import Destination

MAX_MESSAGE_CHARS: Final = 500
"""Of one warning: what is quoted from the data must not fill a job's record."""
_NAMED_MISSING: Final = 20
"""Missing characters that a warning names; there may be thousands."""


class WarningPlace(NamedTuple):
    """Where a warning holds.

    Args:
        start: The beginning of its block on the pages of the blocks, if it has one.
        page: The number of its page, if it is known already.
    """

    start: Destination | None = None
    page: int | None = None


class ReportWarnings:
    """Collects the warnings of one report.

    Attributes:
        pages_before: How many pages stand before those of the blocks: the cover and the contents.
    """

    def __init__(self) -> None:
        self.pages_before = 0
        self._found: dict[tuple[str, str, str], WarningPlace] = {}
        self._missing: dict[str, None] = {}

    def add(self, code: str, message: str, block: str = "", place: WarningPlace | None = None) -> None:
        """Take note of a warning; the same one about the same block counts once.

        Args:
            code: For programs.
            message: For people.
            block: The path of the block, or of the field of the document.
            place: Where it holds.
        """
        self._found[code, short(message, MAX_MESSAGE_CHARS), block] = place or WarningPlace()

    def add_missing(self, character: str) -> None:
        """Take note of a character that no font has."""
        self._missing[character] = None

    def as_list(self) -> list[dict[str, Any]]:
        """Each with `code`, `message`, `block` and, where it is known, the number of its `page`."""
        return [*self._listed()]

    def _listed(self) -> Iterator[dict[str, Any]]:
        for (code, message, block), (start, page) in self._found.items():
            number = self.pages_before + start.page + 1 if start is not None and start.page >= 0 else page
            where = {} if number is None else {"page": number}
            yield {"code": code, "message": message, "block": block, **where}
        if self._missing:
            named = list(self._missing)[:_NAMED_MISSING]
            codes = ", ".join(f"U+{ord(character):04X}" for character in named)
            more = f" and {len(self._missing) - len(named):,} more" if len(self._missing) > len(named) else ""
            message = f"No font has {codes}{more}. A replacement character is shown instead."
            yield {"code": "missing_glyphs", "message": message, "block": ""}
