"""Filters of an endpoint: which events it gets, by the fields of their bodies. An event must pass all of them."""

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from tasks.validation import shown

FILTERS_KEPT: Final = 1_000
"""Endpoints whose filters a process caches."""
FIELD: Final = r"^(type|data(\.[^.]+){0,10})$"
"""`type`, `data`, or the way to a value in it: names of members, or numbers of list entries from 0, with dots."""
FIELD_CHARS: Final = 200
TEXT_CHARS: Final = 200
MAX_FILTERS: Final = 20
MAX_VALUES: Final = 100
"""Values of one `in`."""
INDEX: Final = re.compile("[0-9]{1,9}")


def _scalar(value: Any) -> Any:
    """Before pydantic examines each type of the union by itself."""
    if not isinstance(value, str | int | float):
        raise ValueError(f"{shown(value)} is no text, number, true or false")  # noqa: TRY004 - pydantic's way
    if isinstance(value, str) and len(value) > TEXT_CHARS:
        raise ValueError(f"The text is too long (characters: at most {TEXT_CHARS})")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shown(value)} is no number")  # noqa: TRY004 - pydantic's way
    return value


def _none() -> Any:
    """A default that OpenAPI does not show."""
    return None


Text = Annotated[StrictStr, Field(max_length=TEXT_CHARS)]
Scalar = Annotated[Text | StrictBool | StrictInt | StrictFloat, BeforeValidator(_scalar)]
Number = Annotated[StrictInt | StrictFloat, BeforeValidator(_number)]


def _equal(found: Any, wanted: Any) -> bool:
    """As JSON sees it: 1 is 1.0, but not true."""
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def _of_numbers(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda found, wanted: (
        isinstance(found, int | float) and not isinstance(found, bool) and compare(found, wanted)
    )


OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "is": _equal,
    "is_not": lambda found, wanted: not _equal(found, wanted),
    "in": lambda found, wanted: any(_equal(found, one) for one in wanted),
    "exists": lambda found, wanted: (found is not None) is wanted,
    "contains": lambda found, wanted: isinstance(found, list) and any(_equal(one, wanted) for one in found),
    "starts_with": lambda found, wanted: isinstance(found, str) and found.startswith(wanted),
    "gt": _of_numbers(operator.gt),
    "gte": _of_numbers(operator.ge),
    "lt": _of_numbers(operator.lt),
    "lte": _of_numbers(operator.le),
}
"""Name → whether the value of a field passes."""


class EventFilter(BaseModel):
    """A condition on one field of an event: the field and exactly one operator."""

    # Each operator that is not there is None, which no value of an operator can be.
    model_config = ConfigDict(
        extra="forbid", serialize_by_alias=True, json_schema_extra={"minProperties": 2, "maxProperties": 2}
    )

    field: str = Field(
        pattern=FIELD,
        max_length=FIELD_CHARS,
        description="`type`, `data`, or a value in it: names, or numbers of list entries from 0, with dots between.",
        examples=["data.status"],
    )
    is_: Scalar = Field(default_factory=_none, alias="is", description="The field has this value.", examples=["paid"])
    is_not: Scalar = Field(default_factory=_none, description="The field has another value, or none.")
    in_: list[Scalar] = Field(
        default_factory=_none,
        alias="in",
        min_length=1,
        max_length=MAX_VALUES,
        description="The field has one of these values.",
    )
    exists: StrictBool = Field(
        default_factory=_none,
        description="`true`: the field has a value other than null. `false`: it is missing or null.",
    )
    contains: Scalar = Field(default_factory=_none, description="The field is a list that has this value.")
    starts_with: Text = Field(default_factory=_none, description="The field is a text that begins with this.")
    gt: Number = Field(default_factory=_none, description="The field is a number greater than this.")
    gte: Number = Field(default_factory=_none, description="The field is this number or a greater one.")
    lt: Number = Field(default_factory=_none, description="The field is a number less than this.")
    lte: Number = Field(default_factory=_none, description="The field is this number or a lesser one.")

    @model_validator(mode="after")
    def _has_one_operator(self) -> Self:
        found = self._operators()
        if len(found) != 1:
            names = ", ".join(found) or "none"
            raise ValueError(f"A filter needs exactly one of {', '.join(OPERATORS)}. This one has {names}")
        return self

    def _operators(self) -> dict[str, Any]:
        return self.model_dump(exclude={"field"}, exclude_none=True)

    def accepts(self, event: Any) -> bool:
        """Whether an event passes.

        Args:
            event: Its body, parsed.
        """
        ((name, wanted),) = self._operators().items()
        return OPERATORS[name](_value(event, self.field), wanted)


@lru_cache(FILTERS_KEPT)
def read_filters(text: str | bytes | None) -> tuple[EventFilter, ...]:
    """The filters as an endpoint's hash has them. None: it has none."""
    return tuple(map(EventFilter.model_validate, json.loads(text or "[]")))


def accepted(filters: Sequence[EventFilter], event: Any) -> bool:
    """Whether an event passes all filters.

    Args:
        filters: Of an endpoint.
        event: The body of the event, parsed.
    """
    return all(one.accepts(event) for one in filters)


def _value(event: Any, field: str) -> Any:
    """The value of a field; None where there is none."""
    for name in field.split("."):
        if isinstance(event, dict):
            event = event.get(name)
        elif isinstance(event, list) and INDEX.fullmatch(name) and int(name) < len(event):
            event = event[int(name)]
        else:
            return None
    return event
