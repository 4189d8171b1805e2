"""Rules: the first that holds counts, by value and not by looks."""

from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import Refusal
from tests.support.report.tables import opened


def held(folder: Path, kind: str, values: list[Any], *rules: dict[str, Any], **said: Any) -> dict[int, int]:
    rows = opened([{"a": value} for value in values], [{"field": "a", "type": kind, "rules": rules, **said}], folder)
    batch = next(rows.batches())
    return dict(batch.rules.get(0, {}))


@pytest.mark.parametrize(
    ("kind", "op", "value", "values", "rows"),
    [
        ("money", "<", 0, ["-0.01", "0", "5"], [0]),
        ("money", "<=", 0, ["-0.01", "0", "5"], [0, 1]),
        ("decimal", "=", 0.1, ["0.10", "0.11"], [0]),
        ("decimal", "!=", "0.1", ["0.10", "0.11", ""], [1]),
        ("integer", ">=", 10, [9, 10, 11], [1, 2]),
        ("percent", ">", 0.5, ["0.5", "0.51"], [1]),
        ("date", "<", "2026-01-01", ["2025-12-31", "2026-01-01"], [0]),
        ("datetime", ">", "2026-01-01T00:00:00Z", ["2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z"], [0]),
        ("boolean", "=", True, ["yes", "no", ""], [0]),
        ("text", "=", "open", ["open", "Open", ""], [0]),
        ("text", "!=", "open", ["open", "shut", ""], [1]),
        ("text", "contains", "late", ["too late", "Later", ""], [0]),
        ("money", "contains", "€", ["1", ""], [0]),
        ("money", "empty", None, ["1", "", None], [1, 2]),
        ("text", "empty", None, ["1", "", None], [1, 2]),
    ],
)
def test_a_rule_holds_by_value(
    tmp_path: Path, kind: str, op: str, value: Any, values: list[Any], rows: list[int]
) -> None:
    assert held(tmp_path, kind, values, {"op": op, "value": value}) == dict.fromkeys(rows, 0)


def test_the_first_rule_that_holds_counts(tmp_path: Path) -> None:
    rules = ({"op": "<", "value": 0}, {"op": "<", "value": 10}, {"op": ">", "value": 5})
    assert held(tmp_path, "integer", [-1, 7, 12, 10], *rules) == {0: 0, 1: 1, 2: 2, 3: 2}


@pytest.mark.parametrize("total", ["sum", "max", "count"])
def test_a_rule_speaks_of_rows_not_of_totals(tmp_path: Path, total: str) -> None:
    column = {"field": "a", "type": "integer", "total": total, "rules": [{"op": ">", "value": 0}]}
    first, *_, last = opened([{"a": 1}, {"a": 1}], [column], tmp_path).batches()
    assert (first.kind, first.rules) == ("row", {0: {0: 0, 1: 0}})
    assert (last.kind, last.rules) == ("total", {})


def test_rules_follow_their_rows_when_those_are_sorted(tmp_path: Path) -> None:
    rows = opened(
        [{"a": 5}, {"a": -1}, {"a": 7}],
        [{"field": "a", "type": "integer", "rules": [{"op": "<", "value": 0}]}],
        tmp_path,
        sort=[{"field": "a"}],
    )
    assert next(rows.batches()).rules == {0: {0: 0}}


@pytest.mark.parametrize(
    ("kind", "rule"),
    [("integer", {"op": "<"}), ("integer", {"op": "<", "value": "x"}), ("date", {"op": "=", "value": 7})],
)
def test_a_rule_that_cannot_be_tried_is_refused_by_its_field(tmp_path: Path, kind: str, rule: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as caught:
        held(tmp_path, kind, [], rule)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "columns.0.rules.0.value")
