"""Which events pass a filter."""

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.validation import faults_of
from tasks.webhook.filters import OPERATORS, EventFilter, accepted

EVENT: dict[str, Any] = {
    "type": "order.paid",
    "data": {
        "status": "paid",
        "amount": 12.5,
        "count": 3,
        "test": True,
        "none": None,
        "tags": ["vip", 7],
        "of": {"lines": [{"sku": "A-1"}, {"sku": "B-2"}]},
    },
}

PASS: list[dict[str, Any]] = [
    {"field": "type", "is": "order.paid"},
    {"field": "data.status", "is": "paid"},
    {"field": "data.status", "is_not": "open"},
    {"field": "data.absent", "is_not": "open"},
    {"field": "data.status", "in": ["open", "paid"]},
    {"field": "data.status", "starts_with": "pa"},
    {"field": "data.count", "is": 3.0},
    {"field": "data.test", "is": True},
    {"field": "data.test", "is_not": 1},
    {"field": "data.amount", "gt": 12},
    {"field": "data.amount", "gte": 12.5},
    {"field": "data.amount", "lt": 13},
    {"field": "data.amount", "lte": 12.5},
    {"field": "data.status", "exists": True},
    {"field": "data.none", "exists": False},
    {"field": "data.absent.too", "exists": False},
    {"field": "data.tags", "contains": "vip"},
    {"field": "data.of.lines.1.sku", "is": "B-2"},
    {"field": "data", "exists": True},
]
FAIL: list[dict[str, Any]] = [
    {"field": "type", "is": "order"},
    {"field": "data.status", "is": "Paid"},
    {"field": "data.status", "is_not": "paid"},
    {"field": "data.status", "in": ["open"]},
    {"field": "data.count", "is": "3"},
    {"field": "data.count", "starts_with": "3"},
    {"field": "data.test", "is": 1},
    {"field": "data.test", "gte": 1},
    {"field": "data.amount", "gt": 12.5},
    {"field": "data.status", "gt": 1},
    {"field": "data.absent", "lt": 1},
    {"field": "data.absent", "exists": True},
    {"field": "data.status", "exists": False},
    {"field": "data.tags", "contains": "VIP"},
    {"field": "data.status", "contains": "paid"},
    {"field": "data.of.lines.2.sku", "exists": True},
    {"field": "data.of.lines.sku", "exists": True},
]


@pytest.mark.parametrize("one", PASS, ids=str)
def test_passes(one: dict[str, Any]) -> None:
    assert EventFilter.model_validate(one).accepts(EVENT)


@pytest.mark.parametrize("one", FAIL, ids=str)
def test_does_not_pass(one: dict[str, Any]) -> None:
    assert not EventFilter.model_validate(one).accepts(EVENT)


def test_all_filters_must_pass() -> None:
    passed, failed = EventFilter.model_validate(PASS[0]), EventFilter.model_validate(FAIL[0])
    assert accepted([passed, passed], EVENT)
    assert not accepted([passed, failed], EVENT)
    assert accepted([], EVENT)


def test_each_operator_is_a_field_of_the_model_and_is_tested() -> None:
    fields = {field.alias or name for name, field in EventFilter.model_fields.items()}
    tested = {name for one in (*PASS, *FAIL) for name in one}
    assert fields == tested == {"field", *OPERATORS}


@pytest.mark.parametrize(
    ("one", "message"),
    [
        ({"field": "data.a"}, "A filter needs exactly one of is, is_not, in, exists,"),
        ({"field": "data.a", "is": 1, "gt": 2}, "This one has is, gt."),
        ({"field": "data.a", "is": None}, "is: null is no text, number, true or false."),
        ({"field": "status", "is": 1}, "'status' does not have the right form. Send type, data"),
        ({"field": "data.a", "equals": 1}, "equals: The field is unknown."),
        ({"field": "data.a", "in": []}, "in: There are too few entries (0, at least 1)."),
        ({"field": "data.a", "exists": "yes"}, "exists: 'yes' is neither true nor false."),
        ({"field": "data.a", "gt": "5"}, "gt: '5' is no number."),
        ({"field": "data.a", "lte": True}, "lte: true is no number."),
        ({"field": "data.a", "is": ["paid"]}, "is: A list is no text, number, true or false."),
        ({"field": "data.a", "in": ["a", {}]}, "in.1: A JSON object is no text, number, true or false."),
        ({"field": "data.a", "is_not": "x" * 201}, "is_not: The text is too long (characters: at most 200)."),
    ],
    ids=str,
)
def test_a_wrong_filter_is_told_in_plain_words(one: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        EventFilter.model_validate(one)
    (fault,) = faults_of(refused.value)
    assert message in fault.message


def test_it_is_written_as_it_was_given() -> None:
    for one in (*PASS, *FAIL):
        assert EventFilter.model_validate(one).model_dump(exclude_none=True) == one
