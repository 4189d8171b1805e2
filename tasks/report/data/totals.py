"""Sums and their like, exact: Decimals with more digits than a million rows can fill."""

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from typing import Any, Final

from tasks.refusal import Refusal
from tasks.report.formats.columns import DATES, NUMBERS
from tasks.report.formats.numbers import EXACT
from tasks.report.spec.structs import ColumnSpec

_ORDERED: Final = frozenset({"min", "max", "count"})


class Total:
    """What has been seen of one column: count, sum, least and greatest value. kind: which of these is asked for."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._count = 0
        self._sum: Any = 0
        self._extreme: Any = None
        self._choose: Callable[..., Any] = min if kind == "min" else max

    def add(self, values: Sequence[Any]) -> None:
        """Count in values; none of them is None."""
        if not values:
            return
        self._count += len(values)
        if self._kind in ("sum", "avg"):
            with localcontext(EXACT):
                self._sum = sum(values, self._sum)
        elif self._kind in ("min", "max"):
            extreme = self._choose(values)
            self._extreme = extreme if self._extreme is None else self._choose(self._extreme, extreme)

    @property
    def value(self) -> Any:
        """The total; None for the average or an extreme of nothing."""
        if self._kind == "count":
            return self._count
        if self._kind == "sum":
            return self._sum
        if self._kind == "avg":
            return EXACT.divide(Decimal(self._sum), Decimal(self._count)) if self._count else None
        return self._extreme


def check_total(column: ColumnSpec, place: str) -> None:
    """Raises: Refusal `invalid_request` for a total that values of this type have not."""
    kind, total = column.type, column.total
    if total is None or kind in NUMBERS or total == "count" or (kind in DATES and total in _ORDERED):
        return
    message = f"A column of type {kind} cannot have the total {total}. The total count works for every type."
    raise Refusal("invalid_request", message, field=f"{place}.total")
