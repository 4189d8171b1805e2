"""Colours by condition: which rule of a column holds for each of its values."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from tasks.refusal import Refusal
from tasks.report.data.cell_codecs import CellCodec, TextCodec
from tasks.report.spec.structs import CellRuleSpec, ColumnSpec

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}

Test = Callable[[Any, str], bool]
"""Takes a value that may be None, and how it is written."""


class ColumnRules:
    """The rules of one column; the first that holds counts."""

    def __init__(self, column: ColumnSpec, place: str, codec: CellCodec) -> None:
        self._tests = [_test(rule, f"{place}.rules.{index}", codec) for index, rule in enumerate(column.rules)]

    def __bool__(self) -> bool:
        return bool(self._tests)

    def hold(self, values: Sequence[Any], written: Sequence[str]) -> dict[int, int]:
        """Row -> the number of the rule that holds there."""
        found: dict[int, int] = {}
        for row, (value, text) in enumerate(zip(values, written, strict=True)):
            for number, test in enumerate(self._tests):
                if test(value, text):
                    found[row] = number
                    break
        return found


def _test(rule: CellRuleSpec, place: str, codec: CellCodec) -> Test:
    op, wanted = rule.op, rule.value
    if op == "empty":
        return lambda _, text: not text
    if wanted is None:
        raise Refusal("invalid_request", f"A rule with {op} needs a value.", field=f"{place}.value")
    said = {True: "true", False: "false"}[wanted] if isinstance(wanted, bool) else str(wanted)
    if op == "contains":
        return lambda _, text: said in text
    compare = _COMPARISONS[op]
    try:
        ((limit,), _) = codec.read([said], lambda _: "The rule's value")
    except Refusal as error:
        raise Refusal("invalid_request", error.message, field=f"{place}.value") from error
    if isinstance(codec, TextCodec):
        return lambda value, _: value != "" and compare(value, limit)
    return lambda value, _: value is not None and compare(value, limit)
