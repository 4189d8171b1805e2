"""Which sheet of a workbook is read."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from tasks.refusal import Refusal
from tasks.report.data.workbooks.sheet_rows import LeftOut
from tasks.report.formats.cleaning import quoted

_MAX_SHOWN: Final = 10


class NamedSheet(Protocol):
    """A sheet as a workbook lists it."""

    @property
    def name(self) -> str: ...

    @property
    def is_hidden(self) -> bool: ...


S = TypeVar("S", bound=NamedSheet)


def choose_sheet(
    sheets: Sequence[S], said: str | None, include_hidden: bool, is_filled: Callable[[S], bool], left_out: LeftOut
) -> S:
    """The sheet that is asked for by its name or number, or else the first visible one that holds cells.

    Args:
        sheets: At least one.
        said: Its name, or its number from 1.
        include_hidden: Whether a hidden sheet may be the first one.
        is_filled: Tells whether a sheet holds cells.
        left_out: Where other sheets that hold cells are noted if none is asked for.

    Raises:
        Refusal: `unknown_sheet`, or `malformed_dataset` if all sheets with cells are hidden.
    """
    if said is not None:
        named = next((sheet for sheet in sheets if sheet.name == said), None)
        if named is None and said.isdecimal() and 1 <= int(said) <= len(sheets):
            named = sheets[int(said) - 1]
        if named is None:
            known = ", ".join(quoted(sheet.name) for sheet in sheets[:_MAX_SHOWN])
            message = f"The workbook has no sheet {quoted(said)}. It has {known}. A number from 1 on names one too."
            raise Refusal("unknown_sheet", message, field="sheet")
        return named
    filled = [sheet for sheet in sheets if is_filled(sheet)]
    shown = [sheet for sheet in filled if include_hidden or not sheet.is_hidden]
    if filled and not shown:
        message = (
            f"All sheets that hold cells are hidden. Set 'include_hidden', or 'sheet' to {quoted(filled[0].name)}."
        )
        raise Refusal("malformed_dataset", message, field="include_hidden")
    left_out.sheets += [sheet.name for sheet in shown[1:]]
    left_out.hidden_sheets += [sheet.name for sheet in filled if sheet not in shown]
    return shown[0] if shown else sheets[0]
